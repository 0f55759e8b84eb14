"""One batch of messages, judged and stored in one transaction: samples, rollups, latest values and facts together."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import msgspec

from alerts.facts import NodeFacts
from alerts.ingest import (
    LIVE_INTERVALS,
    NodeSession,
    ReceivedMessage,
    Rejected,
    ReportTaken,
    StatusTaken,
    judge,
)
from alerts.quota import Quota
from rigwatch.clock import Millis
from rigwatch.messages import Sample, Status
from rigwatch.topics import NodeId
from store import changes, numbers, rollups
from store.node_update import NodeUpdate, facts_of, load
from store.rows import COLUMNS, StoredSample, stored_number, to_row
from store.texts import storable
from store.times import HOUR
from store.transaction import Row, Transaction

Verdict: TypeAlias = StatusTaken | ReportTaken | Rejected
Key: TypeAlias = tuple[int, int]
"""Node and `n`."""
Taken: TypeAlias = tuple["NodeUpdate", ReceivedMessage, ReportTaken]


_ADD_NODE = """
INSERT INTO node (site, node, enrolled_at, name, host, version, tags, sources, interval, reason, session,
                  kept_samples, kept_count, kept_hashrate, kept_peers_count, kept_peers, highest_n,
                  generation, other_session, stray)
VALUES (?, ?, ?, '', '', '', '[]', '[]', 60000, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING
"""
_REMOVE_UNHEARD = "DELETE FROM node WHERE site = ? AND node = ? AND first_seen_at IS NULL AND enrolled_at IS NULL"
_EXISTING = "SELECT s.node_id, s.n FROM {pairs} k CROSS JOIN sample s WHERE s.node_id = k.a AND s.n = k.b"
_BETWEEN = "SELECT n FROM sample WHERE node_id = ? AND n >= ? AND n <= ? LIMIT ?"
_SET_IDENTITY = """
UPDATE node SET name = {name}, host = {host}, version = {version}, tags = {tags}, sources = {sources},
    interval = {interval} {from} WHERE node.id = {id}
"""
_IDENTITY_COLUMNS = (
    ("name", "text"),
    ("host", "text"),
    ("version", "text"),
    ("tags", "text"),
    ("sources", "text"),
    ("interval", "int8"),
    ("id", "int4"),
)
_SET_FACTS = """
UPDATE node SET session = {session}, other_session = {other}, generation = {generation},
    state = {state}, state_at = {state_at}, reason = {reason},
    first_seen_at = {first_seen_at}, last_report_at = {last_report_at}, clock_offset = {clock_offset},
    latest = {latest}, latest_at = {latest_at}, kept_samples = kept_samples + {samples},
    kept_count = kept_count + {count}, kept_hashrate = kept_hashrate + {hashrate},
    kept_peers_count = kept_peers_count + {peers_count}, kept_peers = kept_peers + {peers}, highest_n = {highest},
    born_at = {born_at}, tail_at = {tail_at}, tail_rate = {tail_rate}, tail_until = {tail_until}, stray = {stray},
    day = {day}, day_samples = {day_samples}, day_bytes = {day_bytes}, day_refused = {day_refused}
{from} WHERE node.id = {id}
"""
_FACTS_COLUMNS = (
    ("session", "int8"),
    ("other", "int8"),
    ("generation", "int4"),
    ("state", "text"),
    ("state_at", "int8"),
    ("reason", "text"),
    ("first_seen_at", "int8"),
    ("last_report_at", "int8"),
    ("clock_offset", "int8"),
    ("latest", "text"),
    ("latest_at", "int8"),
    ("samples", "int8"),
    ("count", "int8"),
    ("hashrate", "float8"),
    ("peers_count", "int8"),
    ("peers", "float8"),
    ("highest", "int8"),
    ("born_at", "int8"),
    ("tail_at", "int8"),
    ("tail_rate", "float8"),
    ("tail_until", "int8"),
    ("stray", "int8"),
    ("day", "int4"),
    ("day_samples", "int8"),
    ("day_bytes", "int8"),
    ("day_refused", "int8"),
    ("id", "int4"),
)
_SET_CONTEST = "UPDATE node SET contested_at = ?, contest = ? WHERE id = ?"
_MANY = 20
_json = msgspec.json.Encoder()
_latest = msgspec.json.Decoder(Sample)


@dataclass(slots=True)
class _Batch:
    """The samples of a batch on their way into the tables."""

    updates: dict[NodeId, NodeUpdate]
    quota: Quota | None = None
    rows: dict[Key, StoredSample] = field(default_factory=dict)
    added: rollups.Added = field(default_factory=rollups.Added)

    def make_way(self, tx: Transaction, row: StoredSample, stored: StoredSample | None) -> None:
        """Another sample has this row's number: it gets a free one, be it stored or on its way."""
        taken = {n for _, n in self.rows}
        if stored is not None:
            numbers.move(tx, stored, taken)
            return
        moved = numbers.renumbered(tx, self.rows.pop((row.node_id, row.n)), taken)
        self.rows[moved.node_id, moved.n] = moved


class Written(NamedTuple):
    """What became of each message of a batch, in order, and of the nodes they are from."""

    verdicts: list[Verdict]
    updates: Mapping[NodeId, NodeUpdate]

    def facts(self, nodes: Iterable[NodeId]) -> list[NodeFacts]:
        """What `reader.some` would read of these nodes in the batch's transaction: others wait for its rows."""
        found = (facts_of(self.updates[node]) for node in nodes)
        return [facts for facts in found if facts is not None]


class UnknownNodes(Exception):
    """Nodes that have no row yet. They are added in a transaction of their own before the batch is tried again.

    Added by the batch itself, which has locked the rows of others by then, two subscribers that hear of the same nodes
    for the first time would wait for each other.
    """

    def __init__(self, nodes: Collection[NodeId]) -> None:
        super().__init__(nodes)
        self.nodes = nodes


def write(
    tx: Transaction, batch: Sequence[ReceivedMessage], *, look_for_all: bool = False, quota: Quota | None = None
) -> Written:
    """What became of each message, in order. Everything is stored when the transaction around this is committed.

    Raises `UnknownNodes` before anything is changed. `look_for_all`: a node's highest `n` is not taken for granted.
    """
    updates = _load(tx, {heard.node for heard in batch})
    verdicts: list[Verdict] = []
    for heard in batch:
        update = updates[heard.node]
        verdict = judge(heard, update.known)
        if not isinstance(verdict, Rejected):
            update.take(heard, verdict)
        verdicts.append(verdict)
    collected = _Batch(updates, quota)
    reports = [
        (updates[heard.node], heard, report)
        for heard, report in zip(batch, verdicts, strict=True)
        if isinstance(report, ReportTaken)
    ]
    stored = {(row.node_id, row.n): row for row in _existing(tx, reports, look_for_all=look_for_all)}
    taken = iter([_collect(tx, collected, report, stored) for report in reports])
    verdicts = [next(taken) if isinstance(verdict, ReportTaken) else verdict for verdict in verdicts]
    changes.record(tx, [change for update in updates.values() for change in update.changes])
    if collected.rows:
        rows = list(collected.rows.values())
        tx.load("sample", COLUMNS, rows)
        rollups.write(tx, collected.added, rows, {update.id: update.tail for update in updates.values()})
    _save(tx, collected)
    return Written(verdicts, updates)


def add_nodes(tx: Transaction, nodes: Iterable[tuple[NodeId, Millis | None]]) -> None:
    """Rows for nodes not heard of yet, with the time of their enrolment; those that are there stay as they are."""
    tx.run_many(_ADD_NODE, [(node.site, node.node, enrolled_at) for node, enrolled_at in sorted(nodes)])


def remove_unheard(tx: Transaction, nodes: Iterable[NodeId]) -> None:
    """Takes away rows that were added for messages which then could not be stored."""
    tx.run_many(_REMOVE_UNHEARD, [(node.site, node.node) for node in sorted(nodes)])


def _load(tx: Transaction, nodes: set[NodeId]) -> dict[NodeId, NodeUpdate]:
    updates = load(tx, nodes)
    if len(updates) < len(nodes):
        raise UnknownNodes(nodes - updates.keys())
    return updates


def _collect(tx: Transaction, batch: _Batch, taken: Taken, stored: dict[Key, StoredSample]) -> ReportTaken:
    """The report with those of its samples that are stored with the batch, or were before."""
    update, heard, report = taken
    update.today = update.today.on(heard.received_at)
    size, kept, new = heard.size // len(report.samples), [], 0
    room = update.today.room(batch.quota, size)
    latest, previous = update.latest_sample(), None
    for timed in report.samples:
        sample = timed.sample
        key = (update.id, sample.n)
        is_highest, update.highest = sample.n > update.highest, max(update.highest, sample.n)
        row = to_row(update.id, sample, timed.at, _near(sample, previous or latest, update.known))
        there = batch.rows.get(key) or stored.get(key)
        if there is not None and not numbers.is_ahead(there, row):
            kept.append(timed)
            continue
        if new < room:
            if there is not None:
                batch.make_way(tx, row, stored.pop(key, None))
            previous = sample
            batch.rows[key] = row
            batch.added.add(timed.at, row)
            kept.append(timed)
            new += 1
        elif not is_highest:
            continue
        # One that is over the quota is not stored, but its node is watched all the same.
        update.take_new(timed, heard.received_at, report.clock_offset)
    left = len(report.samples) - len(kept)
    if new or left:
        update.today = update.today.add(new, new * size, left)
    return msgspec.structs.replace(report, samples=tuple(kept)) if left else report


def _near(sample: Sample, before: Sample | None, known: NodeSession) -> Sample | None:
    """The one before, where what this one shares with it need not be repeated.

    Not across a gap, into which history may come that shares other things; and not from one hour to the next, which is
    what is forgotten at once.
    """
    if before is None or not 0 < sample.n - before.n <= LIVE_INTERVALS * known.interval:
        return None
    return before if sample.n // HOUR == before.n // HOUR else None


def _existing(tx: Transaction, reports: Iterable[Taken], *, look_for_all: bool) -> list[StoredSample]:
    """Those of the samples that are stored already."""
    found: list[Key] = []
    keys: list[Key] = []
    for update, _, report in reports:
        # Above the highest nothing is stored yet: nearly always.
        wanted = [each.sample.n for each in report.samples if look_for_all or each.sample.n <= update.highest]
        between = _between(tx, update.id, wanted) if len(wanted) >= _MANY else None
        if between is None:
            keys += [(update.id, n) for n in wanted]
        else:
            found += [(update.id, n) for n in between]
    if keys:
        found += map(tuple, tx.rows(_EXISTING, (_json.encode(keys).decode(),)))
    return numbers.rows_of(tx, found)


def _between(tx: Transaction, node: int, wanted: Sequence[int]) -> set[int] | None:
    """Which are there, where there is hardly anything else between them, as with history; None where there is."""
    most = 2 * len(wanted)
    rows = tx.rows(_BETWEEN, (node, min(wanted), max(wanted), most))
    return None if len(rows) == most else {n for (n,) in rows}.intersection(wanted)


def _save(tx: Transaction, batch: _Batch) -> None:
    touched = sorted((update for update in batch.updates.values() if update.touched), key=lambda update: update.id)
    kept = batch.added.by_node()
    described = [_identity(update, update.identity) for update in touched if update.identity]
    tx.run_rows(_SET_IDENTITY, _IDENTITY_COLUMNS, described)
    contested = [(*update.contested, update.id) for update in touched if update.contested]
    if contested:
        tx.run_many(_SET_CONTEST, contested)
    tx.run_rows(_SET_FACTS, _FACTS_COLUMNS, [_facts(update, kept.get(update.id, rollups.Sum())) for update in touched])


def _identity(update: NodeUpdate, status: Status) -> Row:
    tags, sources = _json.encode(status.tags).decode(), _json.encode(status.sources).decode()
    name, host, version = map(storable, (status.name, status.host, status.version))
    return (name, host, version, tags, sources, update.known.interval, update.id)


def _facts(update: NodeUpdate, kept: rollups.Sum) -> Row:
    known = update.known
    return (
        known.session,
        known.other_session,
        known.generation,
        known.state.value if known.state else None,
        known.state_at,
        update.reason,
        update.first_seen_at,
        update.last_report_at,
        update.clock_offset,
        update.latest,
        update.latest_at or None,
        kept.samples,
        kept.count,
        stored_number(kept.hashrate),
        kept.peers_count,
        stored_number(kept.peers),
        update.highest,
        known.born_at,
        *update.tail.row,
        *msgspec.structs.astuple(update.today),
        update.id,
    )
