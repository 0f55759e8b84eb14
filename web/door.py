"""The dashboard's door: accepts connections, a bounded number in all and of each address; the oldest idle makes room.

Of IPv6 the network of 64 bits counts as one address: a machine has as many in it as it likes.

Counted before the TLS handshake, so that whoever only connects takes no place from anybody for long.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rigwatch.accepting import accepting
from rigwatch.clock import Clock
from web.access.guesses import source_of
from web.timeouts import TimeoutProtocol

log = logging.getLogger(__name__)

CONNECTIONS: Final = 2000
PER_ADDRESS: Final = 100
"""A browser opens six; an office behind one address, or a proxy that is not trusted, a few dozen."""

HANDSHAKE_S: Final = 10.0


@dataclass(eq=False, slots=True)
class Guest:
    """A connection; `protocol` once it is open."""

    source: str
    since: float
    opening: "asyncio.Task[None] | None" = None
    protocol: TimeoutProtocol | None = None

    def idle_since(self) -> float | None:
        """None while it is being answered."""
        return self.since if self.protocol is None or not self.protocol.is_open else self.protocol.idle_since

    def show_out(self) -> None:
        if self.opening is not None:
            self.opening.cancel()
        elif self.protocol is not None:
            self.protocol.transport.abort()


class Door:
    """Accepts on one socket while `serve` runs; the socket stays its owner's. `is_exempt` addresses speak for many."""

    def __init__(
        self,
        make: Callable[[], TimeoutProtocol],
        context: ssl.SSLContext | None,
        clock: Clock,
        *,
        is_exempt: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        self._make = make
        self._context = context
        self._clock = clock
        self._is_exempt = is_exempt
        self._guests: defaultdict[str, set[Guest]] = defaultdict(set)
        self._total = 0

    async def serve(self, listening: socket.socket) -> None:
        """Until it is cancelled; connections that are open then stay open."""
        try:
            await accepting(listening, self._enter, clock=self._clock, full=_say_full)
        finally:
            opening = [guest.opening for guests in self._guests.values() for guest in guests if guest.opening]
            for task in opening:
                task.cancel()
            await asyncio.gather(*opening, return_exceptions=True)

    def _enter(self, accepted: socket.socket, place: tuple[str, int]) -> None:
        source = source_of(place[0])
        if not self._make_room(source, is_exempt=self._is_exempt(place[0])):
            accepted.close()
            return
        guest = Guest(source, asyncio.get_running_loop().time())
        self._guests[source].add(guest)
        self._total += 1
        guest.opening = asyncio.create_task(self._open(accepted, guest), name="dashboard connection")
        # Whatever became of it: a task that is cancelled before it begins runs nothing of its own.
        guest.opening.add_done_callback(lambda _task: self._opened(accepted, guest))

    def _make_room(self, source: str, *, is_exempt: bool) -> bool:
        of_source = self._guests.get(source, set())
        if len(of_source) >= PER_ADDRESS and not is_exempt:
            return self._show_out_oldest(of_source)
        if self._total >= CONNECTIONS:
            return self._show_out_oldest(max(self._guests.values(), key=len))
        return True

    def _show_out_oldest(self, guests: set[Guest]) -> bool:
        idle = [(since, guest) for guest in guests if (since := guest.idle_since()) is not None]
        if not idle:
            return False
        _, oldest = min(idle, key=lambda pair: pair[0])
        oldest.show_out()
        self._leave(oldest)
        return True

    async def _open(self, accepted: socket.socket, guest: Guest) -> None:
        """A handshake that fails is nobody's news: they do all day on the open internet."""

        def made() -> TimeoutProtocol:
            protocol = self._make()
            protocol.when_gone = lambda: self._leave(guest)
            guest.protocol = protocol
            return protocol

        seconds = HANDSHAKE_S if self._context else None
        with contextlib.suppress(OSError, ssl.SSLError):
            await asyncio.get_running_loop().connect_accepted_socket(
                made, accepted, ssl=self._context, ssl_handshake_timeout=seconds
            )

    def _opened(self, accepted: socket.socket, guest: Guest) -> None:
        guest.opening = None
        if guest.protocol is None or not guest.protocol.is_open:
            accepted.close()
            self._leave(guest)

    def _leave(self, guest: Guest) -> None:
        guests = self._guests.get(guest.source, set())
        if guest in guests:
            guests.remove(guest)
            self._total -= 1
            if not guests:
                del self._guests[guest.source]


def _say_full(why: str) -> None:
    log.warning("dashboard cannot accept a connection, goes on trying why=%s", why)
