"""A database that hangs: it raises no error, and people are told all the same."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from alerts.blackout import Blackout
from alerts.policy import Policy
from alerts.route import Route
from rigwatch.settings.alerts import AlertSettings
from store import Store
from store.outbox import StoredNotification
from subscriber.emergency import STALLED_S, Emergency
from subscriber.notify.channel import Channel
from subscriber.notify.delivery_log import StoredDeliveryLog
from subscriber.notify.notifier import Notifier
from subscriber.outage import Outage
from subscriber.worker import StoreWorker
from tests.alerting import Driver
from tests.waiting import eventually_async


class Phone:
    """Takes everything."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    def send(self, posted: StoredNotification, *, timeout: float) -> None:  # noqa: ARG002 - the protocol's
        self.titles.append(posted.title)


def _has_read(phone: Phone, count: int) -> bool:
    return len(phone.titles) == count


@asynccontextmanager
async def carrying(notifier: Notifier) -> AsyncIterator[None]:
    task = asyncio.create_task(notifier.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_database_that_hangs_is_told_without_it_and_so_is_its_end(local: Store) -> None:
    driver, phone, hangs = Driver(local), Phone(), threading.Event()
    driver.tick()
    clock, outage, worker = driver.clock, Outage(driver.clock), StoreWorker(local, driver.clock.monotonic)
    routes: Sequence[Route] = [Route("web")]
    channel = Channel("web", phone, routes[0], "x", 100, 60.0, 5.0)
    notifier = Notifier([channel], StoredDeliveryLog(worker, driver.alert_driver, clock=clock), clock=clock)
    blackout = Blackout(Policy(AlertSettings()), routes)
    emergency = Emergency(
        outage, blackout, worker=worker, alert_driver=driver.alert_driver, notifier=notifier, clock=clock
    )
    async with carrying(notifier):
        hanging = asyncio.create_task(worker.do(lambda _store: hangs.wait(60)))
        await eventually_async(lambda: worker.is_busy, what="it hangs")
        for seconds, told in ((STALLED_S - 1, 0), (2, 0), (31, 1)):
            clock.move(seconds)
            emergency.step()
            await eventually_async(partial(_has_read, phone, told))
        assert phone.titles[0].startswith("CRITICAL: rigwatch cannot store: it does not answer since ")
        hangs.set()
        await hanging
        await eventually_async(lambda: not worker.is_busy)
        emergency.step()
        await eventually_async(lambda: len(phone.titles) == 2)
    assert phone.titles[1].startswith("OK: rigwatch stores again, after ")
    driver.alert_driver.release(local)
    await worker.do(lambda _store: None)
