"""Home Assistant's MQTT discovery: one retained device a node, whose entities read the plain state tree. Pure.

The form is that of device discovery (`homeassistant/device/<object id>/config`), as Home Assistant 2026.2 reads it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.facts import NodeFacts
from rigwatch import __version__
from rigwatch.figures import Gpu
from rigwatch.topics import SERVER_STATUS, NodeId, TopicLevel, topic_of
from subscriber.feed.tree import Tree, gpu_key

PREFIX: Final = "homeassistant"
ALL_DEVICES: Final = f"{PREFIX}/device/+/config"
_OURS: Final = re.compile(rf"{PREFIX}/device/rigwatch_[a-z0-9_-]+/config")


@dataclass(frozen=True, slots=True)
class Entity:
    """A sensor over one key of the state. `device_class` is Home Assistant's word; hashrate has none there."""

    key: str
    name: str
    unit: str = ""
    device_class: str = ""
    rising: bool = False
    """A counter: Home Assistant keeps its growth."""


_ENTITIES: Final = (
    Entity("hashrate_hs", "Hashrate", "H/s"),
    Entity("peers", "Peers"),
    Entity("block", "Block"),
    Entity("temperature_c", "Temperature", "°C", "temperature"),
    Entity("power_w", "Power", "W", "power"),
    Entity("fan_percent", "Fan", "%"),
    Entity("accepted_shares", "Accepted shares", rising=True),
    Entity("rejected_shares", "Rejected shares", rising=True),
)
_GPU_ENTITIES: Final = (
    Entity("temperature_c", "temperature", "°C", "temperature"),
    Entity("power_w", "power", "W", "power"),
    Entity("fan_percent", "fan", "%"),
)


def devices_of(nodes: Iterable[NodeFacts], link: str) -> Tree:
    """One device a node that was ever heard of; `link` is the dashboard's address, empty for none."""
    return {_topic(facts.id): msgspec.json.encode(_device(facts, link)) for facts in nodes if facts.state is not None}


def is_ours(topic: str) -> bool:
    """Whether rigwatch made this device; others' must not be cleared."""
    return _OURS.fullmatch(topic) is not None


def _topic(node: NodeId) -> str:
    return f"{PREFIX}/device/{_object_id(node)}/config"


def _object_id(node: NodeId) -> str:
    # Names hold no "__" by accident only: the length of the site keeps a_b/c and a/b_c apart.
    return f"rigwatch_{len(node.site)}_{node.site}_{node.node}"


def _device(facts: NodeFacts, link: str) -> dict[str, Any]:
    own = _object_id(facts.id)
    device = {"ids": [own], "name": facts.title, "mf": "rigwatch", "mdl": facts.host or "node", "sa": facts.id.site}
    if facts.version:
        device["sw"] = facts.version
    if link:
        device["cu"] = f"{link.rstrip('/')}/node/{facts.id.site}/{facts.id.node}"
    return {
        "dev": device,
        "o": {"name": "rigwatch", "sw": __version__},
        "avty": [{"t": SERVER_STATUS}, {"t": topic_of(facts.id, TopicLevel.AVAILABILITY)}],
        "avty_mode": "all",
        "stat_t": topic_of(facts.id, TopicLevel.STATE),
        "cmps": _components(facts, own),
    }


def _components(facts: NodeFacts, own: str) -> dict[str, Any]:
    """The usual ones always, so that an entity does not come and go with the miner's mood; GPUs as they are known."""
    found = {each.key: _sensor(own, each) for each in _ENTITIES}
    for gpu in (facts.sample.gpus if facts.sample else None) or ():
        found |= {each.key: _sensor(own, each) for each in _of_gpu(gpu)}
    return found


def _of_gpu(gpu: Gpu) -> Iterable[Entity]:
    key = gpu_key(gpu)
    for each in _GPU_ENTITIES:
        name = f"{gpu.name or 'GPU'} {key[-4:]} {each.name}"
        yield Entity(f"{key}_{each.key}", name, each.unit, each.device_class)


def _sensor(own: str, entity: Entity) -> dict[str, Any]:
    # A figure that is not known is unknown there too; without the default the template would be an error in its log.
    value = f"{{{{ value_json.{entity.key} | default(none) }}}}"
    sensor = {"p": "sensor", "name": entity.name, "uniq_id": f"{own}_{entity.key}", "val_tpl": value, "qos": 1}
    sensor["stat_cla"] = "total_increasing" if entity.rising else "measurement"
    if entity.unit:
        sensor["unit_of_meas"] = entity.unit
    if entity.device_class:
        sensor["dev_cla"] = entity.device_class
    return sensor
