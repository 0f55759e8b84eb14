"""What the nodes of one chain have in common: the highest block, when it moved, and which hash most of them have.

A block counts once two hosts have reached it, so that no single chain client can make the others lag, however many
nodes its host has. A client that still syncs is not asked where others know better.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from operator import itemgetter

from alerts.facts import NodeFacts
from alerts.node_history import NodeHistory
from rigwatch.clock import Millis

CHAIN_TAG = "chain:"
"""Nodes with the same tag `chain:NAME` mine the same chain; those without one are taken to share one."""
APART = 10_000
"""Of two that are further apart than so many blocks nobody can say which is right."""


@dataclass(frozen=True, slots=True)
class Chain:
    """`highest` is the block to be at, None where nobody can say; `moved_at` when it came. `front` has the very highest
    block, `behind` is the highest of all others, None where nobody else has one; since `heard_at` two hosts have
    reported. `hashes` gives for each height who has which hash there, a node a time, each named by its host; where
    there is but one host, by itself."""

    highest: int | None = None
    moved_at: Millis | None = None
    nodes: int = 0
    hosts: int = 0
    front: str = ""
    front_block: int | None = None
    behind: int | None = None
    heard_at: Millis = 0
    hashes: dict[int, dict[str, list[str]]] = field(default_factory=dict)

    def others(self, facts: NodeFacts) -> int | None:
        """The highest block that anybody else has."""
        own = self.front in (facts.host, facts.id.node)
        return self.behind if own else self.front_block


def chain_of(facts: NodeFacts) -> str:
    """The name after the tag `chain:`; empty without one."""
    # Asked of each node of each page: a generator would cost more than all it does.
    for tag in facts.tags:
        if tag.startswith(CHAIN_TAG):
            return tag.removeprefix(CHAIN_TAG)
    return ""


def chains_of(nodes: Iterable[tuple[NodeFacts, NodeHistory]]) -> dict[str, Chain]:
    """From the nodes that are connected; about 2 µs each."""
    known: defaultdict[str, list[tuple[NodeFacts, NodeHistory]]] = defaultdict(list)
    for each in nodes:
        facts, history = each
        if history.block is not None and facts.connected:
            known[chain_of(facts) if facts.tags else ""].append(each)
    return {name: _chain(members) for name, members in known.items()}


def _chain(members: Sequence[tuple[NodeFacts, NodeHistory]]) -> Chain:
    one_host = len({facts.host for facts, _ in members}) == 1
    tops: dict[str, int] = {}
    syncing: dict[str, int] = {}
    heard: dict[str, Millis] = {}
    first: dict[int, Millis] = {}
    hashes: dict[int, dict[str, list[str]]] = {}
    for facts, history in members:
        voter = facts.id.node if one_host or not facts.host else facts.host
        block, block_at = history.block or 0, history.block_at or 0
        highest = syncing if facts.sample is not None and facts.sample.syncing else tops
        if block >= highest.get(voter, 0):
            highest[voter] = block
        if history.at >= heard.get(voter, 0):
            heard[voter] = history.at
        # The first to have it: whoever follows later does not make the block younger.
        if block_at < first.get(block, block_at + 1):
            first[block] = block_at
        for height, block_hash in history.blocks:
            hashes.setdefault(height, {}).setdefault(block_hash, []).append(voter)
    tops = tops or syncing
    front, *others = nlargest(2, tops.items(), key=itemgetter(1))
    highest_agreed = _agreed([front[1], *(block for _, block in others)], len(tops))
    return Chain(
        highest_agreed,
        None if highest_agreed is None else first.get(highest_agreed),
        len(members),
        len(tops),
        *front,
        others[0][1] if others else None,
        nlargest(2, heard.values())[-1],
        hashes,
    )


def _agreed(blocks: Sequence[int], hosts: int) -> int | None:
    """The highest that two have reached. Of two, the lower one lags, unless they are too far apart for that."""
    if hosts == 2:
        return blocks[0] if blocks[0] - blocks[1] <= APART else None
    return blocks[-1]
