"""What people decide about nodes: let in, named, tagged, moved, hidden and shown again; their keys.

Which keys count stands in a file, the registry; all else in the database. An act on both writes first what the
database may refuse, its line included, then the file, and ends with the commit. So one that is refused, and one whose
file cannot be written, has changed nothing. Should the commit itself fail, because the database dies in that moment,
the file is changed, the line is missing, and the caller hears `StoreError`: the same act, asked for again, completes
it. A rotation alone must not be asked for twice, which would leave the rig two keys behind: `enroll` has its new token.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from rigwatch.clock import Millis, in_millis
from rigwatch.joining import Joining
from rigwatch.registry import Registry
from rigwatch.settings.durations import format_duration
from rigwatch.topics import NodeId
from store import housekeeping, nodes
from store.acts.actor import ActError, Actor
from store.transaction import Transaction


def enroll(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, joining: Joining) -> str:
    """Lets it in, and returns its join token, a secret; of a node that is in already, the same again."""
    enrolled = joining.registry.enrolled()
    is_new = node not in enrolled
    actor.note(tx, now, "node.enroll" if is_new else "node.token", node, detail="" if is_new else "shown again")
    housekeeping.set_enrolled(tx, {node: now, **enrolled})
    return joining.token(node, now)


def join(tx: Transaction, actor: Actor, now: Millis, node: NodeId) -> None:
    """A rig has got its token, for a code that somebody who may enrol has made."""
    actor.note(tx, now, "node.join", node)


def enroll_all(tx: Transaction, actor: Actor, now: Millis, wanted: Iterable[NodeId], *, registry: Registry) -> None:
    """The same for many at once, without their tokens; one line, and none where all are in already."""
    enrolled = registry.enrolled()
    new = [node for node in wanted if node not in enrolled]
    if not new:
        return
    subject = str(new[0]) if len(new) == 1 else f"{len(new)} nodes"
    actor.note(tx, now, "node.enroll", subject, detail=", ".join(map(str, new)) if len(new) > 1 else "")
    housekeeping.set_enrolled(tx, {**dict.fromkeys(new, now), **enrolled})
    registry.enroll_all(new, now)


def rotate(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, registry: Registry, overlap: timedelta) -> None:
    """Gives it its next key; the one before works on for `overlap`. `RigwatchError` when it is not enrolled."""
    actor.note(tx, now, "node.rotate", node, detail=f"the old key works for {format_duration(overlap)}")
    registry.rotate(node, previous_until=now + in_millis(overlap))


def revoke(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, registry: Registry) -> None:
    """No key of it works from now on."""
    actor.note(tx, now, "node.revoke", node)
    registry.revoke(node, now)


def rename(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, name: str) -> None:
    """What it is called here, whatever it says itself; empty: what it says itself. `NotDone` when it is unknown."""
    known = nodes.one(tx, node)
    nodes.rename(tx, node, name)
    to = f"to {name}" if name else "back to its own name"
    actor.note(tx, now, "node.rename", node, detail=f"from {known.title if known else ''} {to}")


def tag(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, tags: Sequence[str]) -> None:
    """The tags that it has besides its own, instead of those before. `NotDone` when it is unknown."""
    if len(tags) > nodes.TAGS_MAX or not all(0 < len(each) <= nodes.TAG_MAX and each.isprintable() for each in tags):
        raise ActError(f"Tags: at most {nodes.TAGS_MAX}, of at most {nodes.TAG_MAX} letters each")
    nodes.set_tags(tx, node, tags)
    actor.note(tx, now, "node.tag", node, detail=", ".join(tags) or "none")


def move(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, site: str, registry: Registry) -> NodeId:
    """Under another site, with its history; its key dies, and its new name, returned, has another.

    `NotDone` when it is unknown, or another node has the name there.
    """
    target = NodeId(site, node.node)
    if target == node:
        raise ActError(f"Site: {site} is where it is already")
    nodes.move(tx, node, site, now)
    actor.note(tx, now, "node.move", node, detail=f"to {site}")
    registry.move(node, target, now)
    return target


def retire(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, registry: Registry) -> None:
    """Its key dies, no page shows it and no alert speaks of it; its history stays. `NotDone` when it is unknown."""
    nodes.retire(tx, node, now)
    actor.note(tx, now, "node.retire", node)
    registry.revoke(node, now)


def restore(tx: Transaction, actor: Actor, now: Millis, node: NodeId, *, joining: Joining) -> str:
    """Shows it again, and returns the join token of its next key. `NotDone` when it is not retired."""
    nodes.restore(tx, node)
    actor.note(tx, now, "node.restore", node)
    return joining.token(node, now)
