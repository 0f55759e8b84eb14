"""The overview, `/`: the fleet's figures, its minutes and the list of its nodes; the page, and what it polls."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, current_app, render_template, request, url_for

from alerts.rule import Severity
from alerts.status import NodeStatus
from rigwatch.clock import Clock
from rigwatch.settings import ServerSettings
from store import Store
from web import units
from web.access.login import is_admin
from web.admin.context import AdminContext
from web.charts.lines import Range, range_links
from web.display.choice import viewer
from web.language.texts import N_
from web.language.texts import gettext as _
from web.live import Fresh, LiveContent, LiveDocuments, Piece
from web.node_view import FleetView, NodeView, is_running
from web.overview.bulk import BulkActs
from web.overview.columns import Columns, choices, columns_of, heads, needs_averages
from web.overview.groups import sites
from web.overview.kept import KeptRows, RowLook
from web.overview.listing import SEVERITY, Listing, Sort, facets
from web.overview.pages import Pages
from web.overview.spark import Sparks
from web.parts import whole
from web.power import draw
from web.rates import change, rates
from web.row import MEANING, DisplaySettings, total_rows
from web.snapshot import Snapshot, Snapshots
from web.zone import Zone

_KINDS: Final = 8
"""For how many kinds of viewers, by language and time zone, rows are kept."""


class _Asked(NamedTuple):
    """What an address asks for, whether the viewer may pick nodes to act on, and what kind of viewer that is."""

    listing: Listing
    span: Range
    picks: bool
    viewer: str

    def query(self) -> str:
        query = self.listing.query()
        return query if self.span is Range.DAY else f"{query}{'&' if query else '?'}range={self.span}"


class Overview:
    """Renders the overview. The live part is rendered once per change and listing, however many browsers ask for it,
    and each is sent the pieces that it lacks."""

    def __init__(
        self, settings: ServerSettings, store: Store, snapshots: Snapshots, clock: Clock, *, zone: Zone
    ) -> None:
        self._sparks = Sparks(store)
        self._snapshots = snapshots
        self._clock = clock
        self._look = DisplaySettings(settings.web.colours, zone)
        self._kept: OrderedDict[str, KeptRows] = OrderedDict()
        self._documents = LiveDocuments()

    def page(self) -> Response:
        """The whole page; its ages are of this second."""
        asked, now = _asked(), self._clock.now()
        snapshot, zone = self._snapshots.at(now), self._look.zone
        shown, etag, facts = self._documents.page(asked, snapshot.version, lambda: self._fresh(snapshot, asked), now)
        live_url = url_for("overview.live") + asked.query()
        around = {"now": now, "now_full": zone.full(now), "zone": zone, "picks": asked.picks, "live_url": live_url}
        return whole(render_template("overview.html", whole=shown, etag=etag, **facts, **around))

    def live(self) -> Response:
        """What the browser lacks, or 304 where that is nothing. `hold` names an order that it was sent: the rows stay
        in it, whatever they say by now. One that nobody remembers is no longer held."""
        asked, now = _asked(), self._clock.now()
        snapshot = self._snapshots.lately(now)
        held = self._documents.held(asked, "rows", request.args.get("hold", ""))
        query = (asked, held) if held else asked
        return self._documents.answer(query, snapshot.version, lambda: self._fresh(snapshot, asked, held), now)

    def _fresh(self, snapshot: Snapshot, asked: _Asked, held: Sequence[str] = ()) -> Fresh:
        fleet, listing, content = snapshot.fleet, asked.listing, LiveContent()
        columns = columns_of(fleet.views, listing)
        every = listing.apply(fleet.views, snapshot.averages.every() if listing.needs_averages else {})
        pages = Pages.of(len(every), listing.page)
        following = pages.cut(every)
        shown = _in_order(fleet, held) if held else following
        lost = fleet.by_status.get(NodeStatus.LOST, 0)
        render_template(
            "overview_live.html",
            live=content,
            pages=pages,
            moved=bool(held) and [str(each.facts.id) for each in following] != list(held),
            picks=asked.picks,
            groups=sites(every, listing, self._look.colours),
            rows=self._pieces(snapshot, shown, RowLook(columns, asked.picks)),
            ranges=range_links(asked.span, listing.query()),
            **self._list_context(listing, columns, fleet),
            **self._context(snapshot),
        )
        title = f"{_('(%(number)s lost)', number=lost)} rigwatch" if lost else "rigwatch"
        return Fresh(content, {"title": title, "held": bool(held)})

    def _pieces(self, snapshot: Snapshot, shown: Sequence[NodeView], look: RowLook) -> Mapping[str, Piece]:
        names, now = [each.facts.id for each in shown], snapshot.fleet.now
        averages = snapshot.averages.of(names) if needs_averages(look.columns) else {}
        sparks = self._sparks.of(names, now)
        return self._rows_of(viewer()).pieces(current_app, shown, look, averages=averages, sparks=sparks, now=now)

    def _rows_of(self, kind: str) -> KeptRows:
        """Those that are written for this kind of viewer."""
        rows = self._kept.get(kind) or KeptRows(self._look)
        self._kept[kind] = rows
        if len(self._kept) > _KINDS:
            self._kept.popitem(last=False)
        return rows

    def _list_context(self, listing: Listing, columns: Columns, fleet: FleetView) -> Mapping[str, Any]:
        return {
            "listing": listing,
            "columns": heads(listing, columns),
            "choices": choices(columns),
            "usual": replace(listing, columns=frozenset()).query(),
            "has_block": fleet.highest_block is not None or Sort.BLOCK in columns_of(fleet.views, Listing()),
            "tiles": _tiles(listing, fleet),
            "facets": facets(fleet.views),
        }

    def _context(self, snapshot: Snapshot) -> Mapping[str, Any]:
        fleet, look, beat_at = snapshot.fleet, self._look, snapshot.server.beat_at
        return {
            "zone": look.zone,
            "fleet": fleet,
            "running": is_running(snapshot.server, fleet.now),
            "beat": None if beat_at is None else look.moment(beat_at),
            "beat_age": None if beat_at is None else units.age(fleet.now - beat_at),
            "rates": rates(fleet.rates),
            "highest_block": units.count(fleet.highest_block),
            "draw": draw(fleet.views, fleet.rates),
            "change": change(fleet.rates, fleet.views, snapshot.hour_ago),
            "incidents": sum(snapshot.incidents.values()),
            "critical": snapshot.incidents.get(Severity.CRITICAL, 0),
            "totals": total_rows(snapshot.totals, fleet.now, look.zone),
        }


class StatusTile(NamedTuple):
    """How many nodes have a status, and the address that lists them alone. `name` is a class of the style sheet."""

    name: str
    label: str
    meaning: str
    nodes: int
    query: str
    chosen: bool


def create(admin: AdminContext, snapshots: Snapshots) -> Blueprint:
    overview = Overview(admin.settings, admin.store, snapshots, admin.clock, zone=admin.zone)
    blueprint = Blueprint("overview", __name__)
    blueprint.add_url_rule("/", "page", overview.page)
    blueprint.add_url_rule("/live", "live", overview.live)
    blueprint.add_url_rule("/nodes", "act", BulkActs(admin, snapshots).act, methods=["POST"])
    return blueprint


def _asked() -> _Asked:
    return _Asked(Listing.parse(request.args), Range.parse(request.args), is_admin(), viewer())


def _in_order(fleet: FleetView, names: Sequence[str]) -> list[NodeView]:
    """Those that are still there."""
    wanted = set(names)
    there = {name: each for each in fleet.views if (name := str(each.facts.id)) in wanted}
    return [there[name] for name in names if name in there]


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
