"""How long to wait before the next attempt, in seconds; waiting itself happens elsewhere."""

from random import Random
from typing import Final

_DOUBLINGS_MAX: Final = 32
_RANDOM: Final = Random()  # noqa: S311 - no secret


def doubled(failures: int, *, first: float, most: float) -> float:
    """`first` after the first failure (and without one), twice as much after each further one, never above `most`."""
    return min(most, first * 2.0 ** min(max(failures, 1) - 1, _DOUBLINGS_MAX))


def jittered(bound: float, *, least: float = 0.0, random: Random = _RANDOM) -> float:
    """Evenly drawn between the two: who failed in the same second does not come back in the same second."""
    return random.uniform(min(least, bound), bound)


class Backoff:
    """Exponential with full jitter down to `least`; the bound doubles with each failure from `first` to `most`."""

    def __init__(self, *, first: float, most: float, least: float = 0.0, random: Random = _RANDOM) -> None:
        self._first, self._most, self._least = first, most, least
        self._random = random
        self.failures = 0

    def delay(self, *, most: float | None = None) -> float:
        """Counts one more failure; `most` is for this one alone."""
        self.failures += 1
        bound = doubled(self.failures, first=self._first, most=self._most if most is None else most)
        return jittered(bound, least=self._least, random=self._random)

    def reset(self) -> None:
        """The next failure is a first one again."""
        self.failures = 0
