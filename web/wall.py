"""The wall, `/wall`: what matters in large tiles, for a screen that nobody touches and everybody passes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, render_template, request, url_for

from alerts.rule import Severity
from alerts.status import NodeStatus
from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from web.errors import BadQuery
from web.node_view import NodeView
from web.overview.listing import SEVERITY, Listing, natural
from web.parts import LiveParts
from web.rates import change, rates, total
from web.row import DisplaySettings
from web.snapshot import Snapshot, Snapshots
from web.tiles import of_node, tiles
from web.zone import Zone

TROUBLE_MOST: Final = 18
CALM_MOST: Final = 120
"""Tiles that can be told apart from across a room; of more nodes than this only the sites are shown."""


class Site(NamedTuple):
    """A site in one line; `status` is the worst of its nodes'."""

    name: str
    status: str
    up: int
    nodes: int
    hashrate: str


class Wall:
    """Renders the wall. `?site=` narrows it to one site, `?theme=light` makes it light."""

    def __init__(self, settings: ServerSettings, snapshots: Snapshots, clock: Clock, *, zone: Zone) -> None:
        self._snapshots = snapshots
        self._clock = clock
        self._look = DisplaySettings(settings.web.colours, zone)
        self._parts = LiveParts()

    def page(self) -> str:
        theme = request.args.get("theme", "dark")
        if theme not in {"dark", "light"}:
            raise BadQuery(f"theme: {theme[:40]!r} is not one of dark, light")
        listing, now = Listing.parse(request.args), self._clock.now()
        live_url = url_for("wall.live") + listing.query()
        context = self._context(self._snapshots.at(now), listing, now)
        return render_template("wall.html", theme=theme, live_url=live_url, **context)

    def live(self) -> Response:
        """The part that changes, or 304 while it has not."""
        listing, now = Listing.parse(request.args), self._clock.now()
        snapshot = self._snapshots.lately(now)

        def render() -> str:
            return render_template("wall_live.html", **self._context(snapshot, listing, now))

        return self._parts.answer(listing.query(), snapshot.version, render)

    def _context(self, snapshot: Snapshot, listing: Listing, now: Millis) -> Mapping[str, Any]:
        fleet, look = snapshot.fleet, self._look
        shown = listing.apply(fleet.views)
        trouble, calm = tiles(shown, snapshot.troubles, look, now, narrowed=listing.narrows)
        calm = calm if len(calm) <= CALM_MOST else []
        places = [] if listing.site else sites(shown)
        by_status = Counter(each.status for each in shown)
        mined = total(shown)
        return {
            "now": now,
            "now_full": look.zone.full(now),
            "zone": look.zone,
            "broker_down": fleet.broker_down,
            "site": listing.site,
            "nodes": len(shown),
            "rates": rates(mined),
            "change": change(mined, shown, snapshot.hour_ago),
            "counts": [(status.value, by_status[status]) for status in SEVERITY if by_status[status]],
            "lost": by_status[NodeStatus.LOST],
            "incidents": sum(snapshot.incidents.values()),
            "critical": snapshot.incidents.get(Severity.CRITICAL, 0),
            "trouble": trouble[:TROUBLE_MOST],
            "more": max(0, len(trouble) - TROUBLE_MOST),
            "calm": [of_node(each, (), look, now) for each in calm],
            "sites": places,
            "size": _size(3 * min(len(trouble), TROUBLE_MOST) + 2 * len(places) + len(calm)),
        }


def sites(shown: Iterable[NodeView]) -> list[Site]:
    """By name; none where there is only one."""
    of: defaultdict[str, list[NodeView]] = defaultdict(list)
    for each in shown:
        of[each.facts.id.site].append(each)
    if len(of) < 2:
        return []
    return [_site(name, of[name]) for name in sorted(of, key=natural)]


def create(settings: ServerSettings, snapshots: Snapshots, clock: Clock, *, zone: Zone) -> Blueprint:
    wall = Wall(settings, snapshots, clock, zone=zone)
    blueprint = Blueprint("wall", __name__, url_prefix="/wall")
    blueprint.add_url_rule("", "page", wall.page)
    blueprint.add_url_rule("/live", "live", wall.live)
    return blueprint


def _size(tiles: int) -> str:
    """How large all of it can be and still stand on one screen, by about how many small tiles it takes."""
    return "few" if tiles <= 30 else "some" if tiles <= 60 else "many"


def _site(name: str, nodes: Sequence[NodeView]) -> Site:
    up = sum(each.status in {NodeStatus.ONLINE, NodeStatus.DEGRADED} for each in nodes)
    worst = min((each.status for each in nodes), key=SEVERITY.index)
    return Site(name, worst.value, up, len(nodes), " · ".join(map(str, rates(total(nodes)))))
