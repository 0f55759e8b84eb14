"""The plain state tree as values: which topic has which content, from what is known and one `now`. Pure; sends nothing.

The keys are listed in `docs/protocol.md` §10. Flat and numeric, because Telegraf and its like drop what is not.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from alerts.facts import NodeFacts
from alerts.incident import Incident
from alerts.status import NodeStatus, is_broker_down, status_at
from alerts.totals import hashrates
from rigwatch.clock import Millis
from rigwatch.figures import FIGURES, AlgorithmFigures, Gpu
from rigwatch.messages import Sample
from rigwatch.topics import NodeId, TopicLevel
from subscriber.feed import concerns
from subscriber.feed.energy import FLEET, Meter
from subscriber.feed.places import Places
from subscriber.feed.reader import FeedFacts

Tree: TypeAlias = dict[str, bytes]
"""Topic to retained payload."""

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

UP: Final = frozenset({NodeStatus.ONLINE, NodeStatus.DEGRADED})
SHOWN: Final = (NodeStatus.ONLINE, NodeStatus.DEGRADED, NodeStatus.SILENT, NodeStatus.LOST, NodeStatus.OFFLINE)
"""What `status` may be: nobody is told of a node that was never heard of, or of which nobody can say."""

_MISSED: Final = frozenset({NodeStatus.SILENT, NodeStatus.LOST})
_NOT_IN_A_KEY: Final = re.compile(r"[^a-z0-9]+")
# Of a PCI address as of a UUID: enough to tell the cards of one host apart, and the same after a card drops out.
_GPU_KEY_LENGTH: Final = 16


def _keys(of: type[Struct]) -> Mapping[str, str]:
    known = (FIGURES[name] for name in of.__struct_fields__ if name in FIGURES)
    return {each.key: each.name for each in known if each.key}


_SAMPLE: Final = _keys(Sample)
_ALGORITHM: Final = _keys(AlgorithmFigures)
# A card's counts are in the sums alone.
_GPU: Final = {key: name for key, name in _keys(Gpu).items() if not FIGURES[name].unit.whole}


def tree_of(seen: FeedFacts, places: Places, meter: Meter, now: Millis) -> Tree | None:
    """Two topics a node, about 15 µs each, and the server's own. A node that was never heard of has none.

    None while the subscriber itself does not see the nodes: nobody can say.
    """
    if is_broker_down(seen.server, now):
        return None
    of = concerns.by_node(seen.incidents)
    tree: Tree = {}
    statuses: dict[NodeId, NodeStatus] = {}
    for facts in seen.nodes:
        status = statuses[facts.id] = status_at(facts, seen.server, now)
        if status not in SHOWN:
            continue
        state = state_of(facts, status, of.get(facts.id, ()), meter.kwh(origin_of(seen, facts.id)))
        tree[places.of(facts.id, TopicLevel.AVAILABILITY)] = ONLINE if status in UP else OFFLINE
        tree[places.of(facts.id, TopicLevel.STATE)] = msgspec.json.encode(state)
    tree[places.server_state] = msgspec.json.encode(fleet_of(seen, statuses, meter))
    tree[places.server_incidents] = concerns.listed(each.id for each in seen.incidents)
    tree[places.server_status] = ONLINE
    return tree


def origin_of(seen: FeedFacts, node: NodeId) -> str:
    """The same for as long as the node is known, wherever it is moved."""
    return seen.origins.get(node) or str(node)


def state_of(
    facts: NodeFacts, status: NodeStatus, incidents: Sequence[Incident], kwh: float | None
) -> dict[str, object]:
    """How it stands; and the figures of its last report while it is there, since they are of now only then. What is
    not known is left out, 0 is a measured zero."""
    state: dict[str, object] = {"status": status.value, "up": int(status in UP)}
    state["problem"] = int(status in _MISSED or concerns.is_problem(incidents))
    state["open_incidents"] = len(incidents)
    if (worst := concerns.worst(incidents)) is not None:
        state["incident"] = concerns.said(worst)
    if facts.state_at is not None:
        state["status_since_ms"] = facts.state_at
    if facts.last_report_at is not None:
        state["reported_at_ms"] = facts.last_report_at
    if kwh is not None:
        state["energy_kwh"] = kwh
    if status in UP and facts.sample is not None:
        state |= dict(_figures_of(facts.sample))
    return state


def _figures_of(sample: Sample) -> Iterator[tuple[str, object]]:
    yield from _figures(sample, _SAMPLE, "")
    yield "failing_sources", len(sample.errors)
    for name, work in (sample.algorithms or {}).items():
        yield from _figures(work, _ALGORITHM, algorithm_key(name))
    for gpu in sample.gpus or ():
        yield from _figures(gpu, _GPU, f"{card_key(gpu.id)}_")


def fleet_of(seen: FeedFacts, statuses: Mapping[NodeId, NodeStatus], meter: Meter) -> dict[str, object]:
    """All nodes together; the figures are of those that are there."""
    count = Counter(statuses.values())
    top = [each for each in seen.incidents if each.parent is None]
    state: dict[str, object] = {"nodes": len(statuses), "nodes_up": sum(count[each] for each in UP)}
    state |= {f"nodes_{each.value}": count[each] for each in (*SHOWN, NodeStatus.PENDING)}
    state["problem"] = int(concerns.is_problem(top))
    state["open_incidents"] = len(top)
    if (worst := concerns.worst(top)) is not None:
        state["incident"] = concerns.said(worst)
    samples = [facts.sample for facts in seen.nodes if facts.sample and statuses[facts.id] in UP]
    rates = hashrates(samples)
    if rates.total is not None:
        state["hashrate_hs"] = rates.total
    for each in rates.by_algorithm:
        if each.algorithm:
            state[f"{algorithm_key(each.algorithm)}hashrate_hs"] = each.hashrate
    powers = [sample.power for sample in samples if sample.power is not None]
    if powers:
        state["power_w"] = round(sum(powers), 1)
    if (kwh := meter.kwh(FLEET)) is not None:
        state["energy_kwh"] = kwh
    return state


def algorithm_key(name: str) -> str:
    """Begins the keys of one algorithm."""
    return f"algorithm_{_NOT_IN_A_KEY.sub('', name.lower())}_"


def card_key(card: str) -> str:
    """Begins the keys of one card, `gpu_` and the end of its PCI address or UUID."""
    return "gpu_" + _NOT_IN_A_KEY.sub("", card.lower())[-_GPU_KEY_LENGTH:]


def _figures(of: Sample | Gpu | AlgorithmFigures, keys: Mapping[str, str], prefix: str) -> Iterable[tuple[str, object]]:
    known = ((key, getattr(of, name)) for key, name in keys.items())
    return ((prefix + key, value) for key, value in known if value is not None)
