"""Reads one source on time, whatever it does: hangs, raises, answers late. Nothing is averaged or sent here."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from publisher.sources.reading import Reading, SourceError, checked
from publisher.sources.source import Source
from publisher.summary import Gathered, Read
from rigwatch.clock import Clock
from rigwatch.first import first_of
from rigwatch.thread import ThreadEndedError, in_thread

log = logging.getLogger(__name__)

_SPREAD_MOST: Final = 10.0
"""Seconds over which first reads are spread: a node is not known before its first read."""


class SourceReader:
    """Keeps what one source gives until it is taken; a read that hangs never has a second one beside it."""

    def __init__(
        self,
        label: str,
        source: Source,
        *,
        interval: timedelta,
        clock: Clock,
        phase: float = 0.0,
        on_read: Callable[[str, Read], None] = lambda _label, _read: None,
    ) -> None:
        self.label = label
        self._source = source
        self._clock = clock
        self._on_read = on_read
        # Once an interval at least, and known to have failed before the interval ends.
        self._every = min(source.every, interval).total_seconds()
        self._timeout = min(source.timeout, interval * 0.9).total_seconds()
        # A read is due within the first, and known to have failed within the second.
        self._fresh = 2 * self._every + self._timeout
        self._lead = phase * min(self._every, _SPREAD_MOST)
        self._reads: list[Read] = []
        self._last: tuple[Read, ...] = ()
        self._last_at = 0.0
        self._hanging_since: float | None = None
        self._answered = asyncio.Event()
        self._defect_logged = False

    async def run(self) -> None:
        """Reads until it is cancelled."""
        due = self._clock.monotonic() + self._lead
        await self._clock.sleep(self._lead)
        while True:
            # Not in one line with the append: what has been taken while it was read would get it, and nobody else.
            read = await self._read()
            self._reads.append(read)
            self._on_read(self.label, read)
            self._last = (*self._last[-1:], read)
            self._last_at = self._clock.monotonic()
            self._answered.set()
            # A machine that was asleep does not catch up on the reads it missed.
            due = max(due + self._every, self._clock.monotonic())
            await self._clock.sleep(due - self._clock.monotonic())

    async def answered(self) -> None:
        """Returns once the source has been read, or has failed to be, for the first time."""
        await self._answered.wait()

    def take(self) -> Gathered:
        """What was read since the last call; where that is nothing, the last readings once more while they are fresh.

        Of a source that is read once an interval, one read in this interval and the next in the one after the next are
        as good as one in each.
        """
        taken, self._reads = tuple(self._reads), []
        if taken:
            return Gathered(self.label, taken)
        age = self._clock.monotonic() - self._last_at
        return Gathered(self.label, self._last if age <= self._fresh else (Read(error=f"not read for {age:.0f} s"),))

    async def _read(self) -> Read:
        began = self._clock.monotonic()
        if self._hanging_since is not None:
            return Read(error=f"no answer for {began - self._hanging_since:.0f} s to a read that still waits")
        if not self._source.blocking:
            return self._attempt()
        read = await self._in_thread(began)
        return read or Read(error=f"no answer within {self._timeout:g} s", took=self._timeout)

    def _attempt(self) -> Read:
        began = self._clock.monotonic()
        try:
            reading: Reading | None = checked(self._source.read())
            error = ""
        except SourceError as exc:
            reading, error = None, str(exc) or "failed"
        except Exception as exc:  # noqa: BLE001 - the boundary of a source: its defect is its failure, the rest goes on
            self._log_defect(exc)
            reading, error = None, f"defect: {type(exc).__name__}: {exc}"
        return Read(reading, error, self._clock.monotonic() - began)

    async def _in_thread(self, began: float) -> Read | None:
        """The read, or None when it does not come in time; what it gives after that is thrown away."""
        self._hanging_since = began
        reading = in_thread(self._attempt, name=f"source-{self.label}")
        reading.add_done_callback(self._ended)
        try:
            await first_of(reading, self._clock.sleep(self._timeout))
            return reading.result() if reading.done() else None
        except ThreadEndedError as exc:
            # A library that would end the process, or panicked in Rust, has ended this read.
            self._log_defect(exc)
            return Read(error=f"defect: {exc}", took=self._clock.monotonic() - began)

    def _ended(self, _reading: asyncio.Future[Read]) -> None:
        self._hanging_since = None

    def _log_defect(self, exc: Exception) -> None:
        if not self._defect_logged:
            self._defect_logged = True
            log.warning("source has a defect source=%s", self.label, exc_info=exc)
