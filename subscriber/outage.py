"""Whether the database takes what it is given: since when not, and why. One line in the log when that changes."""

import logging

from rigwatch.clock import Clock, Millis
from rigwatch.errors import StoreError
from store import DatabaseFault, fault_of
from subscriber.since import Since

log = logging.getLogger(__name__)


class Outage:
    """Told by everybody who stores something. It lasts until all that failed has worked again: on a full disk a small
    change may still find room while reports do not."""

    def __init__(self, clock: Clock) -> None:
        self._since = Since(clock)
        self._failing: set[str] = set()
        self.fault = DatabaseFault.OTHER
        self.text = ""

    @property
    def since(self) -> Millis | None:
        """When it began; None: everything can be stored."""
        return self._since.at

    def failed(self, what: str, exc: StoreError) -> None:
        """`what` is the work that failed, which is tried again by whoever does it."""
        if not self._failing:
            self._since.begin()
            self.fault, self.text = fault_of(exc), str(exc)
            log.error("cannot store, what comes is kept where it comes from and tried again: %s", exc)
        self._failing.add(what)

    def worked(self, what: str) -> None:
        if not self._failing:
            return
        self._failing.discard(what)
        if not self._failing:
            self._since.end()
            log.warning("stores again")
