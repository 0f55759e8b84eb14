"""The answers that Apprise's plugins get, bounded in bytes and time; and what they do not pass on of them.

They call `requests.post` and read the whole answer, however long it is and however slowly it comes. There is no way to
hand them a session of ours, so the library's own is replaced, in this process, where nothing else uses it.
"""

import threading
import time
from contextlib import suppress
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from rigwatch.http import ANSWER_MAX, wait_asked_for

_CHUNK: Final = 64 * 1024
_said = threading.local()


class _Adapter(HTTPAdapter):
    """Takes as much of an answer as there is room and time for; its status counts all the same."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - requests' own
        timeout = options.get("timeout")
        most = timeout[1] if isinstance(timeout, tuple) else timeout
        until = time.monotonic() + float(most or 60.0)
        response = super().send(request, **{**options, "stream": True})
        _said.wait = wait_asked_for(response.headers.get("Retry-After"), time.time())
        data = bytearray()
        # Cut off, say: what has come is enough, for the status had come before it.
        with suppress(HTTPError, OSError):
            while (
                len(data) < ANSWER_MAX
                and time.monotonic() < until
                and (piece := response.raw.read1(_CHUNK, decode_content=True))
            ):
                data += piece
        response.close()
        response._content, response._content_consumed = bytes(data[:ANSWER_MAX]), True  # noqa: SLF001 - as if read
        return response


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())


def bound() -> None:
    """From now on, for this whole process."""
    requests.sessions.Session = requests.Session = _Session  # type: ignore[misc]


def begin() -> None:
    """In this thread something else is asked now."""
    _said.wait = 0.0


def wait() -> float:
    """How many seconds the latest answer in this thread asked to be left alone."""
    return float(getattr(_said, "wait", 0.0))
