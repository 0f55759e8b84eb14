"""Tells people that nothing can be stored, without the database: from memory, through the channels that are known."""

import itertools
import logging
from collections.abc import Sequence
from typing import Final

from alerts.blackout import Blackout, DatabaseTrouble
from alerts.notification import Notification
from rigwatch.clock import Clock
from store import DatabaseFault, Unusable
from store.outbox import StoredNotification
from subscriber.alert_driver import AlertDriver
from subscriber.notify.notifier import Notifier
from subscriber.outage import Outage
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
STALLED_S: Final = 20.0
"""How long one piece of work may take; a disk or a server that hangs raises no error."""

# Below every stored message's number: there is no row that could be marked, and earlier ones come first.
_NUMBERS_FROM: Final = -(2**40)


class Emergency:
    """Only whoever drives the alerts speaks, or would if the database could say so."""

    def __init__(
        self,
        outage: Outage,
        blackout: Blackout,
        *,
        worker: StoreWorker,
        alert_driver: AlertDriver,
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        self._outage = outage
        self._blackout = blackout
        self._worker = worker
        self._alert_driver = alert_driver
        self._notifier = notifier
        self._clock = clock
        self._numbers = itertools.count(_NUMBERS_FROM)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                self.step()
            except Exception:
                # A defect of ours; what is known stays, and is looked at again.
                log.exception("nobody is told for a while whether anything can be stored")
            await self._clock.sleep(LOOK_S)

    def step(self) -> None:
        """One look; never blocks."""
        busy_for = self._worker.busy_for
        if busy_for > STALLED_S:
            stalled = f"the database has not answered for {busy_for:.0f} s"
            self._outage.failed("answer", Unusable(stalled, DatabaseFault.STALLED))
        else:
            self._outage.worked("answer")
        since = self._outage.since if self._alert_driver.speaks else None
        trouble = None if since is None else DatabaseTrouble(since, self._outage.fault.value, self._outage.text)
        self._hand_over(self._blackout.step(trouble, self._alert_driver.known, self._clock.now()))
        for past in self._blackout.take_over():
            self._alert_driver.record(past)

    def _hand_over(self, notifications: Sequence[Notification]) -> None:
        self._notifier.hand_over(self._posted(each) for each in notifications)

    def _posted(self, notification: Notification) -> StoredNotification:
        number, kind, severity = next(self._numbers), notification.kind.value, notification.severity.value
        return StoredNotification(
            number,
            notification.channel,
            kind,
            severity,
            notification.title,
            notification.body,
            (),
            self._clock.now(),
            1,
        )
