"""When samples were taken, found out afterwards: a rig without a battery for its clock boots in 1970. Pure.

A sample keeps the boot in which it was taken and how long that had lasted. While the boot lasts, a clock that is set
puts all its samples right. Of an earlier boot whose clock was never set only bounds are known: it was before this boot
began, and after whatever was measured before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct, structs

from rigwatch.clock import Millis

NEVER_SET: Final[Millis] = 1_735_689_600_000
"""2025-01-01: a clock before it was never set."""
TOLERANCE: Final[Millis] = 2_000
"""What clocks and their corrections drift apart without having been set."""
WAIT: Final[Millis] = 3_600_000
"""How long after a boot the clock may take to be set, before samples of earlier boots are sent without."""


class SampleMoment(Struct, frozen=True, gc=False):
    """Of a stored sample, what tells when it was taken: `since` is how long its boot had lasted, in ms."""

    n: int
    at: Millis
    boot: str = ""
    since: int = 0


@dataclass(frozen=True, slots=True)
class Present:
    """The present: the wall clock, the boot and how long it has lasted, and from which age on a sample is history."""

    now: Millis
    boot: str
    elapsed: Millis
    history: Millis

    @property
    def began(self) -> Millis:
        """When the boot began, by the clock as it is now."""
        return self.now - self.elapsed

    @property
    def is_set(self) -> bool:
        return self.now >= NEVER_SET

    def knows(self, moment: SampleMoment) -> bool:
        """Whether it was taken in this boot. A machine that was put back to an earlier state has another past."""
        return moment.boot == self.boot and moment.since <= self.elapsed

    def believes(self, moment: SampleMoment) -> bool:
        """Whether a moment of an earlier boot can be right."""
        return NEVER_SET <= moment.at <= self.now + TOLERANCE

    def waits_for(self, moment: SampleMoment) -> bool:
        """Whether to keep the sample until the clock is set: sent before, it would be misdated for good."""
        return not self.is_set and self.elapsed < WAIT and not self.knows(moment)


def put_right(moments: Iterable[SampleMoment], here: Present) -> dict[int, SampleMoment]:
    """The samples whose moment was another than they say, by n; those of earlier boots only once the clock is set."""
    corrected: dict[int, SampleMoment] = {}
    later: SampleMoment | None = None
    ceiling = here.began
    for moment in sorted(moments, key=lambda each: each.n, reverse=True):
        at = _placed(moment, later, ceiling, here)
        if at != moment.at:
            corrected[moment.n] = structs.replace(moment, at=at)
        # What was taken earlier was taken before.
        ceiling, later = min(ceiling, at), moment
    return corrected


def _placed(moment: SampleMoment, later: SampleMoment | None, ceiling: Millis, here: Present) -> Millis:
    if here.knows(moment):
        at = here.began + moment.since
        return max(at, 0) if abs(at - moment.at) > TOLERANCE else moment.at
    if here.believes(moment) or not here.is_set:
        return moment.at
    distance = 1
    if later is not None and not here.knows(later):
        together = bool(moment.boot) and later.boot == moment.boot
        # Without a boot, as older versions kept them, the clock itself tells how far they lie apart.
        distance = max(1, later.since - moment.since if together else later.at - moment.at)
    newest = min(ceiling - distance, here.now - here.history)
    # Numbers never go back: one that looks like a time was given at that time or after it.
    oldest = moment.n if NEVER_SET <= moment.n <= newest else 0
    return max(newest, oldest, 0)
