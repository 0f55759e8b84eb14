"""The plain state tree as values: which topic has which content, from facts and one `now`. Pure; sends nothing.

The keys are listed in `docs/protocol.md` §10. Flat and numeric, because Telegraf and its like drop what is not.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from alerts.facts import NodeFacts, ServerFacts
from alerts.status import NodeStatus, status_at
from rigwatch.clock import Millis
from rigwatch.figures import AlgorithmFigures, Gpu
from rigwatch.messages import Sample
from rigwatch.topics import TopicLevel, topic_of

Tree: TypeAlias = dict[str, bytes]
"""Topic to retained payload."""

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

_UP: Final = frozenset({NodeStatus.ONLINE, NodeStatus.DEGRADED})
_UNHEARD: Final = frozenset({NodeStatus.PENDING, NodeStatus.UNKNOWN})
_SAMPLE: Final[Mapping[str, str]] = {
    "hashrate_hs": "hashrate",
    "peers": "peers",
    "block": "block",
    "accepted_shares": "accepted",
    "rejected_shares": "rejected",
    "stale_shares": "stale",
    "invalid_shares": "invalid",
    "hardware_errors": "hardware_errors",
    "algorithm": "algorithm",
    "temperature_c": "temperature",
    "power_w": "power",
    "fan_percent": "fan",
    "cpu_percent": "cpu",
    "uptime_s": "uptime",
}
_GPU: Final[Mapping[str, str]] = {
    "hashrate_hs": "hashrate",
    "temperature_c": "temperature",
    "memory_temperature_c": "memory_temperature",
    "power_w": "power",
    "fan_percent": "fan",
    "utilization_percent": "utilization",
}
_WORK: Final[Mapping[str, str]] = {
    "hashrate_hs": "hashrate",
    "accepted_shares": "accepted",
    "rejected_shares": "rejected",
    "stale_shares": "stale",
    "invalid_shares": "invalid",
}
_NOT_IN_A_KEY: Final = re.compile(r"[^a-z0-9]+")
# Of a PCI address as of a UUID: enough to tell the cards of one host apart, and the same after a card drops out.
_GPU_KEY_LENGTH: Final = 16


def tree_of(nodes: Iterable[NodeFacts], server: ServerFacts, now: Millis) -> Tree:
    """Two topics a node; about 10 µs each. A node that was never heard of, or of which nobody can say, has none."""
    return {topic: payload for facts in nodes for topic, payload in _topics(facts, server, now)}


def _topics(facts: NodeFacts, server: ServerFacts, now: Millis) -> Iterator[tuple[str, bytes]]:
    status = status_at(facts, server, now)
    if status in _UNHEARD:
        return
    yield topic_of(facts.id, TopicLevel.AVAILABILITY), ONLINE if status in _UP else OFFLINE
    yield topic_of(facts.id, TopicLevel.STATE), msgspec.json.encode(state_of(facts, status))


def state_of(facts: NodeFacts, status: NodeStatus) -> dict[str, object]:
    """The figures of the last report: what is not known is left out, 0 is a measured zero."""
    state: dict[str, object] = {"status": status.value, "up": int(status in _UP)}
    if facts.state_at is not None:
        state["status_since_ms"] = facts.state_at
    if facts.last_report_at is not None:
        state["reported_at_ms"] = facts.last_report_at
    if facts.sample is not None:
        state |= _figures(facts.sample, _SAMPLE, "")
        state["failing_sources"] = len(facts.sample.errors)
        for name, work in (facts.sample.algorithms or {}).items():
            state |= _figures(work, _WORK, f"algorithm_{_NOT_IN_A_KEY.sub('', name)}_")
        for gpu in facts.sample.gpus or ():
            state |= _figures(gpu, _GPU, f"{gpu_key(gpu)}_")
    return state


def gpu_key(gpu: Gpu) -> str:
    """Begins the keys of one card, `gpu_` and the end of its PCI address or UUID."""
    return "gpu_" + _NOT_IN_A_KEY.sub("", gpu.id.lower())[-_GPU_KEY_LENGTH:]


def _figures(of: Sample | Gpu | AlgorithmFigures, keys: Mapping[str, str], prefix: str) -> dict[str, object]:
    known = ((key, getattr(of, name)) for key, name in keys.items())
    return {prefix + key: value for key, value in known if value is not None}
