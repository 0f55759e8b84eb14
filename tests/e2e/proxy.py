"""A door in front of a broker that counts who comes: logs say a refusal once, however often somebody knocks."""

import select
import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

_PIECE = 65536


class Door(socketserver.ThreadingTCPServer):
    """Passes every connection on to a port of this machine; `knocks` is how many there were."""

    daemon_threads = True

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.behind = behind
        self.knocks = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Passage(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Door)
        self.server.knocks += 1
        with socket.create_connection(("127.0.0.1", self.server.behind)) as inner:
            ends = {self.request: inner, inner: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    piece = end.recv(_PIECE)
                    if not piece:
                        return
                    ends[end].sendall(piece)


@contextmanager
def door_to(port: int) -> Iterator[Door]:
    """Open until the block ends."""
    with Door(port) as door:
        thread = Thread(target=door.serve_forever, name="door")
        thread.start()
        yield door
        door.shutdown()
        thread.join()
