"""A source of another machine that is found again by its MAC when it has got another address."""

from collections.abc import Callable

from publisher.sources.asic_network import Finder
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Source


class FollowedSource:
    """Reads with the source that `make` gives for an address, and with another one once the machine has moved."""

    is_device = True

    def __init__(self, make: Callable[[str], Source], finder: Finder) -> None:
        self._make = make
        self._finder = finder
        self._address = finder.address
        self._source = make(finder.address)
        self._has_failed = False
        self.every = self._source.every
        self.timeout = self._source.timeout
        self.blocking = self._source.blocking

    def read(self) -> Reading:
        # A look takes its part of the time of this read, so that its error can say what came of it.
        elsewhere = self._finder.look_elsewhere() if self._has_failed else ""
        if self._address != self._finder.address:
            self._address = self._finder.address
            self._source = self._make(self._address)
        self._has_failed = True
        try:
            reading = self._source.read()
        except SourceError as exc:
            raise SourceError(f"{exc}{elsewhere}") from None
        self._has_failed = False
        return reading
