"""Plugs and meters as rows; people write which there are, the subscriber what they say."""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from alerts.energy import metered
from alerts.plugs import PlugFacts, PlugState
from rigwatch.clock import Millis
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
_STATES = "SELECT name, said FROM device"
_DRAW = """
INSERT INTO energy_hour (device, hour, watt_hours) VALUES (?, ?, ?)
ON CONFLICT (device, hour) DO UPDATE SET watt_hours = energy_hour.watt_hours + excluded.watt_hours
"""
_ENERGY = "SELECT device, sum(watt_hours) FROM energy_hour WHERE hour >= ? AND hour < ? GROUP BY device"
_COUNT = "SELECT count(*) FROM device"
_FORGET_ENERGY = "DELETE FROM energy_hour WHERE device = ?"
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


def of_node(tx: Transaction, node: NodeId) -> list[PlugFacts]:
    """Those that it hangs on."""
    return [plug for plug in every(tx) if node in plug.nodes] if tx.value(_COUNT) else []


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
    tx.run(_FORGET_ENERGY, (name,))
    removed = tx.run(_REMOVE, (name,)) == 1
    tx.run(_BUMP, ("devices_changed",))
    return removed


def say(tx: Transaction, said: Mapping[str, PlugState], now: Millis) -> None:
    """What each said last, by name, and the energy since the state that is stored: however many subscribers hear a
    plug, what it drew counts once."""
    # One at a time, also on PostgreSQL. What is stored of the future was so before our own clock was put back.
    tx.run(_BUMP, ("devices_said",))
    stored = {name: _said(text) for name, text in tx.rows(_STATES)}
    newer = {
        name: state
        for name, state in said.items()
        if name in stored and (state.said_at > stored[name].said_at or stored[name].said_at > now)
    }
    drawn = [
        (name, hour, watt_hours) for name, state in newer.items() for hour, watt_hours in metered(stored[name], state)
    ]
    tx.run_many(_DRAW, drawn)
    tx.run_many(_SAY, [(as_json(state), name) for name, state in newer.items()])


def energy(tx: Transaction, since: Millis, until: Millis) -> dict[str, float]:
    """The Wh that were drawn through each plug in the hours that begin between the two."""
    return {name: float(watt_hours) for name, watt_hours in tx.rows(_ENERGY, (since, until))}


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
