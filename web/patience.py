"""How long a client may take to say what it wants, and to take what it gets. What that is is not decided here."""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

REQUEST_S: Final = 10.0
"""Seconds from the connection, or from the answer before, to a request that is complete."""

TAKE_S: Final = 30.0
"""Seconds without a byte taken of an answer that waits to be sent."""


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, which waits for ever for a request that was begun, or never was, and for whoever does not
    read its answer; so strangers who only connect could take every place there is, and readers every download's."""

    request_s = REQUEST_S
    take_s = TAKE_S
    _limit: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.take_s, self._look_whether_it_is_taken)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()
        self._stop_waiting()

    def _watch(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._stop_watching()
        elif self._limit is None:
            self._left = self.transport.get_write_buffer_size()
            self._limit = self.loop.call_later(self.request_s, self._look_whether_it_asks)

    def _look_whether_it_asks(self) -> None:
        # An answer may be complete for us and still be on its way, over a slow line.
        if self._was_taken():
            self._limit = self.loop.call_later(self.request_s, self._look_whether_it_asks)
        else:
            self.transport.abort()

    def _look_whether_it_is_taken(self) -> None:
        if self._was_taken():
            self._stalled = self.loop.call_later(self.take_s, self._look_whether_it_is_taken)
        else:
            self.transport.abort()

    def _was_taken(self) -> bool:
        """Whether something is left of the answer, and less than at the last look."""
        before, self._left = self._left, self.transport.get_write_buffer_size()
        return 0 < self._left < before

    def _stop_watching(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _stop_waiting(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
