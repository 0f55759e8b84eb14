"""Plugs and meters as rows; people write which there are, the subscriber what they say."""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from alerts.plugs import PlugFacts, PlugState
from rigwatch.topics import NodeId
from store.texts import as_json
from store.transaction import Transaction

_EVERY = "SELECT name, kind, topic, outlet, added_at, said FROM device ORDER BY name"
_NODES = """
SELECT d.device, n.site, n.node FROM device_node d JOIN node n ON n.id = d.node_id
WHERE n.retired_at IS NULL ORDER BY n.site, n.node
"""
_ADD = "INSERT INTO device (name, kind, topic, outlet, added_at, said) VALUES (?, ?, ?, ?, ?, '{}')"
_HANG = "INSERT INTO device_node (device, node_id) SELECT ?, id FROM node WHERE site = ? AND node = ?"
_UNHANG = "DELETE FROM device_node WHERE device = ?"
_REMOVE = "DELETE FROM device WHERE name = ?"
_SAY = "UPDATE device SET said = ? WHERE name = ?"
_BUMP = "UPDATE mark SET value = value + 1 WHERE name = ?"
_READ = "SELECT value FROM mark WHERE name = ?"
_state = msgspec.json.Decoder(PlugState)


def every(tx: Transaction) -> tuple[PlugFacts, ...]:
    """By name; some 10 µs each."""
    nodes: defaultdict[str, list[NodeId]] = defaultdict(list)
    for name, site, node in tx.rows(_NODES):
        nodes[name].append(NodeId(site, node))
    return tuple(
        PlugFacts(name, kind, topic, outlet, tuple(nodes[name]), added_at, _said(said))
        for name, kind, topic, outlet, added_at, said in tx.rows(_EVERY)
    )


def add(tx: Transaction, plug: PlugFacts) -> None:
    """One of a new name."""
    tx.run(_ADD, (plug.name, plug.kind, plug.topic, plug.outlet, plug.added_at))
    hang(tx, plug.name, plug.nodes)


def hang(tx: Transaction, name: str, nodes: tuple[NodeId, ...]) -> None:
    """From now on these nodes hang on it."""
    tx.run(_UNHANG, (name,))
    tx.run_many(_HANG, [(name, node.site, node.node) for node in nodes])
    tx.run(_BUMP, ("devices_changed",))


def remove(tx: Transaction, name: str) -> bool:
    """Whether there was one."""
    tx.run(_UNHANG, (name,))
    removed = tx.run(_REMOVE, (name,)) == 1
    tx.run(_BUMP, ("devices_changed",))
    return removed


def say(tx: Transaction, said: Mapping[str, PlugState]) -> None:
    """What each said last, by name."""
    tx.run_many(_SAY, [(as_json(state), name) for name, state in said.items()])
    tx.run(_BUMP, ("devices_said",))


def changed(tx: Transaction) -> int:
    """Differs after people have changed which there are."""
    return int(tx.value(_READ, ("devices_changed",)))


def stamp(tx: Transaction) -> tuple[int, int]:
    """Differs after anything of them has changed."""
    return changed(tx), int(tx.value(_READ, ("devices_said",)))


def _said(text: str) -> PlugState:
    try:
        return _state.decode(text)
    except msgspec.MsgspecError:
        # Written by another version; it will say it again.
        return PlugState()
