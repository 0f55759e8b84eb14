"""What a node usually does for each algorithm, so that a rate is compared with its like. Pure.

One algorithm's rate says nothing of another's: a card makes 60 MH/s of one and 500 of the next.
"""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from alerts.rule import HOUR
from rigwatch.clock import Millis
from rigwatch.figures import ALGORITHMS_MAX
from rigwatch.messages import Sample

HOURS_KEPT = 24
HOURS_LEAST = 3
"""Fewer hours than this say nothing about what is usual."""
_DIGITS = 4


class Pace(Struct, frozen=True, omit_defaults=True):
    """One algorithm: the means of the hours in which it was mined, oldest first, and the sum of the hour that runs."""

    algorithm: str
    hour: int = 0
    count: int = 0
    total: float = 0.0
    hours: tuple[float, ...] = ()

    @property
    def baseline(self) -> float | None:
        """The median hour (H/s); None = too little history to say."""
        return median(self.hours) if len(self.hours) >= HOURS_LEAST else None


def rates(sample: Sample) -> list[tuple[str, float]]:
    """What is done for each algorithm that is told of, where it is known."""
    if sample.algorithms is not None:
        return [(name, work.hashrate) for name, work in sample.algorithms.items() if work.hashrate is not None]
    if sample.algorithm is None or sample.hashrate is None:
        return []
    return [(sample.algorithm, sample.hashrate)]


def paced(paces: Sequence[Pace], sample: Sample) -> tuple[Pace, ...]:
    """The paces after one more sample; those that were not mined for the longest time are forgotten first."""
    told = rates(sample)
    if not told:
        return tuple(paces)
    known = {pace.algorithm: pace for pace in paces}
    for name, rate in told:
        # It goes to the end, as the one mined last.
        known[name] = _walked(known.pop(name, Pace(name)), rate, sample.at)
    return tuple(known.values())[-ALGORITHMS_MAX:]


def _walked(pace: Pace, rate: float, at: Millis) -> Pace:
    hour = at // HOUR
    if hour == pace.hour:
        return replace(pace, count=pace.count + 1, total=pace.total + rate)
    hours = (*pace.hours, float(f"{pace.total / pace.count:.{_DIGITS}g}")) if pace.count else pace.hours
    return Pace(pace.algorithm, hour, 1, rate, hours[-HOURS_KEPT:])
