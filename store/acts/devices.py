"""What people decide about plugs: which there are, and which nodes hang on them.

The account by which a plug logs in stands in a file, as all accounts do (`store.acts.accounts`), and is changed last.
"""

from collections.abc import Callable, Sequence

from alerts.plugs import PlugFacts
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from rigwatch.topics import NodeId
from store import devices, reader
from store.acts.actor import Actor
from store.transaction import Transaction


def add(tx: Transaction, actor: Actor, now: Millis, plug: PlugFacts, *, change: Callable[[], str] | None = None) -> str:
    """`change` makes its account and returns the password; without, another account speaks for it. Raises `NotDone`."""
    if any(each.name == plug.name for each in devices.every(tx)):
        raise NotDone(f"device {plug.name}: is there already; 'rigwatch device list' shows them")
    _check(tx, plug.nodes)
    actor.note(tx, now, "device.add", plug.name, detail=f"{plug.kind} on {plug.topic} for {_named(plug.nodes)}")
    devices.add(tx, plug)
    return "" if change is None else change()


def hang(tx: Transaction, actor: Actor, now: Millis, name: str, *, nodes: tuple[NodeId, ...]) -> None:
    """These nodes hang on it from now on, and no others. Raises `NotDone`."""
    found = next((each for each in devices.every(tx) if each.name == name), None)
    if found is None:
        raise _missing(name)
    _check(tx, nodes)
    actor.note(tx, now, "device.nodes", name, detail=f"{_named(found.nodes)} → {_named(nodes)}")
    devices.hang(tx, name, nodes)


def remove(tx: Transaction, actor: Actor, now: Millis, name: str, *, change: Callable[[], None] | None = None) -> None:
    """`change` takes its account away. Raises `NotDone`."""
    if not devices.remove(tx, name):
        raise _missing(name)
    actor.note(tx, now, "device.remove", name)
    if change is not None:
        change()


def _check(tx: Transaction, nodes: Sequence[NodeId]) -> None:
    known = {facts.id for facts in reader.nodes(tx)}
    for node in nodes:
        if node not in known:
            raise NotDone(f"node {node}: is not known here; 'rigwatch status' lists the nodes")


def _missing(name: str) -> NotDone:
    return NotDone(f"device {name[:80]}: there is none; 'rigwatch device list' shows them")


def _named(nodes: Sequence[NodeId]) -> str:
    return ", ".join(map(str, nodes)) or "no node"
