"""What the subscriber notes down besides messages: who is enrolled, and that it is alive."""

from collections.abc import Iterable, Mapping

from alerts.facts import REVOKED
from alerts.ingest import CLOCK_TOLERANCE
from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from store import changes, marks, numbers
from store.transaction import Transaction
from store.writer import add_nodes

_ENROLLED = "SELECT site, node, enrolled_at FROM node"
_SET_ENROLLED = "UPDATE node SET enrolled_at = ? WHERE site = ? AND node = ?"
# Whoever enrolled it anew after it was retired wants it back, at the command line as well.
_COME_BACK = "UPDATE node SET retired_at = NULL WHERE retired_at < enrolled_at"
_FORGET = "DELETE FROM node WHERE site = ? AND node = ? AND first_seen_at IS NULL"
_PENDING = "SELECT site, node FROM node WHERE first_seen_at IS NULL"
_BEAT = """
INSERT INTO heartbeat (name, beat_at, connected_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, connected_at = excluded.connected_at
"""
# What happened at a moment to come, happened before the clock was put back; nobody knows how long before.
_NOTHING_AHEAD = """
UPDATE node SET state_at = CASE WHEN state_at > ? THEN ? ELSE state_at END,
    last_report_at = CASE WHEN last_report_at > ? THEN ? ELSE last_report_at END
WHERE state_at > ? OR last_report_at > ?
"""
_KEYS = "SELECT site, node, id, generation FROM node"
_SET_BACK = "UPDATE node SET generation = ?, session = 0, other_session = 0 WHERE id = ?"
_BEGIN_ANEW = "UPDATE node SET generation = ?, session = 0, other_session = 0 WHERE id = ? AND generation < ?"
_PRESENT = "SELECT site, node, id, interval FROM node WHERE state IN ('online', 'lost')"
_REVOKE = "UPDATE node SET state = 'offline', state_at = ?, reason = ? WHERE site = ? AND node = ?"


def set_enrolled(tx: Transaction, nodes: Mapping[NodeId, Millis]) -> None:
    """Nodes that were heard of stay, enrolled or not: their history is kept."""
    stored = {NodeId(site, node): enrolled_at for site, node, enrolled_at in tx.rows(_ENROLLED)}
    add_nodes(tx, [(node, at) for node, at in nodes.items() if node not in stored])
    changed = [(at, node.site, node.node) for node, at in nodes.items() if node in stored and stored[node] != at]
    tx.run_many(_SET_ENROLLED, changed)
    tx.run(_COME_BACK)
    pending = {NodeId(site, node) for site, node in tx.rows(_PENDING)}
    tx.run_many(_FORGET, [(node.site, node.node) for node in sorted(pending - nodes.keys())])


def set_revoked(tx: Transaction, nodes: Iterable[NodeId], now: Millis) -> bool:
    """Nodes that may not speak any more are gone, and that is no news to whoever sent them away. Whether any was there.

    Their last words are not taken either, so without this they would be taken for silent, and missed for ever.
    """
    present = {NodeId(site, node): (number, interval) for site, node, number, interval in tx.rows(_PRESENT)}
    gone = sorted(present.keys() & set(nodes))
    tx.run_many(_REVOKE, [(now, REVOKED, node.site, node.node) for node in gone])
    left = [present[node] for node in gone]
    changes.record(tx, [(number, now, NodeState.OFFLINE.value, REVOKED, interval) for number, interval in left])
    return bool(gone)


def behind(tx: Transaction, since: Mapping[NodeId, int]) -> dict[NodeId, int]:
    """Which of these nodes, by their number, were heard last with a key from before this generation."""
    heard = [(NodeId(site, node), number, at) for site, node, number, at in tx.rows(_KEYS)] if since else []
    return {node: number for node, number, at in heard if at < since.get(node, at)}


def set_back(tx: Transaction, newest: Mapping[NodeId, int]) -> None:
    """Nodes that were heard with a key which the list, an older copy of it by now, does not know yet begin anew."""
    rows = tx.rows(_KEYS)
    ahead = [
        (newest.get(NodeId(site, node), 0), number)
        for site, node, number, generation in rows
        if generation > newest.get(NodeId(site, node), 0)
    ]
    tx.run_many(_SET_BACK, ahead)


def begin_anew(tx: Transaction, node: NodeId, since: int, now: Millis) -> bool:
    """Ends what keys from before this generation left: session, presence, numbers not yet used; False: not all yet.

    What they sealed and is still on its way counts no more.
    """
    number = behind(tx, {node: since}).get(node)
    if number is None:
        return True
    if not numbers.bring_back(tx, number, now):
        return False
    tx.run(_BEGIN_ANEW, (since, number, since))
    set_revoked(tx, [node], now)
    marks.touch(tx)
    return True


def beat(tx: Transaction, name: str, *, now: Millis, connected_at: Millis | None) -> None:
    tx.run(_BEAT, (name, now, connected_at))
    # Subscribers that share a database agree on the time no better than nodes do.
    soon = now + CLOCK_TOLERANCE
    tx.run(_NOTHING_AHEAD, (soon, now, soon, now, soon, soon))
