"""What nodes make together, for each algorithm: a sum over two algorithms says nothing. Pure."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from msgspec import Struct

from alerts.pace import rates
from rigwatch.messages import Sample
from rigwatch.texts import plain, visible

SAID_MOST: Final = 4
"""Algorithms that a person is told of; programs get all."""

_UNNAMED: Final = "unnamed"
_NAME_MAX: Final = 24


class AlgorithmTotal(Struct, frozen=True):
    """H/s of so many nodes; `algorithm` is empty for those that do not tell theirs."""

    algorithm: str
    hashrate: float
    nodes: int


class Hashrates(Struct, frozen=True):
    """Algorithms by how many nodes mine them, the most first; `nodes` have any hashrate.

    `total` is None where no node has one, and where more than one algorithm is told of (`mixed`). Nodes that tell none
    are taken to mine what the others do, unless those differ.
    """

    by_algorithm: tuple[AlgorithmTotal, ...] = ()
    total: float | None = None
    nodes: int = 0
    mixed: bool = False


class _Sum:
    """`mains` counts the nodes that mine it first of all."""

    __slots__ = ("hashrate", "mains", "nodes")

    def __init__(self) -> None:
        self.hashrate, self.nodes, self.mains = 0.0, 0, 0


def told(sample: Sample) -> dict[str, float]:
    """H/s by algorithm, the node's own first; under an empty name where it tells a hashrate and not of what."""
    own = spelt(sample.algorithm or "")
    # Most nodes mine one: this is done for each node of each page.
    if sample.algorithms is None:
        return {} if sample.hashrate is None else {own: sample.hashrate}
    works: dict[str, float] = {}
    for name, rate in rates(sample):
        works[spelt(name)] = works.get(spelt(name), 0.0) + rate
    # Without a name the node's own rate is that of one of them, and would count twice.
    if sample.hashrate is not None and (own or not works):
        works = {own: sample.hashrate} | {name: rate for name, rate in works.items() if name != own}
    return works


def hashrates(samples: Iterable[Sample]) -> Hashrates:
    """Of each node's latest sample; about 1 µs a node."""
    sums: dict[str, _Sum] = {}
    nodes = 0
    for sample in samples:
        works = told(sample)
        nodes += bool(works)
        for place, (name, rate) in enumerate(works.items()):
            known = sums.get(name)
            if known is None:
                known = sums[name] = _Sum()
            known.hashrate += rate
            known.nodes += 1
            known.mains += place == 0
    ordered = sorted(sums.items(), key=lambda each: (-each[1].nodes, -each[1].mains, not each[0], each[0]))
    mixed = sum(bool(name) for name in sums) > 1
    return Hashrates(
        by_algorithm=tuple(AlgorithmTotal(name, of.hashrate, of.nodes) for name, of in ordered),
        total=sum(of.hashrate for of in sums.values()) if sums and not mixed else None,
        nodes=nodes,
        mixed=mixed,
    )


def named(of: Hashrates) -> tuple[list[tuple[float, str]], int]:
    """Each algorithm's rate and name as people are told them, and how many more there are."""
    shown = [(each.hashrate, plain(each.algorithm, _NAME_MAX) or _UNNAMED) for each in of.by_algorithm[:SAID_MOST]]
    return shown, max(0, len(of.by_algorithm) - SAID_MOST)


def said(of: Hashrates, write: Callable[[float], str]) -> str:
    """'836 MH/s ethash · 24.1 kH/s rx/0'; `write` gives a rate its unit."""
    shown, more = named(of)
    return " · ".join([f"{write(rate)} {name}" for rate, name in shown] + [f"and {more} more"] * bool(more))


@lru_cache(maxsize=1024)
def spelt(algorithm: str) -> str:
    """One spelling of a name, fit to be shown, so that two which look alike are one."""
    return visible(" ".join(algorithm.lower().split()))
