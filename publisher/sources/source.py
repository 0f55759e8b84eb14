"""What a source is to the rest of the publisher, and what most have in common; no source itself lives here."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Protocol, TypeAlias

from msgspec import Struct

from publisher.sources.reading import Reading
from rigwatch.clock import Clock
from rigwatch.settings.loader import between
from rigwatch.topics import NodeId


class Source(Protocol):
    """Something that can be read again and again; the sampler owns threads, time limits and errors."""

    @property
    def every(self) -> timedelta:
        """How often to read it; the sampler reads it at least once an interval."""
        ...

    @property
    def timeout(self) -> timedelta:
        """When a read counts as failed; a blocking source also ends its own waits by about then."""
        ...

    @property
    def blocking(self) -> bool:
        """True: `read` waits for a disk or a network and gets a thread. False: it answers at once (µs)."""
        ...

    # A source may have an attribute `is_device`: True where it reads a machine of its own in the network, which
    # its node stands for (`publisher.presence`).

    def read(self) -> Reading:
        """One reading. Raises SourceError when the figures cannot be had; never called twice at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Where a source stands: the node it reads for, and the clock that it may ask."""

    node: NodeId
    clock: Clock


Stale: TypeAlias = Annotated[timedelta, between(timedelta(seconds=1), timedelta(days=1))]
"""How old what is read may be."""


class SourceSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    every: Annotated[timedelta, between(timedelta(seconds=0.5), timedelta(hours=1))] = timedelta(seconds=10)
    timeout: Annotated[timedelta, between(timedelta(seconds=0.1), timedelta(minutes=1))] = timedelta(seconds=5)


class BlockingSource:
    """Waits for a disk, a driver or a network."""

    blocking = True

    def __init__(self, settings: SourceSettings, context: Context) -> None:
        self.every = settings.every
        self.timeout = settings.timeout
        self.clock = context.clock

    @property
    def timeout_s(self) -> float:
        return self.timeout.total_seconds()

    def deadline(self) -> float:
        """By when a read that begins now should be over; for those that ask more than once."""
        return time.monotonic() + self.timeout_s
