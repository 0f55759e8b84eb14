"""The overview, `/`: the whole fleet in three tables, as a page and as the live part of it that the page polls."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, current_app, render_template, request, url_for
from markupsafe import Markup

from alerts.rule import Severity
from alerts.status import NodeStatus
from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from store import Store
from web import units
from web.charts.lines import Range, range_links
from web.display.choice import viewer
from web.language.texts import N_
from web.node_view import FleetView, is_running
from web.overview.columns import columns_of, heads
from web.overview.kept import KeptRows
from web.overview.listing import SEVERITY, Listing, Sort, facets
from web.overview.spark import Sparks
from web.parts import LiveParts, whole
from web.rates import change, rates
from web.row import MEANING, DisplaySettings, total_rows
from web.snapshot import MINUTES, Snapshot, Snapshots
from web.zone import Zone

_KINDS: Final = 8
"""For how many kinds of viewers, by language and time zone, rows are kept."""


class Overview:
    """Renders the overview. The live part is rendered once per change and listing, however many browsers ask for it."""

    def __init__(
        self, settings: ServerSettings, store: Store, snapshots: Snapshots, clock: Clock, *, zone: Zone
    ) -> None:
        self._sparks = Sparks(store)
        self._snapshots = snapshots
        self._keep = settings.database.keep
        self._clock = clock
        self._look = DisplaySettings(settings.web.colours, zone)
        self._kept: OrderedDict[str, KeptRows] = OrderedDict()
        self._parts = LiveParts()

    def page(self) -> Response:
        """The whole page; its ages are of this second."""
        listing, now = Listing.parse(request.args), self._clock.now()
        live_url = url_for("overview.live") + listing.query()
        context = self._context(self._snapshots.at(now), listing, now)
        return whole(render_template("overview.html", live_url=live_url, **context))

    def live(self) -> Response:
        """The part that changes, or 304 while it has not. Ages in words are of when it last did; the page counts on."""
        listing, now = Listing.parse(request.args), self._clock.now()
        snapshot = self._snapshots.lately(now)

        def render() -> str:
            return render_template("overview_live.html", **self._context(snapshot, listing, now))

        return self._parts.answer(listing.query(), snapshot.version, render)

    def _rows_of(self, kind: str) -> KeptRows:
        """Those that are written for this kind of viewer."""
        rows = self._kept.get(kind) or KeptRows(self._look)
        self._kept[kind] = rows
        if len(self._kept) > _KINDS:
            self._kept.popitem(last=False)
        return rows

    def _context(self, snapshot: Snapshot, listing: Listing, now: Millis) -> Mapping[str, Any]:
        fleet, look, beat_at = snapshot.fleet, self._look, snapshot.server.beat_at
        rows = self._rows_of(viewer())
        rows.forget(fleet)
        shown, columns = listing.apply(fleet.views), columns_of(fleet.views, listing)
        return {
            "now": now,
            "now_full": look.zone.full(now),
            "zone": look.zone,
            "fleet": fleet,
            "running": is_running(snapshot.server, now),
            "beat": None if beat_at is None else look.moment(beat_at),
            "beat_age": None if beat_at is None else units.age(now - beat_at),
            "listing": listing,
            "columns": heads(listing, columns),
            "has_peers": Sort.PEERS in columns,
            "has_block": Sort.BLOCK in columns,
            "tiles": _tiles(listing, fleet),
            "lost": fleet.by_status.get(NodeStatus.LOST, 0),
            "rates": rates(fleet.rates),
            "highest_block": units.count(fleet.highest_block),
            "change": change(fleet.rates, fleet.views, snapshot.hour_ago),
            "incidents": sum(snapshot.incidents.values()),
            "critical": snapshot.incidents.get(Severity.CRITICAL, 0),
            "facets": facets(fleet.views),
            "ranges": range_links(Range.parse(request.args), listing.query()),
            "shown": len(shown),
            # Joined here: a filter would escape each row that is rendered already.
            "rows": _joined(rows.latest(current_app, shown, now, self._sparks.at(now), columns=columns)),
            "averages": _joined(rows.averages(current_app, shown, snapshot.averages, columns=columns)),
            "totals": total_rows(snapshot.totals, now, look.zone),
            "minutes": MINUTES,
            "keep": units.period(self._keep),
        }


class StatusTile(NamedTuple):
    """How many nodes have a status, and the address that lists them alone. `name` is a class of the style sheet."""

    name: str
    label: str
    meaning: str
    nodes: int
    query: str
    chosen: bool


def create(settings: ServerSettings, store: Store, snapshots: Snapshots, clock: Clock, *, zone: Zone) -> Blueprint:
    overview = Overview(settings, store, snapshots, clock, zone=zone)
    blueprint = Blueprint("overview", __name__)
    blueprint.add_url_rule("/", "page", overview.page)
    blueprint.add_url_rule("/live", "live", overview.live)
    return blueprint


def _joined(rows: Iterable[Markup]) -> Markup:
    return Markup("\n".join(rows))  # noqa: S704 - all are rendered


def _tiles(listing: Listing, fleet: FleetView) -> list[StatusTile]:
    """All nodes first, then those with incidents, then the statuses that any node has, or that the list is narrowed
    to."""
    everything = listing.status is None and not listing.firing
    every = StatusTile("all", N_("all"), "", len(fleet.views), listing.only(None).query(), everything)
    firing = sum(bool(each.troubles) for each in fleet.views)
    query = listing.only(None, firing=True).query()
    troubled = StatusTile("incidents", N_("with incidents"), N_("an incident counts"), firing, query, listing.firing)
    return [every, *([troubled] if firing or listing.firing else [])] + [
        StatusTile(
            status.value, status.value, MEANING[status], count, listing.only(status).query(), listing.status is status
        )
        for status in SEVERITY
        if (count := fleet.by_status.get(status, 0)) or listing.status is status
    ]
