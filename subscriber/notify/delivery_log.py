"""What becomes of messages, in the store: marked after the attempt, and told in the story of their incidents."""

from collections.abc import Callable, Sequence

from rigwatch.clock import Clock, Millis
from store import leader_lease, marks, outbox
from store.outbox import StoredNotification
from store.transaction import Transaction
from subscriber.alert_driver import AlertDriver
from subscriber.notify.channel import Channel
from subscriber.worker import StoreWorker


class StoredDeliveryLog:
    """The delivery log in the database."""

    def __init__(self, worker: StoreWorker, alert_driver: AlertDriver, *, clock: Clock) -> None:
        self._worker = worker
        self._alert_driver = alert_driver
        self._clock = clock

    async def is_ours(self) -> bool:
        term = self._alert_driver.term
        return term is not None and (await self._worker.read(leader_lease.seen)).term == term

    async def begin(self, notifications: Sequence[StoredNotification]) -> None:
        now = self._clock.now()
        await self._change(notifications, lambda tx, stored: outbox.begin(tx, _numbers(stored), now))

    async def sent(self, notifications: Sequence[StoredNotification], took: float) -> None:
        now = self._clock.now()

        def change(tx: Transaction, stored: Sequence[StoredNotification]) -> None:
            outbox.sent(tx, _numbers(stored), now)
            self._note(tx, stored, "sent", f"{stored[0].channel} took it in {took * 1000:.0f} ms")

        await self._change(notifications, change)

    async def again(self, notifications: Sequence[StoredNotification], at: Millis, why: str) -> None:
        def change(tx: Transaction, stored: Sequence[StoredNotification]) -> None:
            outbox.again(tx, stored, at, why)
            # The same failure again is no news; how often is in the message's own row.
            if any(each.error != why for each in stored) and stored[0].attempts <= 1:
                self._note(tx, stored, "not sent", f"{stored[0].channel}: {why}; tried again for a day")

        await self._change(notifications, change)

    async def failed(self, notifications: Sequence[StoredNotification], why: str) -> None:
        def change(tx: Transaction, stored: Sequence[StoredNotification]) -> None:
            outbox.failed(tx, _numbers(stored), why)
            self._note(tx, stored, "not sent", f"{stored[0].channel}: {why}; given up")

        await self._change(notifications, change)

    async def refuse(self, channel: Channel, why: str) -> None:
        now = self._clock.now()

        def change(tx: Transaction) -> None:
            if self._holds(tx):
                outbox.refuse(tx, channel.key, channel.address, why=why, now=now)
                marks.told(tx)

        await self._worker.write(change)

    def _note(self, tx: Transaction, notifications: Sequence[StoredNotification], what: str, why: str) -> None:
        self._alert_driver.note(tx, notifications, what, why)

    def _holds(self, tx: Transaction) -> bool:
        """Where another speaks now, what becomes of the messages is written down by that one alone."""
        return self._alert_driver.term is not None and leader_lease.term(tx) == self._alert_driver.term

    async def _change(
        self,
        notifications: Sequence[StoredNotification],
        change: Callable[[Transaction, Sequence[StoredNotification]], None],
    ) -> None:
        """Of those that are stored; what was never in the database has no row to mark."""
        stored = [each for each in notifications if each.id > 0]

        def told(tx: Transaction) -> None:
            if self._holds(tx):
                change(tx, stored)
                marks.told(tx)

        if stored:
            await self._worker.write(told)


def _numbers(notifications: Sequence[StoredNotification]) -> list[int]:
    return [each.id for each in notifications]
