"""Turns the sources of one node into one summary an interval; keeping and sending it is not its business."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from publisher.reader import SourceReader
from publisher.roll import Roll
from publisher.sources.source import Source
from publisher.summary import Read, UnnumberedSample, summarise
from rigwatch.clock import Clock
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)


class Sampler:
    """Reads the sources side by side, each on its own time; none can delay another, or the interval."""

    def __init__(
        self,
        node: NodeId,
        sources: Sequence[tuple[str, Source]],
        *,
        interval: timedelta,
        clock: Clock,
        phase: float = 0.0,
        on_read: Callable[[str, Read], None] = lambda _label, _read: None,
    ) -> None:
        self._node = node
        self._clock = clock
        self._interval = interval.total_seconds()
        self._readers = [
            SourceReader(label, source, interval=interval, clock=clock, phase=phase, on_read=on_read)
            for label, source in sources
        ]
        self._failing: dict[str, str] = {}
        self._roll = Roll()

    async def run(self, keep: Callable[[UnnumberedSample], Awaitable[None]]) -> None:
        """Hands `keep` the first summary as soon as every source has answered, then one an interval; never returns."""
        async with asyncio.TaskGroup() as group:
            for reader in self._readers:
                group.create_task(reader.run(), name=f"read {self._node} {reader.label}")
            for reader in self._readers:
                await reader.answered()
            due = self._clock.monotonic()
            while True:
                await keep(self._summary())
                due = max(due + self._interval, self._clock.monotonic())
                await self._clock.sleep(due - self._clock.monotonic())

    def _summary(self) -> UnnumberedSample:
        gathered = [reader.take() for reader in self._readers]
        summary = summarise(gathered, self._roll.unseen(gathered), failing=self._failing)
        self._log_changes(summary)
        return summary

    def _log_changes(self, summary: UnnumberedSample) -> None:
        for source, error in summary.errors.items():
            if source not in self._failing:
                log.warning("source fails node=%s source=%s error=%s", self._node, source, error)
        for source in self._failing.keys() - summary.errors.keys():
            log.info("source works again node=%s source=%s", self._node, source)
        self._failing = dict(summary.errors)
