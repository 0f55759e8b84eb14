"""Histories as charts need them, each a bounded number of points: of one node, of the fleet, a little of every node."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.facts import FleetPoint, NodeCards, Point
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from store.carried import FRESH, Steps, open_spans
from store.rollups import Sum
from store.rows import COLUMNS, StoredSample, extra_of, from_row
from store.texts import as_json
from store.times import HOUR, MINUTE
from store.transaction import Row, Transaction


class _Spot(NamedTuple):
    """One sample of a span: when it was taken, and what is not summed up."""

    at: Millis
    block: int | None = None
    temperature: int | None = None
    power: int | None = None
    extra: str | None = None


@dataclass(slots=True)
class _Hours:
    """Whole hours from `first` to `last`, both included, added up."""

    first: int
    last: int
    sum: Sum


@dataclass(slots=True)
class _Minutes:
    """Minutes of the fleet added up, and how many they are."""

    hashrate: float = 0
    nodes: int = 0
    count: int = 0


_NOWHERE = _Spot(0)

LONG: Millis = 8 * 24 * HOUR
"""Over longer spans the hours' sums are read instead of the samples."""

_ID = "SELECT id FROM node WHERE site = ? AND node = ?"
_STAMP = """
SELECT kept_samples, session, state_at, last_report_at, state FROM node WHERE site = ? AND node = ?
"""
_OLDEST = "SELECT n + lag FROM sample WHERE node_id = ? ORDER BY n LIMIT 1"
_BACK = 1000
_STEP_BACK = f"SELECT n, n + lag FROM sample WHERE node_id = ? AND n < ? ORDER BY n DESC LIMIT 1 OFFSET {_BACK}"  # noqa: S608 - a constant
_POINTS = """
SELECT (n + lag) / ? AS slot, count(*), avg(n + lag), min(n + lag), max(n + lag), avg(hashrate), avg(peers),
       max(block), avg(temperature), avg(power), count(CASE WHEN extra LIKE ? THEN 1 END),
       max(CASE WHEN extra LIKE ? THEN n END)
FROM sample WHERE node_id = ? AND n >= ? AND n + lag >= ? AND n + lag < ? GROUP BY 1 ORDER BY 1
"""
_ERRORS, _GPUS = '%"errors":{%', '%"gpus":[%'
_CARDS = """
SELECT s.n + s.lag, s.extra FROM {ids} k CROSS JOIN sample s WHERE s.n = k.a AND s.node_id = ? ORDER BY s.n
"""
_LATEST = f"SELECT {', '.join(COLUMNS)} FROM sample WHERE node_id = ? ORDER BY n DESC LIMIT ?"  # noqa: S608 - constants
_HOURS = """
SELECT h.hour, h.samples, h.count, h.hashrate, h.peers_count, h.peers
FROM {ids} k CROSS JOIN node_hour h WHERE h.hour = k.a AND h.node_id = ? ORDER BY h.hour
"""
_SPOTS = """
SELECT s.n + s.lag, s.block, s.temperature, s.power, s.extra FROM {ids} k CROSS JOIN sample s
WHERE s.node_id = ? AND s.n = (SELECT min(m.n) FROM sample m WHERE m.node_id = ? AND m.n >= k.a)
"""
_HEIGHTS = """
SELECT (n + lag) / ? AS slot, max(block) FROM sample
WHERE node_id = ? AND n >= ? AND n + lag >= ? AND n + lag < ? AND block IS NOT NULL GROUP BY 1
"""
_FLEET = """
SELECT minute / ?, sum(hashrate), sum(nodes), count(*) FROM fleet_minute
WHERE minute >= ? AND minute < ? AND nodes > 0 GROUP BY 1
"""
_FLEET_HAS = "SELECT f.minute FROM {ids} k CROSS JOIN fleet_minute f WHERE f.minute = k.a AND f.nodes > 0"
_FLEET_OLDEST = "SELECT min(minute) FROM fleet_minute WHERE nodes > 0"
_MEANS = """
SELECT n.site, n.node, m.rate FROM (SELECT node_id, sum(hashrate) / sum(count) AS rate FROM node_minute
    WHERE minute >= ? AND minute < ? AND count > 0 GROUP BY node_id) m JOIN node n ON n.id = m.node_id
"""
_LAST = """
SELECT q.site, q.node, s.n + s.lag, s.hashrate, coalesce(c.interval, q.interval), c.state FROM (
    SELECT n.id, n.site, n.node, n.interval,
        (SELECT s.n FROM sample s WHERE s.node_id = n.id AND s.n <= ? + n.stray AND s.n + s.lag <= ?
         ORDER BY s.n DESC LIMIT 1) AS last,
        (SELECT max(c.at) FROM node_change c WHERE c.node_id = n.id AND c.at <= ?) AS changed
    FROM node n WHERE n.retired_at IS NULL AND n.kept_samples > 0) q
JOIN sample s ON s.node_id = q.id AND s.n = q.last
LEFT JOIN node_change c ON c.node_id = q.id AND c.at = q.changed
"""

_DAY_OF = """
SELECT n.site, n.node, h.hour, h.hashrate / h.count FROM {names} k CROSS JOIN node n CROSS JOIN {ids} t
CROSS JOIN node_hour h
WHERE n.site = k.a AND n.node = k.b AND h.hour = t.a AND h.node_id = n.id AND h.count > 0
"""


def stamp(tx: Transaction, node: NodeId) -> tuple[object, ...]:
    """Differs when the node's history has changed; empty for one that is not there."""
    rows = tx.rows(_STAMP, (node.site, node.node))
    return tuple(rows[0]) if rows else ()


def oldest(tx: Transaction, node: NodeId) -> Millis | None:
    """When its oldest sample was taken."""
    found: Millis | None = tx.value(_OLDEST, (_number(tx, node),))
    return found


def points(tx: Transaction, node: NodeId, step: Millis, *, since: Millis, until: Millis) -> list[Point]:
    """Means over `step` each, in order; spans without a sample have no point. About 1 µs a sample.

    Over more than `LONG`, hashrate and peers are means of whole hours, other figures those of one sample a step.
    """
    number = _number(tx, node)
    if until - since > LONG:
        hours = -(-step // HOUR)
        return _long(tx, number, range(since // HOUR // hours * hours, until // HOUR + 1, hours))
    span = (number, _first(tx, number, since), since, until)
    return [_point(row) for row in tx.rows(_POINTS, (step, _ERRORS, _GPUS, *span))]


def heights(tx: Transaction, nodes: Iterable[NodeId], step: Millis, *, since: Millis, until: Millis) -> dict[int, int]:
    """The highest block that any of the nodes had in each step, by the step's number since 1970."""
    highest: dict[int, int] = {}
    for node in nodes:
        number = _number(tx, node)
        span = (number, _first(tx, number, since), since, until)
        found = (
            [(point.at // step, point.block) for point in points(tx, node, step, since=since, until=until)]
            if until - since > LONG
            else tx.rows(_HEIGHTS, (step, *span))
        )
        for slot, block in found:
            if block is not None:
                highest[slot] = max(block, highest.get(slot, 0))
    return highest


def cards(tx: Transaction, node: NodeId, of: Sequence[Point]) -> list[NodeCards]:
    """The GPUs in one sample of each point that has any."""
    numbers = [point.gpus_n for point in of if point.gpus_n is not None]
    if not numbers:
        return []
    rows = tx.rows(_CARDS, (as_json(numbers), _number(tx, node)))
    return [NodeCards(int(at), extra_of(extra).gpus or ()) for at, extra in rows]


def latest(tx: Transaction, node: NodeId, count: int) -> list[Sample]:
    """Its last samples, the latest first."""
    return [from_row(row) for row in tx.typed(StoredSample, _LATEST, (_number(tx, node), count))]


def fleet(tx: Transaction, step: Millis, *, since: Millis, until: Millis) -> list[FleetPoint]:
    """Means over `step` (whole minutes) of the fleet's minutes, in order; the minute of `until` is not in it."""
    minutes, first, after = max(1, step // MINUTE), since // MINUTE, until // MINUTE
    slots = {int(slot): _Minutes(*sums) for slot, *sums in tx.rows(_FLEET, (minutes, first, after))}
    steps = Steps()
    for span in open_spans(tx):
        steps.add(span._replace(first=max(span.first, first), last=min(span.last, after - 1)))
    carried = list(steps.minutes())
    stored = {minute for (minute,) in tx.rows(_FLEET_HAS, (as_json([minute for minute, *_ in carried]),))}
    for minute, rate, nodes in carried:
        sums = slots.setdefault(minute // minutes, _Minutes())
        sums.hashrate += rate
        sums.nodes += nodes
        sums.count += minute not in stored
    return [
        FleetPoint(slot * minutes * MINUTE, sums.hashrate / sums.count / 1000, float(sums.nodes / sums.count))
        for slot, sums in sorted(slots.items())
    ]


def fleet_oldest(tx: Transaction) -> Millis | None:
    minute = tx.value(_FLEET_OLDEST)
    return None if minute is None else minute * MINUTE


def rates_around(tx: Transaction, at: Millis, span: Millis) -> dict[NodeId, float]:
    """Each node's hashrate (H/s) at a moment of the last two hours: the mean of its minutes in the `span` around it, or
    its last sample before where that still counted. About 10 µs a node."""
    begin = at - span // 2
    known = tx.rows(_MEANS, (begin // MINUTE, (begin + span) // MINUTE))
    rates = {NodeId(site, node): rate / 1000 for site, node, rate in known}
    for site, node, taken_at, rate, interval, state in tx.rows(_LAST, (at, at, at)):
        is_there = state is None or state == NodeState.ONLINE.value
        if rate is not None and is_there and taken_at + FRESH * interval > at:
            rates.setdefault(NodeId(site, node), rate / 1000)
    return rates


def by_hour(tx: Transaction, nodes: Iterable[NodeId], hours: int, now: Millis) -> dict[NodeId, list[float | None]]:
    """The nodes' mean hashrates (H/s) in each of the last hours, the running one last; about 2 µs a figure. Nodes
    without any are left out."""
    last = now // HOUR
    first = last - hours + 1
    names = as_json([(node.site, node.node) for node in nodes])
    rates: defaultdict[NodeId, list[float | None]] = defaultdict(lambda: [None] * hours)
    for site, node, hour, rate in tx.rows(_DAY_OF, (names, as_json(list(range(first, last + 1))))):
        rates[NodeId(site, node)][hour - first] = rate / 1000
    return dict(rates)


def _number(tx: Transaction, node: NodeId) -> int:
    number = tx.value(_ID, (node.site, node.node))
    return -1 if number is None else int(number)


def first_of(tx: Transaction, node: NodeId, since: Millis) -> tuple[int, int]:
    """The node's number in the store, and an `n` from which on lie all its samples since then."""
    number = _number(tx, node)
    return number, _first(tx, number, since)


def _first(tx: Transaction, number: int, since: Millis) -> int:
    """An `n` from which on lie all samples since then, give or take a thousand.

    `n` grows with time, but need not be one: a rig's clock may have been years off.
    """
    at = 2**62
    while rows := tx.rows(_STEP_BACK, (number, at)):
        at, taken = rows[0]
        if taken < since:
            return int(at)
    return 0


def _point(row: Row) -> Point:
    _, samples, at, first, last, hashrate, peers, block, temperature, power, failing, gpus_n = row
    return Point(
        at=int(at),
        first=int(first),
        last=int(last),
        samples=samples,
        hashrate=_scaled(hashrate, 1000),
        peers=_scaled(peers, 1),
        block=block,
        temperature=_scaled(temperature, 10),
        power=_scaled(power, 10),
        failing=failing,
        gpus_n=gpus_n,
    )


def _scaled(stored: float | None, scale: int) -> float | None:
    # PostgreSQL's mean of whole numbers is a Decimal.
    return None if stored is None else float(stored) / scale


def _long(tx: Transaction, number: int, steps: range) -> list[Point]:
    """`steps` are the hours at which each begins."""
    spots = _spots(tx, number, steps)
    spans: dict[int, _Hours] = {}
    for hour, *figures in tx.rows(_HOURS, (as_json(list(range(steps.start, steps.stop))), number)):
        span = spans.setdefault(hour // steps.step, _Hours(hour, hour, Sum()))
        span.last = hour
        span.sum.merge(Sum(*figures))
    return [_long_point(span, spots.get(slot, _NOWHERE)) for slot, span in spans.items()]


def _spots(tx: Transaction, number: int, steps: range) -> Mapping[int, _Spot]:
    """One sample of each step by where its time falls, at the price of one look at the key each."""
    found = tx.typed(_Spot, _SPOTS, (as_json([hour * HOUR for hour in steps]), number, number))
    return {spot.at // HOUR // steps.step: spot for spot in found}


def _long_point(span: _Hours, spot: _Spot) -> Point:
    since, until, total = span.first * HOUR, (span.last + 1) * HOUR, span.sum
    return Point(
        at=(since + until) // 2,
        first=since,
        last=until,
        samples=total.samples,
        hashrate=total.hashrate / total.count / 1000 if total.count else None,
        peers=total.peers / total.peers_count if total.peers_count else None,
        block=spot.block,
        temperature=_scaled(spot.temperature, 10),
        power=_scaled(spot.power, 10),
        failing=int(bool(spot.extra and extra_of(spot.extra).errors)),
    )
