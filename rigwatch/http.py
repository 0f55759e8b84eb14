"""HTTP to others: one request, bounded in time and bytes whatever is answered."""

import http.client
import io
import math
import socket
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from rigwatch.deadline import TimedBytes
from rigwatch.endpoint import bracketed
from rigwatch.errors import RigwatchError
from rigwatch.texts import plain

ANSWER_MAX: Final = 1024 * 1024
WAIT_MAX_S: Final = 3600.0
"""Longer than this nobody is waited for, whatever `Retry-After` asks."""
CHUNK: Final = 64 * 1024
_WORDS_MAX: Final = 120


class HttpError(RigwatchError):
    """There is no answer. `sent`: the request had gone out whole, so the other side may have acted on it.

    The text never holds the address, of which a secret may be part, nor what was sent instead of an answer, which may
    repeat it; `cause` may.
    """

    def __init__(self, why: str, *, sent: bool, cause: Exception) -> None:
        super().__init__(why)
        self.sent = sent
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https URL taken apart; a login in it goes into a header, and neither it nor the path is shown."""

    secure: bool
    host: str
    port: int
    path: str = field(repr=False)
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
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Of any status. `wait` is how many seconds the server asks to be left alone."""

    status: int
    body: bytes = field(default=b"", repr=False)
    wait: float = 0.0


class Response(http.client.HTTPResponse):
    """An answer that has come by the deadline, which is monotonic."""

    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's own
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(TimedBytes(self.fp.detach(), sock, deadline))

    def whole(self, most: int) -> bytes:
        """All of its body; raises OSError where that is larger, or less than was promised."""
        data = bytearray()
        while most and (piece := self.read1(CHUNK)):
            data += piece
            if len(data) > most:
                raise TooLargeError(most)
        if most and self.length:
            raise OSError("the answer is cut off")
        return bytes(data)


class TooLargeError(OSError):
    def __init__(self, most: int) -> None:
        super().__init__(f"the answer is larger than {most} bytes")


def ask(
    url: str | Address,
    *,
    timeout: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    most: int = ANSWER_MAX,
    form: type[Response] = Response,
    proxied: bool = True,
) -> Answer:
    """The answer to a GET, or to a POST where there is a `body`, of JSON if `headers` name nothing else. Raises
    `HttpError` and nothing else, but for what `form` raises of its own.

    `timeout` is in seconds, for everything together but the look-up of the name; `most` is how many bytes of the answer
    are taken, 0 = its status is all that is wanted. No redirect is followed; proxies are those of the environment.
    """
    deadline, sent = time.monotonic() + timeout, False
    kind = {} if body is None else {"Content-Type": "application/json"}
    own = {"User-Agent": "rigwatch", "Accept": "application/json", "Connection": "close", **kind, **(headers or {})}
    try:
        address = url if isinstance(url, Address) else Address.parse(url)
        proxy = _proxy_for(address) if proxied else None
        own |= _login("Authorization", address)
        with closing(_connection(address, proxy, timeout)) as connection:
            connection.response_class = partial(form, deadline=deadline)  # type: ignore[assignment] # one that makes it
            path = address.path
            if proxy and not address.secure:
                path = f"http://{address}{path}"
                own |= _login("Proxy-Authorization", proxy)
            connection.request("GET" if body is None else "POST", path, body, own)
            sent = True
            with connection.getresponse() as response:
                assert isinstance(response, Response)
                wait = wait_asked_for(response.headers.get("Retry-After"), time.time())
                return Answer(response.status, response.whole(most), wait)
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as exc:
        # http.client's own defects on odd answers are ValueError and AttributeError.
        raise HttpError(_why(exc, timeout), sent=sent, cause=exc) from None


def status_text(status: int) -> str:
    """`HTTP status 404 Not Found`, whatever words the server itself has for it."""
    try:
        return f"HTTP status {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP status {status}"


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


def _basic(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()


def _login(header: str, at: Address) -> dict[str, str]:
    return {header: at.authorization} if at.authorization else {}


def _proxy_for(address: Address) -> Address | None:
    """The environment's, as `urllib.request` reads it."""
    proxy = urllib.request.getproxies().get("https" if address.secure else "http")
    if not proxy or urllib.request.proxy_bypass(str(address)):
        return None
    return Address.parse(proxy if "://" in proxy else f"http://{proxy}")


def _connection(address: Address, proxy: Address | None, timeout: float) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
    to = proxy or address
    connection = kind(to.host, to.port, timeout=timeout)
    if proxy and address.secure:
        connection.set_tunnel(address.host, address.port, _login("Proxy-Authorization", proxy))
    return connection


def _why(exc: Exception, timeout: float) -> str:
    if isinstance(exc, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(exc, http.client.IncompleteRead):
        return "the answer is cut off"
    if isinstance(exc, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(exc, OSError):
        words = exc.strerror or str(exc) or type(exc).__name__
    else:
        words = f"not an answer as HTTP has it ({type(exc).__name__})"
    return plain(words, _WORDS_MAX)
