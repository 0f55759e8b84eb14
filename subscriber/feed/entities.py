"""What Home Assistant shows of a node and of the server: one entity for one key of their states. Only names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from alerts.facts import NodeFacts
from alerts.node_history import CardHistory
from alerts.totals import hashrates
from rigwatch.figures import FIGURES, Gpu
from rigwatch.texts import plain
from subscriber.feed.concerns import EVENT_TYPES
from subscriber.feed.tree import SHOWN, algorithm_key, card_key

PLATFORMS: Final = ("sensor", "binary_sensor", "event")

_NAME_MAX: Final = 40
MEASUREMENT: Final = "measurement"
COUNTER: Final = "total_increasing"


@dataclass(frozen=True, slots=True)
class Entity:
    """`device_class` is Home Assistant's word; hashrate has none there. `template` reads something else than the plain
    value. `stays`: shown also while the node is away; what is not is a figure of now, and runs out."""

    key: str
    name: str
    unit: str = ""
    device_class: str = ""
    precision: int | None = 0
    state_class: str = MEASUREMENT
    platform: str = "sensor"
    template: str = ""
    options: tuple[str, ...] = ()
    diagnostic: bool = False
    stays: bool = False


def _word(key: str, name: str, *, device_class: str = "", template: str = "", diagnostic: bool = False) -> Entity:
    return Entity(
        key, name, device_class=device_class, precision=None, state_class="", template=template, diagnostic=diagnostic,
        stays=True,
    )  # fmt: skip


_STATUS: Final = replace(_word("status", "Status", device_class="enum"), options=tuple(each.value for each in SHOWN))
_PROBLEM: Final = replace(
    _word("problem", "Problem", device_class="problem", template="{{ 'ON' if value_json.problem else 'OFF' }}"),
    platform="binary_sensor",
)
_EVENT: Final = replace(_word("incident_event", "Incident"), platform="event", options=EVENT_TYPES)
_INCIDENT: Final = _word("incident", "Open incident", template="{{ value_json.incident | default('none') }}")
_COUNT: Final = replace(Entity("open_incidents", "Open incidents"), stays=True, diagnostic=True)
_SEEN: Final = _word(
    "last_seen", "Last seen", device_class="timestamp", diagnostic=True,
    template=(
        "{{ (value_json.reported_at_ms / 1000) | as_datetime if value_json.reported_at_ms is defined else none }}"
    ),
)  # fmt: skip
_FIGURES: Final = {
    each.name: Entity(
        each.key,
        each.entity,
        each.unit.symbol,
        each.unit.device_class,
        state_class=COUNTER if each.unit.rising else MEASUREMENT,
        diagnostic=each.diagnostic,
    )
    for each in FIGURES.values()
    if each.key and each.entity
}
_HASHRATE: Final = _FIGURES["hashrate"]
_POWER: Final = _FIGURES["power"]
_ENERGY: Final = Entity("energy_kwh", "Energy", "kWh", "energy", precision=2, state_class=COUNTER, stays=True)
_NODE: Final = (
    _STATUS,
    _PROBLEM,
    _INCIDENT,
    _EVENT,
    _COUNT,
    _SEEN,
    *_FIGURES.values(),
    _ENERGY,
    Entity("failing_sources", "Failing sources", diagnostic=True),
)
_CARD: Final = tuple(
    replace(_FIGURES[name], name=_FIGURES[name].name.lower()) for name in ("temperature", "power", "fan")
)
_SERVER: Final = (
    _PROBLEM,
    _INCIDENT,
    _EVENT,
    replace(_COUNT, diagnostic=False),
    Entity("nodes", "Nodes"),
    Entity("nodes_up", "Nodes up"),
    Entity("nodes_lost", "Nodes lost"),
    Entity("nodes_silent", "Nodes silent"),
    Entity("nodes_offline", "Nodes stopped"),
    _POWER,
    _ENERGY,
)


def of_node(facts: NodeFacts, cards: Iterable[CardHistory]) -> Iterator[Entity]:
    """The usual ones always, so that an entity does not come and go with the miner's mood; of cards those that are
    remembered as well, for a source that fails hides them."""
    yield from _NODE
    known = {card.id: card.name for card in cards}
    known |= {gpu.id: gpu.name for gpu in (facts.sample.gpus if facts.sample else None) or ()}
    for card, name in known.items():
        yield from _of_card(Gpu(card, name))


def of_server(nodes: Iterable[NodeFacts]) -> Iterator[Entity]:
    """With several algorithms each has a rate of its own: a sum over them says nothing."""
    yield from _SERVER
    rates = hashrates(facts.sample for facts in nodes if facts.sample)
    if not rates.mixed:
        yield _HASHRATE
        return
    for each in rates.by_algorithm:
        if each.algorithm:
            name = f"Hashrate {plain(each.algorithm, _NAME_MAX)}"
            yield replace(_HASHRATE, key=f"{algorithm_key(each.algorithm)}hashrate_hs", name=name)


def _of_card(gpu: Gpu) -> Iterator[Entity]:
    key = card_key(gpu.id)
    for each in _CARD:
        yield replace(
            each, key=f"{key}_{each.key}", name=f"{plain(gpu.name or 'GPU', _NAME_MAX)} {key[-4:]} {each.name}"
        )
