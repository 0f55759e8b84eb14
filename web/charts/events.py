"""What a chart marks besides its lines: incidents, restarts, and another miner, pool or algorithm."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from alerts.rule import Severity
from rigwatch.clock import Millis
from rigwatch.texts import visible
from rigwatch.topics import NodeId
from store import incidents
from store.chart_events import Change
from store.incidents import IncidentFilter, IncidentPart
from store.transaction import Transaction
from web.access.sites import sees, visible_sites
from web.charts.lines import Window

_INCIDENTS: Final = 40
"""The latest of them: of more, nobody could tell which line is which."""


class ChartEvent(NamedTuple):
    """`kind` is `incident`, `restart`, `miner`, `pool` or `algorithm`; `text` the rule or the new name; `number` that
    of an incident."""

    at: Millis
    kind: str
    text: str = ""
    number: int = 0
    where: str = ""


def incidents_of(tx: Transaction, node: NodeId | None = None) -> tuple[ChartEvent, ...]:
    """The latest that have counted and that the viewer sees: of a node, or of the fleet its critical ones, a group as
    one."""
    found = []
    for part in (IncidentPart.OPEN, IncidentPart.PAST):
        wanted = (
            IncidentFilter(part, severity=Severity.CRITICAL, sites=visible_sites())
            if node is None
            else IncidentFilter(part, site=node.site, node=node.node)
        )
        found += incidents.page(tx, wanted, _INCIDENTS)
    counted = [each for each in found if each.fired_at is not None and sees(each)]
    return tuple(
        ChartEvent(
            each.fired_at or each.since,
            "incident",
            each.rule.value,
            each.id,
            "" if node else visible(str(each.subject)),
        )
        for each in sorted(counted, key=lambda each: each.since)[-_INCIDENTS:]
    )


def of_node(restarts: Sequence[Millis], changes: Sequence[Change]) -> Iterable[ChartEvent]:
    yield from (ChartEvent(at, "restart") for at in restarts)
    yield from (ChartEvent(each.at, each.what, visible(each.now)) for each in changes)


def marked(events: Iterable[ChartEvent], seen: Window) -> list[dict[str, object]]:
    """Those within the window, in order, their moments in seconds."""
    return [{**each._asdict(), "at": each.at / 1000} for each in sorted(events) if seen.since <= each.at <= seen.until]
