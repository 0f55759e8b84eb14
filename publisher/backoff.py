"""How long to wait before the next attempt; waiting itself happens elsewhere."""

from random import Random
from typing import Final

_STEPS_MAX: Final = 32


class Backoff:
    """Exponential with full jitter: a thousand rigs that lost their server in the same second come back spread out."""

    def __init__(self, *, first: float, most: float, least: float = 0.0, random: Random) -> None:
        self._first, self._most, self._least = first, most, least
        self._random = random
        self._steps = 0

    @property
    def attempts(self) -> int:
        """Delays asked for since the last reset."""
        return self._steps

    def delay(self) -> float:
        """Seconds: evenly drawn between `least` and a bound that doubles with each call from `first` to `most`."""
        bound = min(self._most, self._first * 2 ** min(self._steps, _STEPS_MAX))
        self._steps += 1
        return self._random.uniform(min(self._least, bound), bound)

    def reset(self) -> None:
        """The next delay is a first one again."""
        self._steps = 0
