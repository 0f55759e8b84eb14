"""The overview, `/`: the whole fleet in three tables, as a page and as the live part of it that the page polls."""

import gzip
import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, current_app, make_response, render_template, request

from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from subscriber.alerts.status import NodeStatus
from subscriber.store import Store
from web import units
from web.colours import milliseconds
from web.kept import KeptRows
from web.listing import SEVERITY, Listing, Sort
from web.row import MEANING, Look, total_rows
from web.snapshot import MINUTES, Snapshot, Snapshots
from web.standing import Fleet, is_running
from web.zone import Zone

_KEPT_PARTS: Final = 32
_COLUMNS: Final = (
    (Sort.STATUS, "Status", ""),
    (Sort.NAME, "Node", ""),
    (Sort.PLACE, "Site · host", ""),
    (Sort.HASHRATE, "Hashrate", "num"),
    (Sort.PEERS, "Peers", "num"),
    (Sort.BLOCK, "Block", "num"),
    (Sort.TEMPERATURE, "Temp.", "num"),
    (Sort.POWER, "Power", "num"),
    (Sort.AGE, "Last report", "num"),
)


class Part(NamedTuple):
    """The live part as it goes out: `etag` names the snapshot and listing it shows."""

    etag: str
    plain: bytes
    zipped: bytes


class Overview:
    """Renders the overview. The live part is rendered once per change and listing, however many browsers ask for it."""

    def __init__(self, settings: ServerSettings, store: Store, clock: Clock, *, zone: Zone) -> None:
        colours = settings.web.colours
        borders = (milliseconds(colours.age_green), milliseconds(colours.age_yellow))
        self._snapshots = Snapshots(store, keep=settings.database.keep, borders=borders, zone=zone.tz)
        self._keep = settings.database.keep
        self._clock = clock
        self._look = Look(colours, zone)
        self._rows = KeptRows(self._look)
        # An ETag of a process that is gone must not match one of this.
        self._process = secrets.token_hex(8)
        self._parts: OrderedDict[str, Part] = OrderedDict()
        self._lock = threading.Lock()

    def page(self) -> str:
        """The whole page; its ages are of this second."""
        listing, now = Listing.parse(request.args), self._clock.now()
        return render_template("overview.html", **self._context(self._snapshots.at(now), listing, now))

    def live(self) -> Response:
        """The part that changes, or 304 while it has not. Ages in words are of when it last did; the page counts on."""
        listing, now = Listing.parse(request.args), self._clock.now()
        snapshot = self._snapshots.at(now)
        etag = self._etag(snapshot, listing)
        if request.if_none_match.contains(etag):
            response = Response(status=304)
        else:
            response = _sent(self._part(etag, snapshot, listing, now))
        response.set_etag(etag)
        response.headers["Vary"] = "Accept-Encoding"
        return response

    def _part(self, etag: str, snapshot: Snapshot, listing: Listing, now: Millis) -> Part:
        query = listing.query()
        with self._lock:
            part = self._parts.get(query)
            if part is None or part.etag != etag:
                html = render_template("overview_live.html", **self._context(snapshot, listing, now)).encode()
                # Level 1: a tenth of the size for a tenth of the time that rendering takes.
                part = Part(etag, html, gzip.compress(html, 1))
                self._parts[query] = part
            self._parts.move_to_end(query)
            if len(self._parts) > _KEPT_PARTS:
                self._parts.popitem(last=False)
            return part

    def _etag(self, snapshot: Snapshot, listing: Listing) -> str:
        text = repr((self._process, snapshot.version, listing.query()))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _context(self, snapshot: Snapshot, listing: Listing, now: Millis) -> Mapping[str, Any]:
        fleet, look, beat_at = snapshot.fleet, self._look, snapshot.server.beat_at
        self._rows.forget(fleet)
        shown = listing.apply(fleet.standings)
        return {
            "now": now,
            "now_full": look.zone.full(now),
            "zone": look.zone,
            "fleet": fleet,
            "running": is_running(snapshot.server, now),
            "beat": None if beat_at is None else look.moment(beat_at),
            "beat_age": None if beat_at is None else units.age(now - beat_at),
            "listing": listing,
            "columns": _columns(listing),
            "tiles": _tiles(listing, fleet),
            "lost": fleet.by_status.get(NodeStatus.LOST, 0),
            "hashrate": units.hashrate(fleet.hashrate),
            "highest_block": units.count(fleet.highest_block),
            "rows": self._rows.latest(current_app, shown, now),
            "averages": self._rows.averages(current_app, shown, snapshot.averages),
            "totals": total_rows(snapshot.totals, now, look.zone),
            "minutes": MINUTES,
            "keep": units.period(self._keep),
        }


class Column(NamedTuple):
    """The head of a column; `sorted` is aria's word for its order, empty where the list is not ordered by it."""

    name: str
    label: str
    kind: str
    query: str
    sorted: str


class Tile(NamedTuple):
    """How many nodes have a status, and the address that lists them alone."""

    name: str
    meaning: str
    nodes: int
    query: str
    chosen: bool


def create(settings: ServerSettings, store: Store, clock: Clock, *, zone: Zone) -> Blueprint:
    overview = Overview(settings, store, clock, zone=zone)
    blueprint = Blueprint("overview", __name__)
    blueprint.add_url_rule("/", "page", overview.page)
    blueprint.add_url_rule("/live", "live", overview.live)
    return blueprint


def _columns(listing: Listing) -> list[Column]:
    order = "descending" if listing.falling else "ascending"
    return [
        Column(sort.value, label, kind, listing.by(sort).query(), order if sort is listing.sort else "")
        for sort, label, kind in _COLUMNS
    ]


def _tiles(listing: Listing, fleet: Fleet) -> list[Tile]:
    """All nodes first, then the statuses that any node has, or that the list is narrowed to."""
    every = Tile("all", "", len(fleet.standings), listing.only(None).query(), listing.status is None)
    return [every] + [
        Tile(status.value, MEANING[status], count, listing.only(status).query(), listing.status is status)
        for status in SEVERITY
        if (count := fleet.by_status.get(status, 0)) or listing.status is status
    ]


def _sent(part: Part) -> Response:
    zipped = request.accept_encodings.quality("gzip") > 0
    response = make_response(part.zipped if zipped else part.plain)
    response.mimetype = "text/html"
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response
