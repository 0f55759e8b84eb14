"""Unix sockets, where the system has them: a server that answers HTTP on one, and a connection to it."""

import errno
import http.client
import socket
import socketserver
import sys
from pathlib import Path
from typing import Any

_NONE = "this system has no Unix sockets; listen on a port"


def unix_server(path: Path, handler: type[Any]) -> socketserver.BaseServer:
    """Listens, each connection in a thread. Raises OSError, EADDRINUSE where a living process has the socket."""
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, _NONE)
    else:  # noqa: RET506 - mypy reads a class behind a raise on every platform

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        _clear(path)
        return Server(str(path), handler)


def unix_connection(path: Path, timeout: float) -> http.client.HTTPConnection:
    """Connects with its first request. Raises OSError."""
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, _NONE)

    class UnixConnection(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(path))

    return UnixConnection("localhost", timeout=timeout)


def _clear(path: Path) -> None:
    """Takes away the socket of a process that is no more; raises OSError (EADDRINUSE) where one listens."""
    if sys.platform == "win32" or not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "somebody listens there already")
