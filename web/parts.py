"""The live part of a page: rendered once per change, however many browsers ask; who has it already is sent nothing."""

import gzip
import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from flask import Response, make_response, request

from web.display.choice import viewer

_KEPT: Final = 32
_ZIPPED_FROM: Final = 1000


class LivePart(NamedTuple):
    """A live part as it goes out; `etag` names what it shows."""

    etag: str
    plain: bytes
    zipped: bytes


def whole(html: str) -> Response:
    """A whole page, zipped for whoever takes it so: a thousand nodes are a megabyte, and zipped a twelfth of it."""
    plain = html.encode()
    zipped = len(plain) >= _ZIPPED_FROM and request.accept_encodings.quality("gzip") > 0
    response = make_response(gzip.compress(plain, 1) if zipped else plain)
    response.mimetype = "text/html"
    response.headers["Vary"] = "Accept-Encoding"
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response


class LiveParts:
    """The last parts of one kind of page, by what was asked for. Several threads may use it at once."""

    def __init__(self, mimetype: str = "text/html") -> None:
        self._mimetype = mimetype
        # An ETag of a process that is gone must not match one of this.
        self._process = secrets.token_hex(8)
        self._kept: OrderedDict[str, LivePart] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, query: str, version: object, render: Callable[[], str | bytes]) -> Response:
        """The part, or 304 for who has it. `version` differs, by its `repr`, whenever what `render` gives does, but
        for the viewer, who is known here."""
        asked = f"{viewer()} {query}"
        text = repr((self._process, asked, version))
        etag = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        if request.if_none_match.contains(etag):
            response = Response(status=304)
        else:
            response = self._sent(self._part(asked, etag, render))
        response.set_etag(etag)
        response.headers["Vary"] = "Accept-Encoding"
        return response

    def _part(self, query: str, etag: str, render: Callable[[], str | bytes]) -> LivePart:
        with self._lock:
            part = self._kept.get(query)
            if part is None or part.etag != etag:
                made = render()
                plain = made.encode() if isinstance(made, str) else made
                # Level 1: a tenth of the size for a tenth of the time that rendering takes.
                part = LivePart(etag, plain, gzip.compress(plain, 1) if len(plain) >= _ZIPPED_FROM else b"")
                self._kept[query] = part
            self._kept.move_to_end(query)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return part

    def _sent(self, part: LivePart) -> Response:
        zipped = bool(part.zipped) and request.accept_encodings.quality("gzip") > 0
        response = make_response(part.zipped if zipped else part.plain)
        response.mimetype = self._mimetype
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        return response
