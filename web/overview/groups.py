"""The list's sites and their hosts, summed up: for the fold above it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from alerts.rule import worst
from alerts.status import NodeStatus
from rigwatch.settings import WebColours
from web import units
from web.colours import temperature_level
from web.natural import natural
from web.node_view import NodeView
from web.overview.listing import SEVERITY, Listing, attention
from web.power import draw
from web.rates import rates, total
from web.tiles import TROUBLE
from web.units import Quantity

HOSTS_SHOWN: Final = 24
"""Of all sites together, but three of each: those in trouble before the others, which are a click away. Each is a dozen
elements that a phone has to lay out, and a tenth of a millisecond here."""
SITES_SHOWN: Final = 40
_LEAST: Final = 3
_UP: Final = frozenset({NodeStatus.ONLINE, NodeStatus.DEGRADED})


class GroupSum(NamedTuple):
    """Several nodes in one line. `status` is the worst of theirs, or of their incidents; `query` lists them alone."""

    name: str
    query: str
    status: str
    up: int
    nodes: int
    firing: int
    hashrate: str
    efficiency: Quantity
    power: Quantity
    hottest: Quantity
    hottest_level: str


class SiteSum(NamedTuple):
    """A site, and so many of its hosts; `more` are left out."""

    sum: GroupSum
    hosts: tuple[GroupSum, ...]
    more: int


def sites(shown: Sequence[NodeView], listing: Listing, colours: WebColours) -> list[SiteSum]:
    """By name. None where there is nothing to sum up: one site whose nodes are each a host of its own, or unnamed."""
    of: defaultdict[str, list[NodeView]] = defaultdict(list)
    for each in shown:
        of[each.facts.id.site].append(each)
    names = sorted(of, key=natural)[:SITES_SHOWN]
    room = max(_LEAST, HOSTS_SHOWN // max(len(names), 1))
    found = [_site(name, of[name], replace(listing, site=name, page=1), colours, room=room) for name in names]
    return found if len(found) > 1 or any(each.hosts for each in found) else []


def _site(name: str, nodes: Sequence[NodeView], listing: Listing, colours: WebColours, *, room: int) -> SiteSum:
    of: defaultdict[str, list[NodeView]] = defaultdict(list)
    for each in nodes:
        of[each.facts.host].append(each)
    of.pop("", None)
    # A host with one node is that node's own row.
    tells = any(len(each) > 1 for each in of.values())
    ranked = sorted(of, key=lambda host: (min(map(attention, of[host])), natural(host))) if tells else []
    hosts = (_sum(host, of[host], replace(listing, host=host), colours) for host in sorted(ranked[:room], key=natural))
    return SiteSum(_sum(name, nodes, listing, colours), tuple(hosts), max(0, len(ranked) - room))


def _sum(name: str, nodes: Sequence[NodeView], listing: Listing, colours: WebColours) -> GroupSum:
    made = total(nodes)
    drawn = draw(nodes, made)
    celsius = _hottest(nodes)
    return GroupSum(
        name=name,
        query=listing.query(),
        status=_status(nodes),
        up=sum(each.status in _UP for each in nodes),
        nodes=len(nodes),
        firing=sum(bool(each.troubles) for each in nodes),
        hashrate=" · ".join(map(str, rates(made))),
        efficiency=drawn.efficiency,
        power=drawn.power,
        hottest=units.quantity("temperature", celsius),
        hottest_level=temperature_level(celsius, colours).value,
    )


def _hottest(nodes: Iterable[NodeView]) -> float | None:
    told = (each.facts.sample.temperature for each in nodes if each.counted and each.facts.sample)
    return max((celsius for celsius in told if celsius is not None), default=None)


def _status(nodes: Iterable[NodeView]) -> str:
    nodes = list(nodes)
    status = min((each.status for each in nodes), key=SEVERITY.index)
    firing = [worst(trouble.severity for trouble in each.troubles) for each in nodes if each.troubles]
    return worst(firing).value if firing and status not in TROUBLE else status.value
