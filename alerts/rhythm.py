"""How long one may have to wait for the next of things that come by chance, such as shares. Pure.

Waits of things that come by chance are exponential, but nobody knows their rate; all there is are `count` of them
within `time`. Then time / (time + next wait) is, whatever the rate, distributed as the largest of `count` random
numbers between 0 and 1 (a predictive Lomax distribution; J. F. Lawless, Technometrics 13, 1971, 725 to 730). So the
next wait is longer than time * (exp(a / count) - 1) exactly once in exp(a) times. With many known that is `a` times
the usual wait; with one known it is for ever, as it should be.
"""

from math import expm1

from msgspec import Struct

from rigwatch.clock import Millis

KNOWN_MOST = 100
"""So many say enough; what is older fades, so that a new rate is learned."""
BEYOND_BELIEF = 10.0
"""Waits that come once in exp(this) times (22,026) belong to an outage, or to another rate."""
_LONGEST: Millis = 100 * 365 * 86_400_000
_STEEPEST = 50.0


class Rhythm(Struct, frozen=True, omit_defaults=True):
    """What is known of it; `time` in ms."""

    count: float = 0.0
    time: float = 0.0

    @property
    def baseline(self) -> float:
        """The mean wait (ms); of something that was never seen, for ever."""
        return self.time / self.count if self.count else _LONGEST

    def timeout(self, exponent: float) -> Millis:
        """The wait that is exceeded once in exp(exponent) times."""
        if not self.count:
            return _LONGEST
        return min(max(round(self.time * expm1(min(exponent / self.count, _STEEPEST))), 1), _LONGEST)

    def after(self, waited: Millis, gained: int) -> "Rhythm":
        """With so many more that came within this time. After a wait beyond belief, all is learned anew."""
        if gained and waited / gained > self.timeout(BEYOND_BELIEF):
            return Rhythm()
        return self._with(waited, gained)

    def broken_off(self, waited: Millis) -> "Rhythm":
        """With a wait of which nobody will know the end."""
        return Rhythm() if waited > self.timeout(BEYOND_BELIEF) else self._with(waited, 0)

    def _with(self, waited: Millis, gained: int) -> "Rhythm":
        count, time = self.count + gained, self.time + max(waited, 0)
        kept = min(KNOWN_MOST / count, 1.0) if count else 1.0
        return Rhythm(count * kept, time * kept)
