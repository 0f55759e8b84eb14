"""Several miners of one node, as one: what adds up does, and nothing of two algorithms. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from publisher.sources.work import listed, merged_works
from rigwatch.figures import FIGURES, MEASURED, AlgorithmFigures, Gpu, Joined

Figures = dict[str, Any]
"""What one source gave in an interval, by figure."""

_OF_WORK: Final = AlgorithmFigures.__struct_fields__
_OF_MACHINE: Final = tuple(name for name in MEASURED if name not in _OF_WORK)
_HIGHEST: Final = tuple(name for name in _OF_MACHINE if FIGURES[name].unit.joined is Joined.HIGHEST)
_SUMS: Final = tuple(name for name in _OF_MACHINE if FIGURES[name].unit.joined is Joined.SUM)
_RETELLERS: Final = {"hiveos": "hiveos", "jsonrpc": "chain", "bitcoind": "chain", "monerod": "chain"}
"""Kinds that may tell of a miner that another source reads itself: theirs never add up with those of other kinds."""


def together(sources: Sequence[tuple[str, Figures]]) -> list[Figures]:
    """The same in their order, with all miners as one in the place of the first.

    Rates and shares of one algorithm add up, power does; the node's are of the algorithm of the first miner. A miner
    that is told of twice, by itself and by Hive or the chain client that it works for, counts once.
    """
    miners = _team(sources)
    if len(miners) < 2:
        return [figures for _, figures in sources]
    whole: list[Figures] = []
    for at, (_, figures) in enumerate(sources):
        if at == miners[0]:
            whole.append(_combined([sources[each] for each in miners]))
        elif at in miners:
            # What adds up is counted; its cards are still told of one by one.
            whole.append({"gpus": figures["gpus"]} if "gpus" in figures else {})
        else:
            whole.append(figures)
    return whole


def _team(sources: Sequence[tuple[str, Figures]]) -> list[int]:
    mining = [(at, _group(label)) for at, (label, figures) in enumerate(sources) if "hashrate" in figures]
    return [at for at, group in mining if group == mining[0][1]]


def _group(label: str) -> str:
    return _RETELLERS.get(_kind(label), "")


def _kind(label: str) -> str:
    return label.partition("-")[0]


def _combined(miners: Sequence[tuple[str, Figures]]) -> Figures:
    works = merged_works(each for label, figures in miners for each in _works(label, figures))
    first = miners[0][1]
    names = [name for name, _ in _works(*miners[0])]
    own = works[first.get("algorithm") or names[0]]
    combined = dict(first)
    for name in _OF_WORK:
        combined.pop(name, None)
    combined |= {name: value for name in _OF_WORK if (value := getattr(own, name)) is not None}
    named = listed({name: work for name, work in works.items() if name is not None})
    combined.pop("algorithms", None)
    if named is not None:
        combined["algorithms"] = named
    for figure in _HIGHEST:
        if told := [figures[figure] for _, figures in miners if figure in figures]:
            combined[figure] = max(told)
    for figure in _SUMS:
        combined.pop(figure, None)
        told = [figures[figure] for _, figures in miners if figure in figures]
        if told:
            combined[figure] = sum(told)
    if (power := _power_of_shared_cards([figures for _, figures in miners])) is not None:
        combined["power"] = power
    return combined


def _works(label: str, figures: Mapping[str, Any]) -> list[tuple[str | None, AlgorithmFigures]]:
    """By algorithm. One that is not told of is taken to be the same for miners of one kind."""
    told = AlgorithmFigures(**{name: figures.get(name) for name in _OF_WORK})
    own = figures.get("algorithm") or _kind(label)
    # The node's own figures are means over the interval.
    return [(own, told), *((name, work) for name, work in (figures.get("algorithms") or {}).items() if name != own)]


def _power_of_shared_cards(miners: Sequence[Mapping[str, Any]]) -> float | None:
    """Where two miners work on one card, each tells of all that it draws; None where no card is shared."""
    cards: dict[str, Gpu] = {}
    shared = False
    for gpu in (gpu for figures in miners for gpu in figures.get("gpus", ())):
        shared = shared or gpu.id in cards
        before = cards.get(gpu.id)
        if before is None or before.power is None:
            cards[gpu.id] = structs.replace(gpu)
    known = [gpu.power for gpu in cards.values() if gpu.power is not None]
    return sum(known) if shared and known and len(known) == len(cards) else None
