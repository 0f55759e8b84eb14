"""When nodes came and went: written in the transaction that changes their state, forgotten with the samples.

A node that does so many times a minute takes one row for all of that, from its first change to its last: a cable that
is loose, or a rig that means harm, must not fill the disk.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from alerts.facts import NodeChange
from alerts.words import duration
from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from store.transaction import Row, Transaction

UNSTEADY: Final = 6
"""So many changes within `WITHIN` are one row, and so is what follows until nothing has changed for as long."""
WITHIN: Final[Millis] = 60_000

_RECORD = """
INSERT INTO node_change (node_id, at, state, reason, interval, times, until) {values}
ON CONFLICT (node_id, at) DO UPDATE SET state = excluded.state, reason = excluded.reason,
    interval = excluded.interval, times = excluded.times, until = excluded.until
"""
_COLUMNS = (
    ("node_id", "int4"), ("at", "int8"), ("state", "text"), ("reason", "text"), ("interval", "int8"),
    ("times", "int4"), ("until", "int8"),
)  # fmt: skip
_NEWEST = """
SELECT c.node_id, c.at, c.times, c.until FROM {ids} k CROSS JOIN node_change c
WHERE c.node_id = k.a AND c.at >= coalesce((SELECT max(m.at) FROM node_change m WHERE m.node_id = k.a AND m.at <= ?), 0)
ORDER BY c.node_id, c.at
"""
_REMOVE = "DELETE FROM node_change WHERE node_id = ? AND at = ?"
_OF = """
SELECT c.at, c.state, c.reason, c.interval, c.times, c.until FROM node_change c
WHERE c.node_id = (SELECT id FROM node WHERE site = ? AND node = ?) AND c.at >= coalesce(
    (SELECT max(at) FROM node_change WHERE node_id = (SELECT id FROM node WHERE site = ? AND node = ?) AND at <= ?), 0)
ORDER BY c.at
"""
# What a node was when the history begins is told by its last change before.
_FORGET = """
DELETE FROM node_change WHERE (node_id, at) IN (
    SELECT c.node_id, c.at FROM node_change c WHERE c.at < ? AND EXISTS
        (SELECT 1 FROM node_change d WHERE d.node_id = c.node_id AND d.at > c.at AND d.at < ?) LIMIT ?)
"""


@dataclass(slots=True)
class _Kept:
    """A row; `said` is what it says now, None where it stays as it is stored."""

    at: Millis
    times: int
    until: Millis | None
    said: Sequence[object] | None = None

    @property
    def last(self) -> Millis:
        return self.at if self.until is None else self.until


def record(tx: Transaction, changes: Iterable[Row]) -> None:
    """Rows of node (its number), moment, state, reason and interval. Of two at one moment the later one stays."""
    by_node: defaultdict[int, list[Row]] = defaultdict(list)
    for node, *said in changes:
        by_node[node].append(tuple(said))
    if not by_node:
        return
    since = min(said[0] for each in by_node.values() for said in each) - WITHIN
    stored: defaultdict[int, list[_Kept]] = defaultdict(list)
    for node, at, times, until in tx.rows(_NEWEST, (msgspec.json.encode(list(by_node)).decode(), since)):
        stored[node].append(_Kept(at, times, until))
    written: list[Row] = []
    removed: list[Row] = []
    for node, said in sorted(by_node.items()):
        before = {each.at for each in stored[node]}
        kept = _together(stored[node], said)
        removed += [(node, at) for at in sorted(before - {each.at for each in kept})]
        written += [(node, each.at, *each.said, each.times, each.until) for each in kept if each.said is not None]
    tx.run_many(_REMOVE, removed)
    tx.run_rows(_RECORD, _COLUMNS, written)


def _together(kept: list[_Kept], changes: Sequence[Row]) -> list[_Kept]:
    """What is stored of one node of late, in order, with its changes; what came too often is one row."""
    kept = list(kept)
    for at, *said in changes:
        same = next((each for each in kept if each.at == at), None)
        last = kept[-1] if kept else None
        if same is not None:
            same.said = said
        elif last is not None and last.until is not None and 0 <= at - last.until < WITHIN:
            last.times, last.until, last.said = last.times + 1, at, said
        else:
            kept.append(_Kept(at, 1, None, said))
            kept = _summed_up(sorted(kept, key=lambda each: each.at), at)
    return kept


def _summed_up(kept: list[_Kept], now: Millis) -> list[_Kept]:
    often = [each for each in kept if 0 <= now - each.last < WITHIN]
    if len(often) < UNSTEADY or often[-1].at != now:
        return kept
    one = _Kept(often[0].at, sum(each.times for each in often), now, often[-1].said)
    return [*(each for each in kept if each not in often), one]


def of(tx: Transaction, node: NodeId, since: Millis) -> list[NodeChange]:
    """In order; the first one is what the node was at `since`, where that is known."""
    name = (node.site, node.node)
    return [change for row in tx.rows(_OF, (*name, *name, since)) for change in _told(row)]


def _told(row: Row) -> list[NodeChange]:
    at, state, reason, interval, times, until = row
    if until is None:
        return [NodeChange(at, NodeState(state), reason, interval)]
    # Nobody could rely on it meanwhile.
    often = f"came and went, {times} changes within {duration(max(until - at, 1))}"
    return [NodeChange(at, NodeState.LOST, often, interval), NodeChange(until, NodeState(state), reason, interval)]


def forget(tx: Transaction, before: Millis, limit: int) -> int:
    """How many went; fewer than `limit`: there are no more."""
    return tx.run(_FORGET, (before, before, limit))
