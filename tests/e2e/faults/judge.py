"""Says of a run whether every sample that was accepted is stored exactly once. Pure: it is given what was counted."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

Numbers = Mapping[str, AbstractSet[int]]
"""Samples' numbers, by "site/node"."""

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the samples of a run.

    `accepted`: an outbox has said that it is on the disk. `refused`: the disk would not have it, and the log said so.
    `reused`: the number of a sample that a full disk kept in memory, and of another that was accepted after a kill: the
    rig could not write down that it was used. Both are stored then, one of them under a free number.
    `waiting`: still in an outbox, for the next start. `counted`: how many samples of a node the rollups have counted.
    """

    accepted: Numbers
    refused: Numbers
    stored: Numbers
    waiting: Numbers
    counted: Mapping[str, int] = field(default_factory=dict)
    reused: Numbers = field(default_factory=dict)

    @property
    def lost(self) -> Numbers:
        """Accepted, and neither stored nor waiting."""
        return less(less(self.accepted, self.stored), self.waiting)

    @property
    def invented(self) -> Numbers:
        """Stored, although nobody has ever accepted it."""
        unknown = less(less(self.stored, self.accepted), self.refused)
        return {node: found for node, found in unknown.items() if len(found) > len(self.reused.get(node, ()))}

    @property
    def doubled(self) -> dict[str, int]:
        """By how many the rollups are off: a sample that was taken twice counts as two there (below zero: lost)."""
        nodes = self.stored.keys() | self.counted.keys()
        off = {node: self.counted.get(node, 0) - len(self.stored.get(node, ())) for node in nodes}
        return {node: by for node, by in off.items() if by}

    def complaints(self) -> list[str]:
        """Nothing, when every accepted sample is stored exactly once; else a line a node and kind of wrong."""
        return [
            *_lines("lost", self.lost),
            *_lines("stored, never accepted", self.invented),
            *(f"{node}: counted {by:+d}" for node, by in sorted(self.doubled.items())),
        ]


def less(some: Numbers, others: Numbers) -> dict[str, AbstractSet[int]]:
    """What is in `some` and not in `others`; nodes of which nothing is left are left out."""
    rest = {node: numbers - others.get(node, frozenset()) for node, numbers in some.items()}
    return {node: numbers for node, numbers in rest.items() if numbers}


def union(one: Numbers, other: Numbers) -> dict[str, AbstractSet[int]]:
    return {node: one.get(node, set()) | other.get(node, set()) for node in one.keys() | other.keys()}


def count(numbers: Numbers) -> int:
    return sum(map(len, numbers.values()))


def _lines(what: str, numbers: Numbers) -> Iterator[str]:
    for node, wrong in sorted(numbers.items()):
        some = ", ".join(map(str, sorted(wrong)[:_NAMED]))
        yield f"{node}: {len(wrong)} {what} ({some}{', …' if len(wrong) > _NAMED else ''})"
