"""One HTTP request to a miner or a chain client on its own machine, with one limit on the whole of its time."""

import http.client
import io
import socket
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from publisher.sources.mending import Tail, unpacked
from publisher.sources.reading import SourceError
from rigwatch.deadline import TimedBytes

ANSWER_MAX: Final = 4 * 1024 * 1024
_CHUNK: Final = 64 * 1024
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


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https URL taken apart; a login in it goes into a header and is never shown."""

    secure: bool
    host: str
    port: int
    path: str
    authorization: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError that does not repeat the URL, which may hold a password."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("url should look like http://127.0.0.1:8545") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("url should look like http://127.0.0.1:8545")
        secure = parts.scheme == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(secure, host, port or (443 if secure else 80), path, _basic(parts.username, parts.password))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def request(
    address: Address, *, timeout: float, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """The body of the answer (POST with a `body`, else GET); raises SourceError, for a status that is none of success
    its StatusError. No proxy is used and no redirect followed. `timeout` is in seconds, for everything together.
    """
    deadline = time.monotonic() + timeout
    kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=timeout)
    connection.response_class = _until(deadline)
    all_headers = {"Connection": "close", "Accept": "application/json", **(headers or {})}
    if address.authorization:
        all_headers["Authorization"] = address.authorization
    try:
        connection.request("POST" if body is not None else "GET", address.path, body=body, headers=all_headers)
        with connection.getresponse() as response:
            status, reason = response.status, response.reason
            data = unpacked(_read(response), response.headers.get("Content-Encoding", ""))
    except TimeoutError:
        raise TooLateError(f"{address}: no answer within {timeout:g} s") from None
    except ConnectionRefusedError as exc:
        raise RefusedError(f"{address}: {_why(exc)}") from exc
    except (OSError, http.client.HTTPException, UnicodeError) as exc:
        raise SourceError(f"{address}: {_why(exc)}") from exc
    finally:
        connection.close()
    if status not in _GOOD:
        raise StatusError(f"{address}: HTTP status {status} {reason}".strip(), status, data)
    return data


def _until(deadline: float) -> type[http.client.HTTPResponse]:
    """Answers that have come by then."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's own
            super().__init__(sock, *args, **kwargs)
            self.fp = io.BufferedReader(TimedBytes(self.fp.detach(), sock, deadline))

        def begin(self) -> None:
            if self.fp.peek(1)[:1] not in _JSON:
                super().begin()
                return
            # Some write their answer and nothing before it.
            self.headers = self.msg = http.client.HTTPMessage()
            self.code = self.status = http.client.OK
            self.reason, self.version, self.length, self.chunked, self.will_close = "", 9, None, False, True

    return Response


def _read(response: http.client.HTTPResponse) -> bytes:
    """The whole body. JSON ends where it ends: some leave the connection open, or promise more bytes than they send."""
    data, tail = bytearray(), Tail()
    if response.length and response.fp.peek(1)[:1] in _JSON:
        # What is promised may be too little as well: characters are counted for bytes.
        response.length = None
    while True:
        try:
            piece = response.read1(_CHUNK)
        except (TimeoutError, ConnectionResetError, http.client.IncompleteRead):
            if not data.strip():
                raise
            # What came says more than that it was late: it is cut short, or of another kind.
            return bytes(data)
        data += piece
        if len(data) > ANSWER_MAX:
            raise OSError(f"answer larger than {ANSWER_MAX} bytes")
        if not piece or tail.ended(piece):
            return bytes(data)


def _basic(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()


def _why(exc: Exception) -> str:
    if isinstance(exc, http.client.HTTPException):
        # A server of another kind may have sent anything.
        text = " ".join(word for word in str(exc).split() if word.isprintable())[:_WORDS_MAX]
        return f"not an HTTP answer ({text or 'nothing that can be read'}); is this the right port?"
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
