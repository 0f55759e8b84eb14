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
from store.rows import StoredSample, stored_number
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
class MinuteSum:
    """A node's samples with a hashrate in one minute."""

    count: int = 0
    hashrate: float = 0

    @property
    def mean(self) -> int:
        return round(self.hashrate / self.count) if self.count else 0


@dataclass(slots=True)
class _FleetChange:
    """What the fleet's row of one minute is to be changed by."""

    hashrate: float = 0
    nodes: int = 0

    def replace(self, before: MinuteSum, after: MinuteSum) -> None:
        """One node's share of the minute is another now."""
        self.hashrate += after.mean - before.mean
        self.nodes += (after.count > 0) - (before.count > 0)


_EMPTY: Final = MinuteSum()
_Fleet: TypeAlias = defaultdict[int, _FleetChange]


@dataclass(slots=True)
class Added:
    """What new samples add to each minute and hour."""

    minutes: defaultdict[Key, MinuteSum] = field(default_factory=lambda: defaultdict(MinuteSum))
    hours: defaultdict[Key, Sum] = field(default_factory=lambda: defaultdict(Sum))

    def add(self, at: Millis, row: StoredSample) -> None:
        """`at` is when the sample of the row was taken."""
        node, hashrate = row.node_id, row.hashrate
        self.hours[at // HOUR, node].add(hashrate, row.peers)
        if hashrate is not None:
            minute = self.minutes[at // MINUTE, node]
            minute.count += 1
            minute.hashrate += hashrate

    def by_node(self) -> dict[int, Sum]:
        sums: defaultdict[int, Sum] = defaultdict(Sum)
        for (_, node), added in self.hours.items():
            sums[node].merge(added)
        return sums


def write(
    tx: Transaction,
    added: Added,
    rows: Iterable[StoredSample],
    tails: Mapping[int, NodeTail],
    *,
    near: Collection[int] = (),
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
    fleet: _Fleet = defaultdict(_FleetChange)
    if added.minutes:
        minutes_from = tx.value(_MARK)
        recent: dict[Key, MinuteSum] = {}
        late: dict[Key, MinuteSum] = {}
        for (minute, node), delta in added.minutes.items():
            (recent if minute >= minutes_from else late)[minute, node] = delta
        _add_recent(tx, recent, fleet)
        _add_late(tx, late, fleet, near)
    for minute, rate, nodes in settle(tx, tails, rows):
        fleet[minute].hashrate += rate
        fleet[minute].nodes += nodes
    # In order of the minute: two subscribers that store at once wait for each other rather than deadlock.
    tx.run_rows(
        _ADD_FLEET,
        _FLEET_COLUMNS,
        [
            (minute, stored_number(change.hashrate), change.nodes)
            for minute, change in sorted(fleet.items())
            if change.hashrate or change.nodes
        ],
    )


def _add_recent(tx: Transaction, recent: Mapping[Key, MinuteSum], fleet: _Fleet) -> None:
    keys = msgspec.json.encode(list(recent)).decode()
    stored = {(minute, node): MinuteSum(count, total) for minute, node, count, total in tx.rows(_MINUTES, (keys,))}
    changed: list[Row] = []
    for (minute, node), delta in recent.items():
        before = stored.get((minute, node), _EMPTY)
        after = MinuteSum(before.count + delta.count, before.hashrate + delta.hashrate)
        changed.append((minute, node, after.count, stored_number(after.hashrate)))
        fleet[minute].replace(before, after)
    tx.run_rows(_SET_MINUTE, _MINUTE_COLUMNS, sorted(changed))


def _add_late(tx: Transaction, late: Mapping[Key, MinuteSum], fleet: _Fleet, near: Collection[int]) -> None:
    """Minutes whose rows are gone are summed from the samples: one walk over the node's samples, not one a minute."""
    nodes: defaultdict[int, dict[int, MinuteSum]] = defaultdict(dict)
    for (minute, node), delta in late.items():
        nodes[node][minute] = delta
    for node, minutes in nodes.items():
        stray = NEAR if node in near else _ANYWHERE
        since, until = min(minutes) * MINUTE, (max(minutes) + 1) * MINUTE
        for minute, count, total in tx.rows(_MINUTES_OF_SAMPLES, (node, since, until, since - stray, until + stray)):
            if minute in minutes:
                delta = minutes[minute]
                before = MinuteSum(count - delta.count, total - delta.hashrate)
                fleet[minute].replace(before, MinuteSum(count, total))
