"""Knows of one outbox's samples when they were taken, and notices that the clock was set; changes no sample itself."""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from publisher.boot import Boot
from publisher.moments import TOLERANCE, Present, SampleMoment, put_right
from rigwatch.clock import Clock, Millis, in_millis


class Timekeeper:
    """`interval` is that of the node: the subscriber takes for the present what is younger than two of them."""

    def __init__(self, clock: Clock, boot: Boot, interval: timedelta) -> None:
        self._clock, self._boot = clock, boot
        self._history = in_millis(2 * interval) + TOLERANCE
        self._moments: dict[int, SampleMoment] = {}
        self._began: Millis | None = None
        self._waiting = False

    def here(self) -> Present:
        return Present(self._clock.now(), self._boot.id, round(self._boot.elapsed() * 1000), self._history)

    def unknown(self, numbers: Iterable[int]) -> list[int]:
        return [n for n in numbers if n not in self._moments]

    def learn(self, moments: Iterable[SampleMoment]) -> None:
        """Of samples that were found on the disk; they are looked at anew."""
        self._moments |= {each.n: each for each in moments}
        self._began = None

    def note(self, moment: SampleMoment) -> None:
        """Of one that was just taken, or put right."""
        self._moments[moment.n] = moment

    def forget(self, numbers: Iterable[int]) -> None:
        for n in numbers:
            self._moments.pop(n, None)

    def keep_only(self, numbers: Collection[int]) -> None:
        self._moments = {n: moment for n, moment in self._moments.items() if n in numbers}

    def is_off(self) -> bool:
        """Whether `corrections` may have something: the clock was set, or samples were found on the disk."""
        return self._began is None or abs(self.here().began - self._began) > TOLERANCE

    def corrections(self) -> dict[int, SampleMoment]:
        """What was taken at another moment than it says, once after each time that the clock was set."""
        if not self.is_off():
            return {}
        here = self.here()
        self._began = here.began
        return put_right(self._moments.values(), here)

    def ready(self, numbers: Sequence[int]) -> list[int]:
        """Those that need not wait for the clock to be set."""
        here = self.here()
        ready = [n for n in numbers if n not in self._moments or not here.waits_for(self._moments[n])]
        self._waiting |= len(ready) < len(numbers)
        return ready

    def is_set_free(self) -> bool:
        """Whether what had to wait need not any more; said once."""
        here = self.here()
        if self._waiting and not any(map(here.waits_for, self._moments.values())):
            self._waiting = False
            return True
        return False
