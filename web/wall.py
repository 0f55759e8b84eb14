"""The wall, `/wall`: what matters in large tiles, for a screen that nobody touches and everybody passes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, render_template, request, url_for

from alerts.rule import Severity, worst
from alerts.status import NodeStatus
from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from web import units
from web.colours import temperature_level, worse
from web.errors import BadQuery
from web.heat import Heat, heat
from web.levels import levels
from web.natural import natural
from web.node_view import NodeView, hottest
from web.overview.listing import SEVERITY, Listing
from web.parts import LiveParts
from web.power import draw
from web.rates import change, rates, total
from web.row import DisplaySettings
from web.snapshot import Snapshot, Snapshots
from web.tiles import TROUBLE, of_node, tiles
from web.units import Quantity
from web.zone import Zone

TROUBLE_MOST: Final = 18
SITES_MOST: Final = 12
ROOM: Final = 84
"""How many small tiles stand on one screen and can be told apart from across a room. Where there is more to show, what
is well is a heat map."""
_HEAT_AS: Final = 31


class Site(NamedTuple):
    """A site in one line; `status` is the worst of its nodes', or the severity of their worst incident; `firing` nodes
    have one."""

    name: str
    status: str
    up: int
    nodes: int
    hashrate: str
    firing: int = 0
    heat: Heat | None = None


class Hottest(NamedTuple):
    text: Quantity
    level: str
    node: str


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
        places = [] if listing.site else sites(shown)
        large = 3 * min(len(trouble), TROUBLE_MOST) + 2 * len(places)
        crowded = large + len(calm) > ROOM
        if len(places) > SITES_MOST:
            places, crowded = [], True
        if crowded:
            ratio = 6 / min(max(len(places), 1), 5) * (2 if len(places) > 5 else 1)
            calm, places = [], [place._replace(heat=_heat_of(place, shown, ratio)) for place in places]
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
            "power": power if (power := draw(shown, mined).power).unit else None,
            "hottest": _hottest(shown, look),
            "heat": heat(sorted(shown, key=_place), 5) if crowded and not places else None,
            "counts": [(status.value, by_status[status]) for status in SEVERITY if by_status[status]],
            "lost": by_status[NodeStatus.LOST],
            "incidents": sum(snapshot.incidents.values()),
            "critical": snapshot.incidents.get(Severity.CRITICAL, 0),
            "trouble": trouble[:TROUBLE_MOST],
            "more": max(0, len(trouble) - TROUBLE_MOST),
            "calm": [of_node(each, (), look, now) for each in calm],
            "sites": places,
            "size": _size(large + (_HEAT_AS if crowded else len(calm))),
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


def _heat_of(site: Site, shown: Iterable[NodeView], ratio: float) -> Heat:
    return heat(sorted((each for each in shown if each.facts.id.site == site.name), key=_place), ratio)


def _place(each: NodeView) -> tuple[object, ...]:
    """So that a node has the same cell whatever becomes of it, beside the others of its host."""
    facts = each.facts
    return natural(facts.id.site), natural(facts.host), natural(facts.title), facts.id


def _hottest(shown: Iterable[NodeView], look: DisplaySettings) -> Hottest | None:
    told = [(hottest(each.facts.sample), each) for each in shown if each.counted]
    known = [(celsius, each) for celsius, each in told if celsius is not None]
    if not known:
        return None
    celsius, each = max(known, key=itemgetter(0))
    level = worse(levels(each, look.colours)["temperature"], temperature_level(celsius, look.colours))
    return Hottest(units.quantity("temperature", celsius), level.value, each.facts.title)


def _size(tiles: int) -> str:
    """How large all of it can be and still stand on one screen, by about how many small tiles it takes."""
    return "solo" if tiles <= 6 else "few" if tiles <= 30 else "some" if tiles <= 60 else "many"


def _site(name: str, nodes: Sequence[NodeView]) -> Site:
    up = sum(each.status in {NodeStatus.ONLINE, NodeStatus.DEGRADED} for each in nodes)
    status = min((each.status for each in nodes), key=SEVERITY.index)
    firing = [worst(trouble.severity for trouble in each.troubles) for each in nodes if each.troubles]
    word = worst(firing).value if firing and status not in TROUBLE else status.value
    return Site(name, word, up, len(nodes), " · ".join(map(str, rates(total(nodes)))), len(firing))
