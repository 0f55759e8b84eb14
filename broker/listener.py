"""Listening sockets: accepting, counting before any handshake, TLS. One accept loop a socket."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final

from broker.connection import Connection
from broker.hub import Hub
from broker.lines import network_of
from rigwatch.accepting import accepting

log = logging.getLogger(__name__)

# A peer that vanished without a keep-alive of its own is found by TCP after about three minutes.
_TCP_KEEPALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}


class Listener:
    """Accepts on one socket until it is closed."""

    def __init__(
        self,
        hub: Hub,
        listening: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        wrap: Callable[[Connection], asyncio.Protocol] = lambda connection: connection,
    ) -> None:
        self._hub = hub
        self._listening = listening
        self._tls = tls
        self._wrap = wrap
        self._opening: set[asyncio.Task[None]] = set()
        # Accepted, and not yet any transport's to close.
        self._unowned: set[socket.socket] = set()
        self._loop = asyncio.get_running_loop()

    async def serve(self) -> None:
        """Runs until cancelled. The listening socket stays its owner's."""
        try:
            await accepting(self._listening, self._enter, clock=self._hub.clock, full=_say_full)
        finally:
            for task in self._opening:
                task.cancel()
            await asyncio.gather(*self._opening, return_exceptions=True)

    def _enter(self, accepted: socket.socket, address: tuple[str, int]) -> None:
        connection = self._hub.enter(*address[:2])
        if connection is None:
            accepted.close()
            return
        self._unowned.add(accepted)
        task = connection.opening = self._loop.create_task(self._open(accepted, connection), name="open")
        self._opening.add(task)
        task.add_done_callback(partial(self._opened, accepted, connection))

    async def _open(self, accepted: socket.socket, connection: Connection) -> None:
        """Hands the socket to the connection, after the TLS handshake where there is one."""
        _set_options(accepted)
        # From here on the transport closes it. Doing that here as well could hit another socket with the same number.
        self._unowned.discard(accepted)
        await self._loop.connect_accepted_socket(lambda: self._wrap(connection), accepted, ssl=self._tls)

    def _opened(self, accepted: socket.socket, connection: Connection, task: "asyncio.Task[None]") -> None:
        """Whatever became of it; a task that was cancelled before it began has run nothing of its own."""
        self._opening.discard(task)
        connection.opening = None
        if accepted in self._unowned:
            self._unowned.discard(accepted)
            accepted.close()
        failure = None if task.cancelled() else task.exception()
        if failure is None and not task.cancelled():
            return
        connection.never_opened()
        self._say_failed(connection.address, failure)

    def _say_failed(self, address: str, failure: BaseException | None) -> None:
        """Handshakes fail all day on the open internet; a rig that trusts another authority is seen here only."""
        lines, who = self._hub.lines, network_of(address)
        if isinstance(failure, ssl.SSLError):
            lines.info(log, "TLS handshake failed", who, "address=%s reason=%s", address, failure.reason)
        elif failure is not None and not isinstance(failure, OSError):
            what = "connection could not be opened"
            lines.write(log, logging.ERROR, what, who, "address=%s", (address,), failure)


def _set_options(accepted: socket.socket) -> None:
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP_KEEPALIVE.items():
        if hasattr(socket, name):
            accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _say_full(why: str) -> None:
    log.error("cannot accept connections, will go on trying error=%s", why)
