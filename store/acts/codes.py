"""What people decide about codes that let several rigs in, and what becomes of such a code when a rig comes with it.

The codes stand in a file, which is changed last before the commit, as the registry is (`store.acts.nodes`). A rig that
was let in and did not get its answer comes again, and is the same node.
"""

from datetime import timedelta
from typing import Final

from rigwatch.clock import Millis, in_millis
from rigwatch.codes import LIFE_MOST, RIGS_MAX, AdmittedRig, Invitation, JoinCodes
from rigwatch.errors import NotDone, TopicError
from rigwatch.joining import Joining
from rigwatch.registry import Registry
from rigwatch.settings.durations import format_duration
from rigwatch.topics import NAME_MAX, NodeId, name_of_host
from store import nodes
from store.acts import nodes as node_acts
from store.acts.actor import ActError, Actor
from store.transaction import Transaction

LIFE_LEAST: Final = timedelta(minutes=5)
_NAMELESS: Final = "rig"
_SAME_NAME_MAX: Final = 10_000


def make(
    tx: Transaction, actor: Actor, now: Millis, *, codes: JoinCodes, site: str, prefix: str, rigs: int, life: timedelta
) -> str:
    """A code, a secret, by which `rigs` rigs become nodes, each named by its host. `ActError` for what cannot be."""
    if not 1 <= rigs <= RIGS_MAX:
        raise ActError(f"Rigs: should be 1 to {RIGS_MAX}")
    if not in_millis(LIFE_LEAST) <= in_millis(life) <= LIFE_MOST:
        raise ActError("Good for: should be 5 minutes to 7 days")
    try:
        NodeId(site, f"{prefix}x")
    except TopicError as exc:
        raise ActError(str(exc)) from None
    named = f", names begin with {prefix}" if prefix else ""
    actor.note(tx, now, "code.make", f"{rigs} rigs", detail=f"{site}, for {format_duration(life)}{named}")
    return codes.make_group(site, prefix, rigs=rigs, life=in_millis(life), now=now)


def end(tx: Transaction, actor: Actor, now: Millis, name: str, *, codes: JoinCodes) -> None:
    """It lets nobody in from now on; whom it has let in, stays. `NotDone` when there is none of that name."""
    actor.note(tx, now, "code.end", name)
    if not codes.end(name, now):
        raise NotDone(f"code {name}: there is none of that name, or it is over")


def admit(
    tx: Transaction,
    actor: Actor,
    now: Millis,
    *,
    codes: JoinCodes,
    code: str,
    machine: str,
    host: str,
    joining: Joining,
) -> AdmittedRig | None:
    """Lets in a rig that came with a group's code, as a node that is nobody's yet. None: the code lets nobody in."""

    def enroll(found: Invitation) -> tuple[NodeId, int]:
        node = _free_name(tx, found, host, joining.registry)
        node_acts.enroll(tx, actor, now, node, joining=joining)
        return node, joining.registry.enrolled_generation(node)

    return codes.admit(code, now, machine, enroll)


def _free_name(tx: Transaction, found: Invitation, host: str, registry: Registry) -> NodeId:
    """Named by its host. A name that is anybody's, or was, is left to that one: it might be somebody who says so."""
    taken = registry.nodes()
    base = f"{found.node}{name_of_host(host, _NAMELESS)}"
    for count in range(1, _SAME_NAME_MAX):
        ending = f"-{count}" if count > 1 else ""
        node = NodeId(found.site, f"{base[: NAME_MAX - len(ending)]}{ending}")
        if node not in taken and nodes.one(tx, node) is None:
            return node
    raise ActError(f"{base}: too many rigs have this name; give this one another, with --name")
