"""What people decide about nodes on the server: their names and tags, where they belong, and whether they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import msgspec

from alerts.facts import REVOKED
from alerts.incident import Incident
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from store import changes, marks
from store.transaction import Row, Transaction
from store.writer import add_nodes

_LISTED = """
SELECT site, node, name, given_name, host, tags, given_tags, retired_at, first_seen_at, last_report_at, version
FROM node
"""
_ONE = f"{_LISTED} WHERE site = ? AND node = ?"
_RENAME = "UPDATE node SET given_name = ? WHERE site = ? AND node = ?"
_TAG = "UPDATE node SET given_tags = ? WHERE site = ? AND node = ?"
_RETIRE = "UPDATE node SET retired_at = ? WHERE site = ? AND node = ? AND retired_at IS NULL"
_RESTORE = "UPDATE node SET retired_at = NULL WHERE site = ? AND node = ? AND retired_at IS NOT NULL"
_FORGET_UNSEEN = "DELETE FROM node WHERE site = ? AND node = ? AND first_seen_at IS NULL"
_MOVE = """
UPDATE node SET site = ?, enrolled_at = ?, session = 0, other_session = 0, generation = 0,
    state = CASE WHEN state IS NULL THEN NULL ELSE ? END, state_at = ?, reason = ?, origin = coalesce(origin, ?)
WHERE site = ? AND node = ? RETURNING id, state, interval
"""
_ORIGINS = """
SELECT site, node, id, origin FROM node
WHERE origin IS NOT NULL OR site || '/' || node IN (SELECT origin FROM node WHERE origin IS NOT NULL)
"""
_PAST_INCIDENTS = "SELECT id, detail FROM incident WHERE scope = 'node' AND site = ? AND name = ? AND live = 0"
_MOVE_INCIDENT = "UPDATE incident SET site = ?, detail = ? WHERE id = ?"

NAME_MAX: Final = 80
TAGS_MAX: Final = 16
TAG_MAX: Final = 40

_words = msgspec.json.Decoder(tuple[str, ...])
_incident = msgspec.json.Decoder(Incident)
_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Listed:
    """A node as its administrators see it: what it says of itself, what was given to it here, whether it is shown."""

    id: NodeId
    own_name: str
    given_name: str
    host: str
    own_tags: tuple[str, ...]
    given_tags: tuple[str, ...]
    retired_at: Millis | None
    first_seen_at: Millis | None
    last_report_at: Millis | None
    version: str

    @property
    def title(self) -> str:
        return self.given_name or self.own_name or self.id.node


def every(tx: Transaction) -> list[Listed]:
    """All that the store knows, retired ones too, by site and name."""
    return [_listed(row) for row in sorted(tx.rows(_LISTED), key=itemgetter(0, 1))]


def one(tx: Transaction, node: NodeId) -> Listed | None:
    rows = tx.rows(_ONE, (node.site, node.node))
    return _listed(rows[0]) if rows else None


def rename(tx: Transaction, node: NodeId, name: str) -> None:
    """What it is called from now on, whatever it says itself; empty: what it says itself. `NotDone` when unknown."""
    _changed(tx, tx.run(_RENAME, (name or None, node.site, node.node)), node)


def set_tags(tx: Transaction, node: NodeId, tags: Sequence[str]) -> None:
    """Those that it has besides its own. `NotDone` when the node is unknown."""
    text = _json.encode(tags).decode() if tags else None
    _changed(tx, tx.run(_TAG, (text, node.site, node.node)), node)


def retire(tx: Transaction, node: NodeId, now: Millis) -> None:
    """Hides it from every page and from the alerts; its history stays for as long as history is kept."""
    _changed(tx, tx.run(_RETIRE, (now, node.site, node.node)), node)


def restore(tx: Transaction, node: NodeId) -> None:
    """Shows it again. `NotDone` when it is not retired."""
    _changed(tx, tx.run(_RESTORE, (node.site, node.node)), node)


def move(tx: Transaction, node: NodeId, site: str, now: Millis) -> None:
    """Its history, its name and its past incidents go along. Raises `NotDone` when another node has the name there.

    Open incidents stay under the old name, under which they end: nobody is there any more.
    """
    target = NodeId(site, node.node)
    # The subscriber may have noted the enrolment at the new site already; nothing hangs on such a row.
    tx.run(_FORGET_UNSEEN, (site, node.node))
    if one(tx, target):
        raise NotDone(f"node {target}: is there already; choose another site, or retire and rename that one first")
    reason = f"{REVOKED}: moved here from {node.site}, it waits for its new join token"
    origin = origins(tx).get(node, str(node))
    moved = tx.rows(_MOVE, (site, now, NodeState.OFFLINE.value, now, reason, origin, node.site, node.node))
    changes.record(tx, [(number, now, state, reason, interval) for number, state, interval in moved if state])
    for number, detail in tx.rows(_PAST_INCIDENTS, (node.site, node.node)):
        incident = _incident.decode(detail)
        renamed = msgspec.structs.replace(incident, subject=incident.subject._replace(site=site))
        tx.run(_MOVE_INCIDENT, (site, _json.encode(renamed).decode(), number))
    _changed(tx, len(moved), node)
    # What the rig said in its last second under the old name is still on its way; it must not show up as a new node.
    add_nodes(tx, [(node, None)])
    tx.run(_RETIRE, (now, node.site, node.node))


def origins(tx: Transaction) -> dict[NodeId, str]:
    """As which nodes were first known, of those for which that is not their name: they were moved, or bear the name of
    one that was."""
    return {
        NodeId(site, node): f"{site}/{node}/{number}" if origin is None else origin
        for site, node, number, origin in tx.rows(_ORIGINS)
    }


def _changed(tx: Transaction, rows: int, node: NodeId) -> None:
    if not rows:
        raise NotDone(f"node {node}: there is none that this could be done to")
    # Pages and alerts look anew.
    marks.touch(tx)


def _listed(row: Row) -> Listed:
    site, node, own_name, given_name, host, own_tags, given_tags, *times = row
    retired_at, first_seen_at, last_report_at, version = times
    return Listed(
        NodeId(site, node),
        own_name,
        given_name or "",
        host,
        _words.decode(own_tags),
        _words.decode(given_tags) if given_tags else (),
        retired_at,
        first_seen_at,
        last_report_at,
        version,
    )
