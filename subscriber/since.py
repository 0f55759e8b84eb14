"""Since when something holds, by a wall clock that may be set meanwhile. No connection and no database."""

import logging
from typing import Final

from rigwatch.clock import Clock, Millis, lead_of

log = logging.getLogger(__name__)

JUMP: Final[Millis] = 5_000
"""A clock that moves by more than this against the monotonic one between two looks was set, or its machine slept."""


class Since:
    """`at` is the beginning, None while there is none. When the clock is set, that moment becomes the beginning.

    Whatever is judged by its age is so given its time again: a clock put forward by an hour must not make every node
    silent for an hour, and one put back must not leave a beginning in the future.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: Millis | None = None
        self._offset: Millis = 0

    def begin(self, at: Millis | None = None) -> None:
        """Now, or a moment ago."""
        self._at, self._offset = self._clock.now() if at is None else at, lead_of(self._clock)

    def end(self) -> None:
        self._at = None

    @property
    def at(self) -> Millis | None:
        if self._at is None:
            return None
        offset = lead_of(self._clock)
        jump, self._offset = offset - self._offset, offset
        if abs(jump) > JUMP:
            log.warning("the clock was set, every node is given its time again forward=%ss", jump // 1000)
            self._at = self._clock.now()
        return self._at
