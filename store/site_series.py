"""What `series.fleet` and `reader.totals` tell of the whole fleet, of some sites alone; no sums are kept for these.

The last two hours come from the nodes' minutes, each node counting on while its last one is fresh; what is older from
their hours, so that a step within an hour has the mean of that hour.
"""

from collections import defaultdict
from collections.abc import Iterator

from alerts.facts import FleetPoint, MinuteTotal
from rigwatch.clock import Millis
from store.carried import FRESH
from store.retention import RECENT
from store.times import HOUR, MINUTE
from store.transaction import Transaction

_MINUTES = """
SELECT m.node_id, m.minute, m.hashrate / m.count, n.interval FROM node_minute m JOIN node n ON n.id = m.node_id
WHERE n.site IN ({sites}) AND m.minute >= ? AND m.minute < ? AND m.count > 0 ORDER BY m.node_id, m.minute
"""
_HOURS = """
SELECT h.hour, sum(h.hashrate / h.count), count(*) FROM node_hour h JOIN node n ON n.id = h.node_id
WHERE n.site IN ({sites}) AND h.hour >= ? AND h.hour < ? AND h.count > 0 GROUP BY h.hour
"""
_OLDEST = (
    "SELECT min(h.hour) FROM node_hour h JOIN node n ON n.id = h.node_id WHERE n.site IN ({sites}) AND h.count > 0"
)
_LONGEST = 30
"""Minutes before the span that are read: a node whose last report is older counts as one that has none."""


def fleet(
    tx: Transaction, sites: frozenset[str], step: Millis, *, since: Millis, until: Millis, now: Millis
) -> list[FleetPoint]:
    """As `series.fleet`; `step` is whole minutes."""
    if since >= now - RECENT:
        found = _minutes(tx, sites, since // MINUTE, until // MINUTE)
        unit = MINUTE
    else:
        found = {hour: (rate, nodes) for hour, rate, nodes in tx.rows(*_asked(_HOURS, sites, since, until))}
        unit = HOUR
    sums: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for slot in _slots(sorted(found), unit, step, since=since, until=until):
        sums[slot[0]].append(found[slot[1]])
    return [
        FleetPoint(slot * step, sum(rate for rate, _ in of) / len(of) / 1000, sum(nodes for _, nodes in of) / len(of))
        for slot, of in sorted(sums.items())
    ]


def oldest(tx: Transaction, sites: frozenset[str]) -> Millis | None:
    hour = tx.value(_OLDEST.replace("{sites}", _marks(sites)), tuple(sites))
    return None if hour is None else hour * HOUR


def totals(tx: Transaction, sites: frozenset[str], minutes: int, now: Millis) -> list[MinuteTotal]:
    """As `reader.totals`."""
    after = now // MINUTE + 1
    found = _minutes(tx, sites, after - minutes, after)
    return [MinuteTotal(minute * MINUTE, rate / 1000, nodes) for minute, (rate, nodes) in sorted(found.items())[::-1]]


def _minutes(tx: Transaction, sites: frozenset[str], first: int, after: int) -> dict[int, tuple[float, int]]:
    """Sum and number of nodes of each minute in which any counted."""
    asked = (*sites, first - _LONGEST, after)
    rows = tx.rows(_MINUTES.replace("{sites}", _marks(sites)), asked)
    sums: defaultdict[int, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for at, (node, minute, rate, interval) in enumerate(rows):
        following = rows[at + 1][1] if at + 1 < len(rows) and rows[at + 1][0] == node else after
        fresh = minute + max(1, FRESH * interval // MINUTE)
        for each in range(max(minute, first), min(following, fresh)):
            total, nodes = sums[each]
            sums[each] = total + rate, nodes + 1
    return sums


def _slots(known: list[int], unit: Millis, step: Millis, *, since: Millis, until: Millis) -> Iterator[tuple[int, int]]:
    """Each step with each of the minutes, or the hour, that it lies in."""
    for each in known:
        begin, end = max(each * unit, since), min((each + 1) * unit, until)
        for slot in range(begin // step, -(-end // step)):
            yield slot, each


def _asked(sql: str, sites: frozenset[str], since: Millis, until: Millis) -> tuple[str, tuple[object, ...]]:
    return sql.replace("{sites}", _marks(sites)), (*sites, since // HOUR, -(-until // HOUR))


def _marks(sites: frozenset[str]) -> str:
    # No site at all fits nothing.
    return ", ".join("?" * len(sites)) or "NULL"
