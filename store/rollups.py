"""Sums over minutes and hours, changed by what new samples add to them; so they never have to be computed again.

All sums are of whole thousandths of H/s and stay exact up to 2^53 of them, whatever the order of adding.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from rigwatch.clock import Millis
from store.carried import NodeTail, settle
from store.rows import stored_number
from store.times import HOUR, MINUTE
from store.transaction import Row, Transaction

Key: TypeAlias = tuple[int, int]
"""Minute or hour, and node."""

MINUTES_FROM = "minutes_from"

NEAR: Final[Millis] = MINUTE
_ANYWHERE: Final[Millis] = 2**60
"""Further than any clock is off."""

_MARK = f"SELECT n.value FROM mark n WHERE n.name = '{MINUTES_FROM}'{{share}}"  # noqa: S608 - constants
_MINUTES = """
SELECT m.minute, m.node_id, m.count, m.hashrate
FROM {pairs} k CROSS JOIN node_minute m WHERE m.minute = k.a AND m.node_id = k.b
"""
_MINUTES_OF_SAMPLES = """
SELECT (n + lag) / 60000 AS minute, count(hashrate), sum(hashrate) FROM sample
WHERE node_id = ? AND n + lag >= ? AND n + lag < ? AND n >= ? AND n < ? AND hashrate IS NOT NULL
GROUP BY (n + lag) / 60000
"""
_SET_MINUTE = """
INSERT INTO node_minute (minute, node_id, count, hashrate) {values}
ON CONFLICT (minute, node_id) DO UPDATE SET count = excluded.count, hashrate = excluded.hashrate
"""
_ADD_HOUR = """
INSERT INTO node_hour (hour, node_id, samples, count, hashrate, peers_count, peers) {values}
ON CONFLICT (hour, node_id) DO UPDATE SET
    samples = node_hour.samples + excluded.samples,
    count = node_hour.count + excluded.count, hashrate = node_hour.hashrate + excluded.hashrate,
    peers_count = node_hour.peers_count + excluded.peers_count, peers = node_hour.peers + excluded.peers
"""
_ADD_FLEET = """
INSERT INTO fleet_minute (minute, hashrate, nodes) {values}
ON CONFLICT (minute) DO UPDATE SET
    hashrate = fleet_minute.hashrate + excluded.hashrate, nodes = fleet_minute.nodes + excluded.nodes
"""
_MINUTE_COLUMNS = (("minute", "int4"), ("node_id", "int4"), ("count", "int4"), ("hashrate", "float8"))
_FLEET_COLUMNS = (("minute", "int4"), ("hashrate", "float8"), ("nodes", "int4"))
_HOUR_COLUMNS = (
    ("hour", "int4"),
    ("node_id", "int4"),
    ("samples", "int4"),
    ("count", "int4"),
    ("hashrate", "float8"),
    ("peers_count", "int4"),
    ("peers", "float8"),
)


@dataclass(slots=True)
class Sum:
    """Figures added up: all samples, those with a hashrate, those with a peer count."""

    samples: int = 0
    count: int = 0
    hashrate: float = 0
    peers_count: int = 0
    peers: int = 0

    def add(self, hashrate: float | None, peers: int | None) -> None:
        self.samples += 1
        if hashrate is not None:
            self.count += 1
            self.hashrate += hashrate
        if peers is not None:
            self.peers_count += 1
            self.peers += peers

    def merge(self, other: "Sum") -> None:
        self.samples += other.samples
        self.count += other.count
        self.hashrate += other.hashrate
        self.peers_count += other.peers_count
        self.peers += other.peers


@dataclass(slots=True)
class Added:
    """What new samples add to each minute and hour."""

    minutes: dict[Key, list[float]] = field(default_factory=dict)
    hours: defaultdict[Key, Sum] = field(default_factory=lambda: defaultdict(Sum))

    def add(self, node: int, at: Millis, row: Row) -> None:
        """`row` is that of the sample (`rows.to_row`)."""
        hashrate, peers = row[3], row[4]
        self.hours[at // HOUR, node].add(hashrate, peers)
        if hashrate is not None:
            minute = self.minutes.setdefault((at // MINUTE, node), [0, 0])
            minute[0] += 1
            minute[1] += hashrate

    def by_node(self) -> dict[int, Sum]:
        sums: defaultdict[int, Sum] = defaultdict(Sum)
        for (_, node), added in self.hours.items():
            sums[node].merge(added)
        return sums


def write(
    tx: Transaction, added: Added, rows: Iterable[Row], tails: Mapping[int, NodeTail], *, near: Collection[int] = ()
) -> None:
    """Adds to the hours, minutes and the fleet's minutes what the `rows` add, which are stored already, their nodes
    locked. `tails` are those of the nodes, and are moved; the caller stores them.
    `near` are nodes of which no sample's `n` and `at` are further apart than `NEAR`: their minutes long past cost a
    look at the samples around, instead of a walk over all that the node has.
    """
    tx.run_rows(
        _ADD_HOUR,
        _HOUR_COLUMNS,
        [
            (*key, s.samples, s.count, stored_number(s.hashrate), s.peers_count, stored_number(s.peers))
            for key, s in sorted(added.hours.items())
        ],
    )
    fleet: defaultdict[int, list[float]] = defaultdict(lambda: [0, 0])
    if added.minutes:
        minutes_from = tx.rows(_MARK)[0][0]
        recent = {key: delta for key, delta in added.minutes.items() if key[0] >= minutes_from}
        late = {key: delta for key, delta in added.minutes.items() if key[0] < minutes_from}
        _add_recent(tx, recent, fleet)
        _add_late(tx, late, fleet, near)
    for minute, rate, nodes in settle(tx, tails, rows):
        fleet[minute][0] += rate
        fleet[minute][1] += nodes
    # In order of the minute: two subscribers that store at once wait for each other rather than deadlock.
    tx.run_rows(
        _ADD_FLEET,
        _FLEET_COLUMNS,
        [(minute, stored_number(rate), nodes) for minute, (rate, nodes) in sorted(fleet.items()) if rate or nodes],
    )


def _add_recent(tx: Transaction, recent: Mapping[Key, list[float]], fleet: defaultdict[int, list[float]]) -> None:
    keys = msgspec.json.encode(list(recent)).decode()
    stored = {(minute, node): (count, total) for minute, node, count, total in tx.rows(_MINUTES, (keys,))}
    changed: list[Row] = []
    for key, (count, total) in recent.items():
        before = stored.get(key, (0, 0))
        after = (before[0] + count, before[1] + total)
        changed.append((*key, after[0], stored_number(after[1])))
        _move(fleet[key[0]], before, after)
    tx.run_rows(_SET_MINUTE, _MINUTE_COLUMNS, sorted(changed))


def _add_late(
    tx: Transaction, late: Mapping[Key, list[float]], fleet: defaultdict[int, list[float]], near: Collection[int]
) -> None:
    """Minutes whose rows are gone are summed from the samples: one walk over the node's samples, not one a minute."""
    nodes: defaultdict[int, dict[int, list[float]]] = defaultdict(dict)
    for (minute, node), delta in late.items():
        nodes[node][minute] = delta
    for node, minutes in nodes.items():
        stray = NEAR if node in near else _ANYWHERE
        since, until = min(minutes) * MINUTE, (max(minutes) + 1) * MINUTE
        for minute, count, total in tx.rows(_MINUTES_OF_SAMPLES, (node, since, until, since - stray, until + stray)):
            if minute in minutes:
                delta = minutes[minute]
                _move(fleet[minute], (count - delta[0], total - delta[1]), (count, total))


def _move(fleet: list[float], before: tuple[float, float], after: tuple[float, float]) -> None:
    fleet[0] += _mean(after) - _mean(before)
    fleet[1] += (after[0] > 0) - (before[0] > 0)


def _mean(minute: tuple[float, float]) -> int:
    count, total = minute
    return round(total / count) if count else 0
