"""One run of a machine from power-on to power-off: its name, and how long it has lasted. No wall clock is asked."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from rigwatch.clock import Clock, SystemClock

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_ID_LENGTH: Final = 16
_PROCESS: Final = uuid4().hex[:8]


@dataclass(frozen=True, slots=True)
class Boot:
    """`elapsed` gives seconds since a moment that is the same for all who know the boot by this `id`."""

    id: str
    elapsed: Callable[[], float]

    @classmethod
    def of_process(cls, clock: Clock) -> Self:
        """As long as this process and its clock live: what is known where a machine does not tell its boots apart."""
        return cls(f"{_PROCESS}{id(clock):x}", clock.monotonic)

    @classmethod
    def of_machine(cls, clock: Clock) -> Self:
        """That of the machine where it tells, so that a publisher which was started again knows its samples' times."""
        if sys.platform != "linux" or not isinstance(clock, SystemClock):
            return cls.of_process(clock)
        try:
            # Unlike the monotonic clock it goes on while the machine sleeps.
            time.clock_gettime(time.CLOCK_BOOTTIME)
            boot = _BOOT_ID.read_text("ascii").replace("-", "").strip()[:_ID_LENGTH]
        except (OSError, ValueError):
            boot = ""
        return cls(boot, lambda: time.clock_gettime(time.CLOCK_BOOTTIME)) if boot else cls.of_process(clock)
