"""What the nodes of one chain have in common: the highest block, when it moved, and which hash most of them have."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from rigwatch.clock import Millis
from subscriber.alerts.trail import Trail
from subscriber.facts import NodeFacts

CHAIN_TAG = "chain:"
"""Nodes with the same tag `chain:NAME` mine the same chain; those without one are taken to share one."""


@dataclass(frozen=True, slots=True)
class Chain:
    """`hashes` gives for each height how many nodes have which hash there; `moved_at` when the highest block came."""

    highest: int | None = None
    moved_at: Millis | None = None
    nodes: int = 0
    hashes: dict[int, Counter[str]] = field(default_factory=dict)


def chain_of(facts: NodeFacts) -> str:
    """The name after the tag `chain:`; empty without one."""
    return next((tag.removeprefix(CHAIN_TAG) for tag in facts.tags if tag.startswith(CHAIN_TAG)), "")


def chains_of(nodes: Iterable[tuple[NodeFacts, Trail]]) -> dict[str, Chain]:
    """From the nodes that are connected; about 1 µs each."""
    heights: defaultdict[str, list[tuple[int, Millis]]] = defaultdict(list)
    hashes: defaultdict[str, dict[int, Counter[str]]] = defaultdict(dict)
    for facts, trail in nodes:
        if trail.block is None or not facts.connected:
            continue
        name = chain_of(facts)
        heights[name].append((trail.block, trail.block_at or 0))
        for height, block_hash in trail.blocks:
            hashes[name].setdefault(height, Counter())[block_hash] += 1
    return {name: _chain(known, hashes[name]) for name, known in heights.items()}


def _chain(known: list[tuple[int, Millis]], hashes: dict[int, Counter[str]]) -> Chain:
    highest = max(height for height, _ in known)
    # The first to have it: whoever follows later does not make the block younger.
    moved_at = min(at for height, at in known if height == highest)
    return Chain(highest, moved_at, len(known), hashes)
