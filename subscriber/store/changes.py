"""When nodes came and went: written in the transaction that changes their state, forgotten with the samples."""

from collections.abc import Iterable

from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from subscriber.facts import Change
from subscriber.store.work import Row, Work

_RECORD = """
INSERT INTO node_change (node_id, at, state, reason, interval) {values}
ON CONFLICT (node_id, at) DO UPDATE SET state = excluded.state, reason = excluded.reason, interval = excluded.interval
"""
_COLUMNS = (("node_id", "int4"), ("at", "int8"), ("state", "text"), ("reason", "text"), ("interval", "int8"))
_OF = """
SELECT c.at, c.state, c.reason, c.interval FROM node_change c
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


def record(work: Work, changes: Iterable[Row]) -> None:
    """Rows of node (its number), moment, state, reason and interval. Of two at one moment the later one stays."""
    latest = {(node, at): said for node, at, *said in changes}
    work.run_rows(_RECORD, _COLUMNS, [(*key, *said) for key, said in sorted(latest.items())])


def of(work: Work, node: NodeId, since: Millis) -> list[Change]:
    """In order; the first one is what the node was at `since`, where that is known."""
    name = (node.site, node.node)
    return [Change(at, NodeState(state), *said) for at, state, *said in work.rows(_OF, (*name, *name, since))]


def forget(work: Work, before: Millis, limit: int) -> int:
    """How many went; fewer than `limit`: there are no more."""
    return work.run(_FORGET, (before, before, limit))
