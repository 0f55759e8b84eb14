"""HTTP as miners and chain clients speak it, with the defects that are known of them."""

import http.client
from collections.abc import Mapping
from typing import Final

from publisher.sources.mending import JsonEnd, unpacked
from publisher.sources.reading import SourceError
from rigwatch.http import CHUNK, Address, HttpError, Response, TooLargeError, ask, status_text

_ANSWER_MAX: Final = 4 * 1024 * 1024
_WORDS_MAX: Final = 80
_JSON: Final = (b"{", b"[")
_GOOD: Final = range(200, 300)


class StatusError(SourceError):
    """The server answered, with an HTTP status that is not of success."""

    def __init__(self, message: str, status: int, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class RefusedError(SourceError):
    """Nobody listens at the address."""


class TooLateError(SourceError):
    """The time was over before the answer was there."""


def request(
    address: Address, *, timeout: float, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """The body of the answer (POST with a `body`, else GET); raises SourceError, for a status that is none of success
    its StatusError. No proxy is used and no redirect followed. `timeout` is in seconds, for everything together.
    """
    try:
        answer = ask(
            address, timeout=timeout, body=body, headers=headers, most=_ANSWER_MAX, form=_Lenient, proxied=False
        )
    except HttpError as exc:
        raise _failure(address, exc) from None
    if answer.status not in _GOOD:
        raise StatusError(f"{address}: {status_text(answer.status)}", answer.status, answer.body)
    return answer.body


class _Lenient(Response):
    def begin(self) -> None:
        if self.fp.peek(1)[:1] not in _JSON:
            super().begin()
            return
        # Some write their answer and nothing before it.
        self.headers = self.msg = http.client.HTTPMessage()
        self.code = self.status = http.client.OK
        self.reason, self.version, self.length, self.chunked, self.will_close = "", 9, None, False, True

    def whole(self, most: int) -> bytes:
        return unpacked(self._until_its_end(most), self.headers.get("Content-Encoding", ""))

    def _until_its_end(self, most: int) -> bytes:
        """JSON ends where it ends: some leave the connection open, or promise more bytes than they send."""
        data, tail = bytearray(), JsonEnd()
        if self.length and self.fp.peek(1)[:1] in _JSON:
            # What is promised may be too little as well: characters are counted for bytes.
            self.length = None
        while True:
            try:
                piece = self.read1(CHUNK)
            except (TimeoutError, ConnectionResetError, http.client.IncompleteRead):
                if not data.strip():
                    raise
                # What came says more than that it was late: it is cut short, or of another kind.
                return bytes(data)
            data += piece
            if len(data) > most:
                raise TooLargeError(most)
            if not piece or tail.ended(piece):
                return bytes(data)


def _failure(address: Address, exc: HttpError) -> SourceError:
    cause = exc.cause
    if isinstance(cause, TimeoutError):
        return TooLateError(f"{address}: {exc}")
    if isinstance(cause, ConnectionRefusedError):
        return RefusedError(f"{address}: {exc}")
    if isinstance(cause, http.client.BadStatusLine) and not isinstance(cause, OSError):
        text = " ".join(word for word in str(cause).split() if word.isprintable())[:_WORDS_MAX]
        return SourceError(
            f"{address}: not an HTTP answer ({text or 'nothing that can be read'}); is this the right port?"
        )
    return SourceError(f"{address}: {exc}")
