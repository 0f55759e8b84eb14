"""Notices when the wall clock was set, or stood still while the machine slept."""

from rigwatch.clock import Clock, Millis, lead_of

LEAST: Millis = 5_000
"""Clocks that are put right bit by bit never jump so far at once."""


class Jumps:
    """Compares the wall clock with the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = lead_of(self._clock)

    def taken(self) -> Millis:
        """By how much the wall clock jumped since the last call (negative: back); 0 for what is no jump."""
        before, self._ahead = self._ahead, lead_of(self._clock)
        jumped = self._ahead - before
        return jumped if abs(jumped) >= LEAST else 0
