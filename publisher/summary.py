"""Makes one sample's figures of what the sources gave in an interval; pure, so no source is read here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from statistics import fmean
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from publisher.sources.reading import Reading, named
from publisher.team import together
from rigwatch.figures import FIGURES, GPUS_MAX, LINE_MAX, MEASURED, AlgorithmFigures, Board, Fan, Gpu, Measurements

_Piece: TypeAlias = Gpu | Board | Fan
_UNKNOWN = (None, "")
_OF_ALGORITHM = frozenset({"hashrate", "algorithm", "algorithms", "gpus", "boards"})


@dataclass(frozen=True, slots=True)
class Read:
    """One attempt to read a source: a reading, or else the error. `took` is in seconds."""

    reading: Reading | None = None
    error: str = ""
    took: float = 0.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one source gave in an interval, oldest first. `source` is its name in `errors`."""

    source: str
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class UnnumberedSample:
    """A sample that has no number yet."""

    figures: Reading = field(default_factory=Reading)
    errors: Mapping[str, str] = field(default_factory=dict)
    odd: Mapping[str, str] = field(default_factory=dict)


def summarise(
    gathered: Sequence[Gathered], unseen: Sequence[Gpu] = (), *, failing: Mapping[str, str] = MappingProxyType({})
) -> UnnumberedSample:
    """The interval's figures. Where two sources give the same one, the source listed first in the settings wins, but
    for what several miners do: that adds up.

    A failing source gives none of its figures, only its error; one that could be read in part gives both. `gpus` are
    merged card by card; where any source tells of cards, those of `unseen` are there as well. What was `failing` before
    and was not read in this interval has not worked since, and still fails.
    """
    errors = {each.source: _line(error, tries(each.reads)) for each in gathered if (error := failure(each.reads))}
    errors |= {each.source: failing[each.source] for each in gathered if not each.reads and each.source in failing}
    works = {each.source for each in gathered if each.source not in errors}
    errors |= {
        each.source: _line(lacks, 0) for each in gathered if each.source not in errors and (lacks := _lacks(each))
    }
    odd = {each.source: _line(what, 0) for each in gathered if each.source not in errors and (what := _odd(each))}
    merged: dict[str, Any] = {}
    lists: list[tuple[Gpu, ...]] = []
    for figures in together([(each.source, _figures(_readings(each))) for each in gathered if each.source in works]):
        if "gpus" in figures:
            lists.append(figures.pop("gpus"))
        for name, value in figures.items():
            merged.setdefault(name, value)
    if lists:
        merged["gpus"] = merged_cards([*lists, unseen])
    return UnnumberedSample(Reading(**merged), errors, odd)


def merged_cards(lists: Sequence[Sequence[Gpu]]) -> tuple[Gpu, ...]:
    """All cards, each once: a figure is that of the list that comes first, and what it does not know is filled in."""
    cards: dict[str, Gpu] = {}
    for card in (gpu for gpus in lists for gpu in gpus):
        before = cards.get(card.id)
        cards[card.id] = card if before is None else _filled(before, card)
    # The subscriber refuses a whole report for one card too many.
    return tuple(cards.values())[:GPUS_MAX]


def _filled(first: Gpu, later: Gpu) -> Gpu:
    missing = [name for name in Gpu.__struct_fields__ if getattr(first, name) in _UNKNOWN]
    return msgspec.structs.replace(first, **{name: getattr(later, name) for name in missing})


def failure(reads: Sequence[Read]) -> str:
    """Why the source counts as failing in this interval, or "".

    It fails when nothing could be read, or when the last two reads failed: one bad read among good ones (a file caught
    while it was written, a miner that was busy) is not worth an alert, and a dead miner is known after two reads.
    """
    if not reads or not reads[-1].error:
        return ""
    nothing = all(read.error for read in reads)
    return reads[-1].error if nothing or reads[-2].error else ""


def tries(reads: Sequence[Read]) -> int:
    """How many reads failed one after the other until the end of the interval."""
    failed = 0
    for read in reversed(reads):
        if not read.error:
            break
        failed += 1
    return failed


def _readings(gathered: Gathered) -> list[Reading]:
    return [read.reading for read in gathered.reads if read.reading is not None]


def _lacks(gathered: Gathered) -> str:
    readings = _readings(gathered)
    return readings[-1].lacks if readings else ""


def _odd(gathered: Gathered) -> str:
    readings = _readings(gathered)
    return named(readings[-1].odd) if readings else ""


def _figures(readings: Sequence[Reading]) -> dict[str, Any]:
    """Rates count from when the miner last turned to another algorithm: a mean of two is neither's."""
    since = next((at for at in reversed(range(1, len(readings))) if _turned(readings[at - 1], readings[at])), 0)
    known: dict[str, list[Any]] = {}
    for name in MEASURED:
        among = readings[since:] if name in _OF_ALGORITHM else readings
        known[name] = [v for reading in among if (v := getattr(reading, name)) is not None]
    return {name: _REDUCED.get(name, _last)(values) for name, values in known.items() if values}


def _turned(before: Reading, after: Reading) -> bool:
    return None not in (before.algorithm, after.algorithm) and before.algorithm != after.algorithm


def _algorithms(told: Sequence[Mapping[str, AlgorithmFigures]]) -> dict[str, AlgorithmFigures]:
    """The algorithms of the last reading, each with the mean of its rate."""
    return {name: _work(last, [each[name] for each in told if name in each]) for name, last in told[-1].items()}


def _work(last: AlgorithmFigures, works: Sequence[AlgorithmFigures]) -> AlgorithmFigures:
    known = [work.hashrate for work in works if work.hashrate is not None]
    return msgspec.structs.replace(last, hashrate=fmean(known)) if known else last


def _pieces(lists: Sequence[tuple[_Piece, ...]], *, means: Sequence[str]) -> tuple[_Piece, ...]:
    """Those of the last reading, each with its own means: a card that dropped out must not live on in a mean."""
    return tuple(_piece(last, [p for told in lists for p in told if p.id == last.id], means) for last in lists[-1])


def _piece(last: _Piece, readings: Sequence[_Piece], means: Sequence[str]) -> _Piece:
    known = {name: [v for piece in readings if (v := getattr(piece, name)) is not None] for name in means}
    return msgspec.structs.replace(last, **{name: fmean(values) for name, values in known.items() if values})


def _means(of: type[Struct]) -> tuple[str, ...]:
    return tuple(name for name in of.__struct_fields__ if name in FIGURES and FIGURES[name].unit.mean)


_last = itemgetter(-1)
_REDUCED: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    **dict.fromkeys(_means(Measurements), fmean),
    "algorithms": _algorithms,
    "gpus": partial(_pieces, means=_means(Gpu)),
    "boards": partial(_pieces, means=_means(Board)),
    "fans": partial(_pieces, means=_means(Fan)),
}
"""Of what is not in it the last counts."""


def _line(text: str, failed: int) -> str:
    """One line that fits `errors` of a sample, and says how often it was tried."""
    often = f" ({failed} reads in a row)" if failed > 1 else ""
    flat, room = " ".join(text.split()), LINE_MAX - len(often)
    return (flat if len(flat) <= room else f"{flat[: room - 1]}…") + often
