"""The clock of the alerts: makes the engine look when something is due, and hands what it says to the notifier."""

import asyncio
import logging
from collections.abc import Sequence

from alerts.ingest import ReceivedMessage
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.first import first_of
from store import Unusable, Verdict
from store.outbox import StoredNotification
from subscriber.alert_driver import AlertDriver
from subscriber.notify.notifier import Notifier
from subscriber.outage import Outage
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often others' changes are looked for; what is due by the clock is not waited for longer than it needs."""

LEAST_S = 0.01


class AlertLoop:
    """`write` is what the pipeline stores through."""

    def __init__(
        self, worker: StoreWorker, alert_driver: AlertDriver, notifier: Notifier, *, outage: Outage, clock: Clock
    ) -> None:
        self._worker = worker
        self._alert_driver = alert_driver
        self._notifier = notifier
        self._outage = outage
        self._clock = clock
        self._sooner = asyncio.Event()
        self._failure = ""
        self._term: int | None = None

    @property
    def drives(self) -> bool:
        """Whether it is this subscriber that speaks for all of them."""
        return self._alert_driver.drives

    async def write(self, batch: Sequence[ReceivedMessage]) -> list[Verdict]:
        """A batch and what it means, in one transaction; then what must be said is on its way."""
        verdicts, notifications = await self._worker.do(lambda store: self._alert_driver.write(store, batch))
        self._hand_over(notifications)
        self._sooner.set()
        return verdicts

    async def run(self) -> None:
        """Until it is cancelled. A step that fails is done again: what is due stays due."""
        while True:
            self._sooner.clear()
            try:
                self._hand_over(await self._worker.do(self._alert_driver.tick))
                self._failure = ""
                self._outage.worked("alerts")
            except Unusable as exc:
                self._failure = str(exc)
                self._outage.failed("alerts", exc)
            except RigwatchError as exc:
                if str(exc) != self._failure:
                    log.error("alerts are not decided: %s", exc)
                self._failure = str(exc)
            except Exception as exc:
                # A defect in one step; the next begins from what is stored. Said once, not every second.
                if repr(exc) != self._failure:
                    log.exception("alerts are not decided")
                self._failure = repr(exc)
            await self._pause()

    async def release(self) -> None:
        """Another subscriber may drive the alerts from now on."""
        try:
            await self._worker.do(self._alert_driver.release)
        except RigwatchError as exc:
            # The turn comes to its end by itself.
            log.warning("the alerts are not handed over: %s", exc)

    def _hand_over(self, notifications: Sequence[StoredNotification]) -> None:
        if self._alert_driver.term != self._term:
            self._notifier.let_go()
            self._term = self._alert_driver.term
        self._notifier.hand_over(notifications)

    async def _pause(self) -> None:
        """Until the next tick or, where something is due sooner, until then; a batch may bring the moment forward."""
        end = self._clock.monotonic() + TICK_S
        # Even something that is due again and again leaves the disk and the loop time for others.
        await self._clock.sleep(LEAST_S)
        while (left := min(end - self._clock.monotonic(), self._due_in())) > 0:
            await first_of(self._clock.sleep(left), self._sooner.wait())
            self._sooner.clear()

    def _due_in(self) -> float:
        at = self._alert_driver.check_at
        return TICK_S if at is None or self._failure else (at - self._clock.now()) / 1000
