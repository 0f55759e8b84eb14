"""A live part in pieces: rendered once per change, however many browsers ask, and each is sent what it has not got yet.

A template marks its pieces: `{% call live.place(NAME) %}` a list of them, within it `{% call live.piece(KEY) %}` each,
and within a piece there may be places again. A piece is one element with `data-key="KEY"`, its place the element around
it, `data-place="NAME"`; the outermost place is `""`. `static/live.js` puts them together in the same way.
"""

import gzip
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

import msgspec
from flask import Response, request
from markupsafe import Markup

from rigwatch.clock import Millis

_KEPT: Final = 128
_ORDERS: Final = 64
_HELD: Final = 512
_SENT: Final = 32
_DIGITS: Final = 12
_ZIPPED_FROM: Final = 600
_json = msgspec.json.Encoder()


class Piece(NamedTuple):
    """One element. `look` differs whenever it has to be sent again; `html` is as of a moment, for the ages in it."""

    look: object
    html: Callable[[Millis], str]


class LiveContent:
    """What a template is made of, while it is rendered: the name `live` in it."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, Piece]] = {}
        self._open: list[str] = []

    def place(self, name: str, caller: Callable[[], str]) -> Markup:
        """The pieces that `caller` has; what stands between them is left out."""
        self.places[name] = {}
        self._open.append(name)
        caller()
        self._open.pop()
        return Markup(_mark(name))  # noqa: S704 - a name of ours

    def piece(self, key: str, caller: Callable[[], str]) -> str:
        html = str(caller()).strip()
        self.places[self._open[-1]][key] = Piece(html, lambda _now: html)
        return ""

    def made(self, pieces: Mapping[str, Piece]) -> str:
        """Pieces that were rendered elsewhere."""
        self.places[self._open[-1]].update(pieces)
        return ""


class Fresh(NamedTuple):
    """What a document shows now. `facts` goes with every answer: few words, that need no piece."""

    content: LiveContent
    facts: Mapping[str, Any]


@dataclass(slots=True)
class _Place:
    """Its pieces in order, each with the number of the change that it last differed in; `ordered` is that of the
    order. Orders of before are kept for a while, for who holds on to one."""

    pieces: dict[str, tuple[int, Piece]] = field(default_factory=dict)
    ordered: int = 0
    orders: OrderedDict[int, Sequence[str]] = field(default_factory=OrderedDict)

    def take(self, fresh: Mapping[str, Piece], number: int) -> bool:
        """Whether anything differs."""
        before, changed = self.pieces, False
        self.pieces = {}
        for key, piece in fresh.items():
            known = before.get(key)
            if known is None or known[1].look != piece.look:
                known, changed = (number, piece), True
            self.pieces[key] = (known[0], piece)
        if list(before) != list(fresh):
            self.ordered, changed = number, True
            self.orders[number] = tuple(fresh)
            if len(self.orders) > _ORDERS:
                self.orders.popitem(last=False)
        return changed


class LiveDocument:
    """What one address shows, and since when each piece of it has looked as it does. Not for two threads at once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._version: object = None
        self._number = 0
        self._places: dict[str, _Place] = {}
        self._sent: dict[int, bytes] = {}
        self.facts: Mapping[str, Any] = {}

    @property
    def etag(self) -> str:
        return f"{self._name}-{self._number}"

    def refresh(self, version: object, render: Callable[[], Fresh]) -> None:
        if self._number and version == self._version:
            return
        content, facts = render()
        fresh, number = content.places, self._number + 1
        changed = facts != self.facts or self._places.keys() != fresh.keys()
        self._places = {name: self._places.get(name) or _Place() for name in fresh}
        for name, pieces in fresh.items():
            changed = self._places[name].take(pieces, number) or changed
        self._version, self.facts = version, facts
        if changed:
            self._number = number
            self._sent.clear()

    def order(self, place: str, etag: str) -> Sequence[str]:
        """The keys of a place as they were then; none where that is forgotten."""
        known, number = self._places.get(place), self._base(etag)
        if known is None or not number:
            return ()
        return next((keys for since, keys in reversed(known.orders.items()) if since <= number), ())

    def whole(self, now: Millis) -> Markup:
        return Markup(self._composed("", now))  # noqa: S704 - rendered by templates

    def since(self, etag: str, now: Millis) -> bytes:
        """What whoever has the state of that `etag` lacks, as JSON; everything, where it is none of this document."""
        base = self._base(etag)
        if base not in self._sent:
            places = {name: found for name, place in self._places.items() if (found := _delta(place, base, now))}
            # A browser names the change that it has itself: whoever counts through all of them gets no more kept.
            if len(self._sent) >= _SENT:
                self._sent.clear()
            self._sent[base] = _json.encode({"etag": self.etag, **self.facts, "places": places})
        # It is kept for others, who come later.
        return b'{"now":%d,' % now + self._sent[base][1:]

    def _base(self, etag: str) -> int:
        """Which change it names; 0 for none of this document."""
        name, _, number = etag.rpartition("-")
        known = name == self._name and number.isascii() and number.isdecimal() and len(number) < _DIGITS
        return int(number) if known and int(number) <= self._number else 0

    def _composed(self, name: str, now: Millis) -> str:
        parts = []
        for _, piece in self._places[name].pieces.values():
            text, *rest = piece.html(now).split(_OPEN)
            parts.append(text)
            for each in rest:
                inner, _, after = each.partition(_CLOSE)
                parts += [self._composed(inner, now), after]
            parts.append("\n")
        return "".join(parts)


class LiveDocuments:
    """The documents of one kind of page, by what was asked for. Several threads may use it at once."""

    def __init__(self) -> None:
        # An ETag of a process that is gone must not match one of this.
        self._process = secrets.token_hex(6)
        self._numbers = count(1)
        self._kept: OrderedDict[object, LiveDocument] = OrderedDict()
        self._held: OrderedDict[tuple[object, str], Sequence[str]] = OrderedDict()
        self._lock = threading.Lock()

    def page(
        self, query: object, version: object, render: Callable[[], Fresh], now: Millis
    ) -> tuple[Markup, str, Mapping[str, Any]]:
        """All of it as HTML, its ETag and its facts."""
        with self._lock:
            document = self._fresh(query, version, render)
            return document.whole(now), document.etag, document.facts

    def answer(self, query: object, version: object, render: Callable[[], Fresh], now: Millis) -> Response:
        """What the browser lacks, by the ETag that it has; 304 where that is nothing."""
        asked: Iterable[str] = request.if_none_match.as_set()
        with self._lock:
            document = self._fresh(query, version, render)
            etag = document.etag
            body = b"" if etag in asked else document.since(next(iter(asked), ""), now)
        response = Response(status=304) if not body else _json_response(body)
        response.set_etag(etag)
        response.headers["Vary"] = "Accept-Encoding"
        return response

    def held(self, query: object, place: str, etag: str) -> Sequence[str]:
        """The keys of a place as they were sent with that `ETag`, or none where nobody remembers; it is remembered for
        as long as somebody asks."""
        with self._lock:
            known = self._held.get((query, etag))
            if known is None:
                document = self._kept.get(query)
                known = document.order(place, etag) if document and etag else ()
            if known:
                self._held[query, etag] = known
                self._held.move_to_end((query, etag))
                if len(self._held) > _HELD:
                    self._held.popitem(last=False)
            return known

    def _fresh(self, query: object, version: object, render: Callable[[], Fresh]) -> LiveDocument:
        document = self._kept.get(query)
        if document is None:
            document = self._kept[query] = LiveDocument(f"{self._process}-{next(self._numbers)}")
        document.refresh(version, render)
        self._kept.move_to_end(query)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return document


# No text of a node, a person or a template has it: `visible_lines` leaves no such character in what is shown.
_OPEN: Final = "\x02"
_CLOSE: Final = "\x03"


def _mark(name: str) -> str:
    return f"{_OPEN}{name}{_CLOSE}"


def _delta(place: _Place, base: int, now: Millis) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pieces = {key: _bare(piece.html(now)) for key, (number, piece) in place.pieces.items() if number > base}
    if pieces:
        found["pieces"] = pieces
    if place.ordered > base:
        found["order"] = list(place.pieces)
    return found


def _bare(html: str) -> str:
    """Without what stands in its places, which are sent for themselves."""
    text, *rest = html.split(_OPEN)
    return text + "".join(each.partition(_CLOSE)[2] for each in rest)


def _json_response(body: bytes) -> Response:
    zipped = len(body) >= _ZIPPED_FROM and request.accept_encodings.quality("gzip") > 0
    response = Response(gzip.compress(body, 5) if zipped else body, mimetype="application/json")
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response
