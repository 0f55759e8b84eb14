"""Home Assistant's MQTT discovery: a device for each node and one for the server, whose entities read the plain state
tree. It sends nothing.

Two forms (`docs/consumers.md`): one message a device, which Home Assistant reads since 2024.11, and one an entity,
which older ones and other programs read. Both as Home Assistant 2024.3 to 2026.11 (`components/mqtt/discovery.py`,
`schemas.py`) read them. An entity's identity is the same in both, and stays when its node is moved.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from alerts.facts import NodeFacts
from alerts.node_history import CardHistory
from rigwatch import __version__
from rigwatch.settings.server import Discovery
from rigwatch.topics import PREFIX, TopicLevel
from subscriber.feed.broker_content import read_object
from subscriber.feed.entities import PLATFORMS, Entity, of_node, of_server
from subscriber.feed.places import Places
from subscriber.feed.reader import FeedFacts
from subscriber.feed.tree import Tree, origin_of

MIGRATE: Final = b'{"migrate_discovery":true}'
"""Said on the topics of one form before the other is published, so that nothing is forgotten there meanwhile."""

_REMOVED_MAX: Final = 200
_NOT_IN_AN_ID: Final = re.compile(r"[^a-zA-Z0-9]+")
# A node is silent after three intervals; a figure must not run out before that is known.
_EXPIRES_AFTER: Final = 4
_EXPIRES_LEAST_S: Final = 60
_SECOND: Final = timedelta(seconds=1)
_encode: Final = msgspec.json.encode
_ORIGIN: Final = {"name": "rigwatch", "sw": __version__}


@dataclass(frozen=True, slots=True)
class _Device:
    """`needs` are the topics that must say "online" for a figure of now to be shown, the server's first."""

    own: str
    about: dict[str, Any]
    state: str
    incident: str
    needs: tuple[str, ...]
    entities: tuple[Entity, ...]
    expires_s: int = 0


class Announcer:
    """Makes the messages, anew only where something in them has changed: they are large."""

    def __init__(self, places: Places, form: Discovery) -> None:
        self._places = places
        self._by_device = form == "device"
        self._tag = "rigwatch"
        if places.prefix != PREFIX:
            # Two servers may tell one Home Assistant; their prefixes differ on that broker.
            self._tag += "-" + _NOT_IN_AN_ID.sub("-", places.prefix)
        own = rf"{re.escape(self._tag)}_(?:server|[0-9]+_[a-z0-9_-]+(?:_N[0-9]+)?)"
        discovery, platforms = re.escape(places.discovery), "|".join(PLATFORMS)
        self._ours = re.compile(rf"{discovery}/(?:device/(?P<device>{own})|(?:{platforms})/(?P<of>{own})/\w+)/config")
        self._made: dict[str, tuple[object, Tree]] = {}

    def filters(self) -> Iterable[str]:
        """Where what was announced before is found, in whichever form."""
        yield f"{self._places.discovery}/device/+/config"
        for platform in PLATFORMS:
            yield f"{self._places.discovery}/{platform}/+/+/config"

    def is_ours(self, topic: str) -> bool:
        """Whether rigwatch announced this; others' must not be cleared."""
        return self._ours.fullmatch(topic) is not None

    def is_superseded(self, topic: str) -> bool:
        """Whether what stands here is announced in the other form now."""
        match = self._ours.fullmatch(topic)
        if match is None:
            return False
        by_device = match["device"] is not None
        return by_device != self._by_device and (match["device"] or match["of"]) in self._made

    def announced(self, seen: FeedFacts, kept: Mapping[str, bytes], link: str) -> Tree:
        """Every node that was ever heard of, and the server. `kept` is what the broker has: entities that were there
        and are not any more are taken away. `link` is the dashboard's address, empty for none."""
        before, self._made = self._made, {}
        tree: Tree = {}

        def add(own: str, depends: object, make: Callable[[], _Device]) -> None:
            made = before.get(own)
            if made is None or made[0] != depends:
                made = depends, self._messages(make(), kept)
            self._made[own] = made
            tree.update(made[1])

        for facts in seen.nodes:
            if facts.state is not None:
                own, cards = self._id_of(origin_of(seen, facts.id)), tuple(seen.cards.get(facts.id, ()))
                add(own, _depends(facts, cards, link), lambda: self._node(own, facts, cards, link))  # noqa: B023 - called at once
        entities = tuple(of_server(seen.nodes))
        add(f"{self._tag}_server", (entities, link), lambda: self._server(entities, link))
        return tree

    def _id_of(self, origin: str) -> str:
        # Names hold no "__" by accident only: the length of the site keeps a_b/c and a/b_c apart.
        site, node, *number = origin.split("/")
        return f"{self._tag}_{len(site)}_{site}_{node}" + "".join(f"_N{each}" for each in number)

    def _node(self, own: str, facts: NodeFacts, cards: Iterable[CardHistory], link: str) -> _Device:
        about = _about(
            own, facts.title, model=facts.host or "node", version=facts.version, link=_linked(link, f"node/{facts.id}")
        )
        return _Device(
            own,
            {**about, "sa": facts.id.site, "via_device": f"{self._tag}_server"},
            state=self._places.of(facts.id, TopicLevel.STATE),
            incident=self._places.of(facts.id, TopicLevel.INCIDENT),
            needs=(self._places.server_status, self._places.of(facts.id, TopicLevel.AVAILABILITY)),
            entities=tuple(of_node(facts, cards)),
            expires_s=max(_EXPIRES_LEAST_S, round(_EXPIRES_AFTER * facts.interval / _SECOND)),
        )

    def _server(self, entities: tuple[Entity, ...], link: str) -> _Device:
        places = self._places
        name = "rigwatch" if places.prefix == PREFIX else f"rigwatch {places.prefix}"
        about = _about(f"{self._tag}_server", name, model="server", version=__version__, link=_linked(link, ""))
        return _Device(
            about["ids"][0], about, places.server_state, places.server_incident, (places.server_status,), entities
        )

    def _messages(self, device: _Device, kept: Mapping[str, bytes]) -> Tree:
        discovery = self._places.discovery
        parts = {each.key: _component(device, each) for each in device.entities}
        if not self._by_device:
            return {
                f"{discovery}/{part.pop('p')}/{device.own}/{key}/config": _encode(
                    _shared(device) | part | {"dev": device.about, "o": _ORIGIN}
                )
                for key, part in parts.items()
            }
        topic = f"{discovery}/device/{device.own}/config"
        # The form's way to take one away, and for good: it may be read long after.
        gone = [(key, part) for key, part in _components(kept.get(topic)) if key not in parts][-_REMOVED_MAX:]
        removed = {key: {"p": part["p"]} for key, part in gone}
        return {topic: _encode({"dev": device.about, "o": _ORIGIN, **_shared(device), "cmps": parts | removed})}


def _depends(facts: NodeFacts, cards: Iterable[CardHistory], link: str) -> object:
    """What a node's messages are made of."""
    gpus = (facts.sample.gpus if facts.sample else None) or ()
    named = tuple((card.id, card.name) for card in cards), tuple((gpu.id, gpu.name) for gpu in gpus)
    return (facts.id, facts.title, facts.host, facts.version, facts.interval, link, *named)


def _about(own: str, name: str, *, model: str, version: str, link: str) -> dict[str, Any]:
    about = {"ids": [own], "name": name, "mf": "rigwatch", "mdl": model, "sw": version, "cu": link}
    return {key: value for key, value in about.items() if value}


def _linked(link: str, path: str) -> str:
    return f"{link.rstrip('/')}/{path}" if link else ""


def _shared(device: _Device) -> dict[str, Any]:
    return {"avty": [{"t": topic} for topic in device.needs], "avty_mode": "all", "stat_t": device.state}


def _component(device: _Device, entity: Entity) -> dict[str, Any]:
    part: dict[str, Any] = {
        "p": entity.platform,
        "name": entity.name,
        "uniq_id": f"{device.own}_{entity.key}",
        "qos": 1,
    }
    if entity.platform == "event":
        part |= {"stat_t": device.incident, "event_types": list(entity.options)}
    else:
        # A figure that is not known is unknown there too; without the default it would be an error in its log.
        part["val_tpl"] = entity.template or f"{{{{ value_json.{entity.key} | default(none) }}}}"
        part |= _sensor(entity) if entity.platform == "sensor" else {}
    part |= {"dev_cla": entity.device_class} if entity.device_class else {}
    part |= {"ent_cat": "diagnostic"} if entity.diagnostic else {}
    if entity.stays:
        part["avty"] = [{"t": device.needs[0]}]
    elif device.expires_s:
        part["exp_aft"] = device.expires_s
    return part


def _sensor(entity: Entity) -> dict[str, Any]:
    said = {
        "stat_cla": entity.state_class,
        "unit_of_meas": entity.unit,
        "ops": list(entity.options),
    }
    part: dict[str, Any] = {key: value for key, value in said.items() if value}
    return part if entity.precision is None else {**part, "sug_dsp_prc": entity.precision}


def _components(payload: bytes | None) -> Iterable[tuple[str, dict[str, Any]]]:
    """Those of a message that was published before, perhaps by another version or by somebody else."""
    parts = read_object(payload).get("cmps")
    if not isinstance(parts, dict):
        return []
    platforms = ((key, part.get("p")) for key, part in parts.items() if isinstance(part, dict))
    return [(key, {"p": platform}) for key, platform in platforms if platform in PLATFORMS]
