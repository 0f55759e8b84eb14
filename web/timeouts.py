"""How long a client may take to say what it wants, and to take what it gets. What that is is not decided here."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from web.access.authenticator import GONE

REQUEST_S: Final = 10.0
"""Seconds from the connection, or from the answer before, to a request that is complete."""

BODY_S: Final = 30.0
"""Seconds from the head of a request to the end of its body: forms are small."""

TAKE_S: Final = 30.0
"""Seconds without a byte taken of an answer that waits to be sent."""


class TimeoutProtocol(H11Protocol):
    """uvicorn's protocol, which waits for ever for a request that was begun, or never was, and for whoever does not
    read its answer; so strangers who only connect could take every place there is, and readers every download's.

    `is_open` from the handshake to the end, when `when_gone` is called; whoever works on a request sees it by the event
    `GONE` in the request's state.
    """

    request_s = REQUEST_S
    body_s = BODY_S
    take_s = TAKE_S
    is_open = False
    _limit: asyncio.TimerHandle | None = None
    _body: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _left = 0
    _since = 0.0

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own, handed on
        super().__init__(*arguments, **options)
        self.when_gone: Callable[[], None] = lambda: None
        self._gone = threading.Event()
        self.app_state = {**self.app_state, GONE: self._gone}

    @property
    def idle_since(self) -> float | None:
        """Since when it owes a request, by the loop's time; None while one is under way."""
        return self._since if self._is_idle() else None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.is_open, self._since = True, self.loop.time()
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
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
        self.is_open = False
        self._gone.set()
        super().connection_lost(exc)
        self._stop_watching()
        self._stop_waiting()
        self._await_body()
        self.when_gone()

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _watch(self) -> None:
        self._await_body()
        if not self._is_idle():
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

    def _await_body(self) -> None:
        waits = self.is_open and not self._is_idle() and self.cycle.more_body
        if waits and self._body is None:
            self._body = self.loop.call_later(self.body_s, self.transport.abort)
        elif not waits and self._body is not None:
            self._body.cancel()
            self._body = None

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
