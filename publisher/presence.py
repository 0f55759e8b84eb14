"""Whether the machine that a node stands for is there: an ASIC in the network is no process that could die with a will.

Its publisher reads it from elsewhere, and speaks of its death in its place: while it does not answer, its node is not
connected. Decided by each read; nothing is sent here.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from publisher.sources.source import Source
from publisher.summary import Read

GONE_AFTER: Final = 2
"""Failed reads in a row. One alone may be a miner that was busy."""


class DevicePresence:
    """Of the sources that stand for their node; it is there while any of them answers."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._failed = dict.fromkeys(labels, GONE_AFTER)
        self.is_here = False
        self.why = ""
        self.changed = asyncio.Event()
        """Set at each change; whoever waits for one clears it first."""
        self.on_change: list[Callable[[], object]] = []

    def note(self, label: str, read: Read) -> None:
        """What one read gave; of other sources nothing is to be known."""
        if label not in self._failed:
            return
        self._failed[label] = self._failed[label] + 1 if read.error else 0
        if read.error:
            self.why = read.error
        is_here = any(failed < GONE_AFTER for failed in self._failed.values())
        if is_here is not self.is_here:
            self.is_here = is_here
            self.changed.set()
            for tell in self.on_change:
                tell()


def presence_of(sources: Sequence[tuple[str, Source]]) -> DevicePresence | None:
    """None where the node is this machine's own, or a program on it."""
    labels = [label for label, source in sources if getattr(source, "is_device", False) is True]
    return DevicePresence(labels) if labels else None
