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


class Comeback:
    """How long to stay away from a broker that was lost or not to be had; all in seconds.

    A broker that was away and came back went for reasons of its own, so the next time begins anew. One that is there
    all the time and hangs up again and again is given more time each time: two publishers with one key must not throw
    each other out at full speed.
    """

    def __init__(self, backoff: Backoff, *, stable: float) -> None:
        self._backoff = backoff
        self._stable = stable
        self._was_away = False

    def unreachable(self) -> float:
        """There was no answer."""
        self._was_away = True
        return self._backoff.delay()

    def online(self) -> None:
        """It is there, and has let us in."""
        if self._was_away:
            self._was_away = False
            self._backoff.reset()

    def lost(self, lasted: float) -> float:
        """The connection ended after so long."""
        if lasted >= self._stable:
            self._backoff.reset()
        return self._backoff.delay()
