"""What another program measured before rigwatch came: stored and summed up as any sample, and silent about the present.

State, session, latest values and the time of the last report stay as they are, so no alert can come of it. Where a node
has told of itself already, its own samples are the ones that count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from rigwatch.clock import Millis
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from store import carried, rollups
from store.reader import node_id
from store.rows import COLUMNS, StoredSample, is_named, stored_number, to_row
from store.transaction import Row, Transaction
from store.writer import UnknownNodes, add_nodes

_LOAD = """
SELECT n.id, n.latest, n.session, (SELECT min(c.at) FROM node_change c WHERE c.node_id = n.id),
       n.interval, n.state_at, n.latest_at, n.tail_at, n.tail_rate, n.tail_until, n.stray, n.site, n.node
FROM {names} k CROSS JOIN node n WHERE n.site = k.a AND n.node = k.b ORDER BY n.id
"""
_BETWEEN = "SELECT n FROM sample WHERE node_id = ? AND n >= ? AND n <= ?"
_CALL = "UPDATE node SET name = ? WHERE site = ? AND node = ? AND name = ''"
_SET = """
UPDATE node SET first_seen_at = CASE WHEN first_seen_at <= {first} THEN first_seen_at ELSE {first} END,
    kept_samples = kept_samples + {samples}, kept_count = kept_count + {count},
    kept_hashrate = kept_hashrate + {hashrate}, kept_peers_count = kept_peers_count + {peers_count},
    kept_peers = kept_peers + {peers}, tail_at = {tail_at}, tail_rate = {tail_rate}, tail_until = {tail_until},
    stray = {stray}, highest_n = CASE WHEN highest_n < {last} THEN {last} ELSE highest_n END
{from} WHERE node.id = {id}
"""
_SET_COLUMNS = (
    ("first", "int8"),
    ("last", "int8"),
    ("samples", "int8"),
    ("count", "int8"),
    ("hashrate", "float8"),
    ("peers_count", "int8"),
    ("peers", "float8"),
    ("tail_at", "int8"),
    ("tail_rate", "float8"),
    ("tail_until", "int8"),
    ("stray", "int8"),
    ("id", "int4"),
)
_json = msgspec.json.Encoder()
_latest = msgspec.json.Decoder(Sample)


class _NodeRow(NamedTuple):
    """What is stored of a node, `own_since` when it first told of itself; by default of one that is not there."""

    id: int | None = None
    latest: str | None = None
    session: int = 0
    own_since: Millis | None = None
    interval: Millis = 60_000
    state_at: Millis | None = None
    latest_at: Millis | None = None
    tail_at: Millis | None = None
    tail_rate: float | None = None
    tail_until: Millis | None = None
    stray: Millis = 0


_NOBODY = _NodeRow()


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """How many of a node's samples are stored now, were there, or are of a time that the node has told of itself."""

    new: int = 0
    there: int = 0
    own: int = 0


@dataclass(slots=True)
class _Sorted:
    """One node's samples of a batch; `heard`: it has told of itself, at whatever time by its own clock."""

    id: int | None
    tail: carried.NodeTail
    heard: bool = False
    named: bool = False
    new: list[Sample] = field(default_factory=list)
    there: int = 0
    own: int = 0

    @property
    def taken(self) -> ImportCounts:
        return ImportCounts(len(self.new), self.there, self.own)


def introduce(tx: Transaction, names: Mapping[NodeId, str], now: Millis) -> None:
    """Makes the nodes known as enrolled, and what people called them, where they do not say so themselves."""
    add_nodes(tx, [(node, now) for node in names])
    tx.run_many(_CALL, [(name, node.site, node.node) for node, name in sorted(names.items()) if name])


def compare(tx: Transaction, samples: Mapping[NodeId, Sequence[Sample]]) -> dict[NodeId, ImportCounts]:
    """What `add` would do."""
    return {node: each.taken for node, each in _sort(tx, samples, _LOAD).items()}


def add(tx: Transaction, samples: Mapping[NodeId, Sequence[Sample]]) -> dict[NodeId, ImportCounts]:
    """Each sample once, however often it comes; `at` and `n` of each are less than `rollups.NEAR` apart.

    Raises `UnknownNodes` before anything is changed.
    """
    found = _sort(tx, samples, f"{_LOAD}{{lock}}")
    if unknown := [node for node, each in found.items() if each.id is None]:
        raise UnknownNodes(unknown)
    rows: list[StoredSample] = []
    added = rollups.Added()
    spans: dict[int, tuple[Millis, int]] = {}
    for each in found.values():
        if each.id is None or not each.new:
            continue
        for sample in each.new:
            row = to_row(each.id, sample, sample.at, None, named=each.named)
            rows.append(row)
            added.add(sample.at, row)
        spans[each.id] = min(sample.at for sample in each.new), max(sample.n for sample in each.new)
    if rows:
        tx.load("sample", COLUMNS, rows)
        tails = {each.id: each.tail for each in found.values() if each.id and each.new}
        rollups.write(tx, added, rows, tails, near={each.id for each in found.values() if each.id and not each.heard})
        kept = added.by_node()
        tx.run_rows(
            _SET,
            _SET_COLUMNS,
            [(*span, *_sums(kept[node]), *tails[node].row, node) for node, span in sorted(spans.items())],
        )
    return {node: each.taken for node, each in found.items()}


def _sort(tx: Transaction, samples: Mapping[NodeId, Sequence[Sample]], load: str) -> dict[NodeId, _Sorted]:
    names = _json.encode([(node.site, node.node) for node in samples]).decode()
    known = {node_id(site, node): _NodeRow(*row) for *row, site, node in tx.rows(load, (names,))}
    found: dict[NodeId, _Sorted] = {}
    for node, several in samples.items():
        row = known.get(node, _NOBODY)
        each = found[node] = _Sorted(
            row.id,
            carried.NodeTail(
                row.tail_at,
                row.tail_rate,
                row.tail_until or 0,
                row.stray,
                row.interval,
                row.state_at,
                stored_at=row.latest_at or 0,
            ),
            heard=row.session > 0,
            named=row.latest is not None and is_named(_latest.decode(row.latest)),
        )
        stored: set[int] = set()
        if row.id is not None and several:
            numbers = [sample.n for sample in several]
            stored = {n for (n,) in tx.rows(_BETWEEN, (row.id, min(numbers), max(numbers)))}
        for sample in several:
            if sample.n in stored:
                each.there += 1
            elif row.own_since is not None and sample.at >= row.own_since:
                each.own += 1
            else:
                stored.add(sample.n)
                each.new.append(sample)
    return found


def _sums(kept: rollups.Sum) -> Row:
    return (kept.samples, kept.count, stored_number(kept.hashrate), kept.peers_count, stored_number(kept.peers))
