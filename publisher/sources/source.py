"""What a source is to the rest of the publisher; no source itself lives here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from publisher.sources.reading import Reading
from rigwatch.clock import Clock
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
