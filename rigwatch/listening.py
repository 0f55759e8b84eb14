"""Where the server's parts listen: taking an address for one of them, and finding out beforehand that it can be had."""

import errno
import socket
from collections.abc import Iterator
from typing import Final

from rigwatch.errors import RigwatchError
from rigwatch.settings.server import BrokerSettings, WebSettings

# asyncio's default of 100 refuses a fleet that reconnects at once; the kernel cuts it to its own limit.
_BACKLOG: Final = 4096


def bind(host: str, port: int, *, setting: str) -> socket.socket:
    """A listening socket; raises `RigwatchError` naming the setting to change when the address cannot be had."""
    return _bound(host, port, f"choose another for {setting} in server.toml")


def _bound(host: str, port: int, advice: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as exc:
        why = "another program has it" if exc.errno == errno.EADDRINUSE else exc.strerror or str(exc)
        raise RigwatchError(f"cannot listen on {host} port {port}: {why}; {advice}") from exc
    listening.setblocking(False)
    return listening


def check_free(*sections: BrokerSettings | WebSettings, is_first: bool = False) -> None:
    """Raises `RigwatchError` for the first address that these could not listen on now; nothing stays bound.

    For whoever starts them: a part that finds its port taken is too late to keep the others from starting. With
    `is_first` there is no file yet to write another into.
    """
    for section in sections:
        for host, port, table, key in _addresses(section):
            advice = f"choose another for [{table}] {key} in server.toml"
            if is_first:
                named = f"RIGWATCH_{table}__{key}".upper()
                advice = f"choose another for this first start, which keeps it: {named}={port % 50_000 + 10_000} …"
            _bound(host, port, advice).close()


def _addresses(section: BrokerSettings | WebSettings) -> Iterator[tuple[str, int, str, str]]:
    if isinstance(section, WebSettings):
        yield section.host, section.port, "web", "port"
        return
    if section.mode != "embedded":
        return
    inside = section.plain_host
    for host, port, name in (
        (section.host, section.port, "port"),
        (inside, section.plain_port, "plain_port"),
        (section.host if section.websocket_tls else inside, section.websocket_port, "websocket_port"),
    ):
        if port:
            yield host, port, "broker", name
