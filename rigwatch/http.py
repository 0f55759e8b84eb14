"""One HTTP request to a server of somebody else's, bounded in time and bytes whatever is answered."""

import http.client
import io
import math
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

from rigwatch.deadline import TimedBytes
from rigwatch.errors import RigwatchError

ANSWER_MAX: Final = 1024 * 1024
WAIT_MAX_S: Final = 3600.0
"""Longer than this nobody is waited for, whatever `Retry-After` asks."""
_CHUNK: Final = 64 * 1024
_WORDS_MAX: Final = 120


class HttpError(RigwatchError):
    """There is no answer. `sent`: the request had gone out whole, so the other side may have acted on it.

    The text never holds the address, of which a secret may be part.
    """

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """Of any status. `wait` is how many seconds the server asks to be left alone."""

    status: int
    body: bytes = field(default=b"", repr=False)
    wait: float = 0.0


def ask(url: str, *, timeout: float, body: bytes | None = None, most: int = ANSWER_MAX) -> Answer:
    """The answer to a GET, or to a POST of JSON where there is a `body`. Raises `HttpError` and nothing else.

    `timeout` is in seconds, for everything together but the look-up of the name; `most` is how many bytes of the answer
    are taken, 0 = its status is all that is wanted. No redirect is followed; proxies are those of the environment.
    """
    deadline = time.monotonic() + timeout
    opener = urllib.request.OpenerDirector()
    # Only what opens, no handlers of redirects and statuses: every answer is an answer.
    for handler in (urllib.request.ProxyHandler(), _Plain(deadline), _Secure(deadline)):
        opener.add_handler(handler)
    try:
        request = urllib.request.Request(url, body, {"User-Agent": "rigwatch", "Accept": "application/json"})  # noqa: S310
        if body is not None:
            request.add_header("Content-Type", "application/json")
        with opener.open(request, timeout=timeout) as response:
            data = _read(response, most)
            return Answer(response.status, data, wait_asked_for(response.headers.get("Retry-After"), time.time()))
    except urllib.error.URLError as exc:
        # urllib's own wrapping of what went wrong before the request was out.
        raise HttpError(_why(exc.reason, timeout), sent=False) from None
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as exc:
        # http.client's own defects on odd answers are ValueError and AttributeError.
        raise HttpError(_why(exc, timeout), sent=True) from None


def wait_asked_for(asked: object, now: float) -> float:
    """Seconds in a `Retry-After`, a number or a date; 0 where it is neither, an hour at most."""
    if isinstance(asked, bool) or not isinstance(asked, int | float | str):
        return 0.0
    try:
        seconds = float(asked)
    except OverflowError:
        return WAIT_MAX_S if asked > 0 else 0.0  # type: ignore[operator] # only an int is too large
    except ValueError:
        seconds = _until_date(str(asked), now)
    if math.isnan(seconds):
        return 0.0
    return min(max(seconds, 0.0), WAIT_MAX_S)


def _until_date(text: str, now: float) -> float:
    try:
        moment = parsedate_to_datetime(text[:64])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_connection, http.client.HTTPConnection, self._deadline), req)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_connection, http.client.HTTPSConnection, self._deadline), req)


def _connection(
    kind: type[http.client.HTTPConnection], deadline: float, host: str, /, *, timeout: float
) -> http.client.HTTPConnection:
    connection = kind(host, timeout=timeout)
    connection.response_class = _until(deadline)
    return connection


def _until(deadline: float) -> type[http.client.HTTPResponse]:
    """Answers that have come by then."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's own
            super().__init__(sock, *args, **kwargs)
            self.fp = io.BufferedReader(TimedBytes(self.fp.detach(), sock, deadline))

    return Response


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    data = bytearray()
    while most and (piece := response.read1(_CHUNK)):
        data += piece
        if len(data) > most:
            raise OSError(f"the answer is larger than {most} bytes")
    if most and response.length:
        raise OSError("the answer is cut off")
    return bytes(data)


def _why(exc: object, timeout: float) -> str:
    if isinstance(exc, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(exc, http.client.IncompleteRead):
        return "the answer is cut off"
    if isinstance(exc, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(exc, OSError):
        words = exc.strerror or str(exc) or type(exc).__name__
    else:
        # A server of another kind may have sent anything, and some of these repeat the address.
        words = f"not an answer as HTTP has it ({type(exc).__name__})"
    return "".join(each if each.isprintable() else " " for each in words)[:_WORDS_MAX]
