"""What becomes of messages, in the store: marked after the attempt, and told in the story of their incidents."""

from collections.abc import Callable, Sequence

from rigwatch.clock import Clock, Millis
from store import marks, outbox, turn
from store.outbox import Posted
from store.work import Work
from subscriber.alerter import Alerter
from subscriber.notify.channel import Channel
from subscriber.worker import Worker


class StoredLedger:
    """The postman's book."""

    def __init__(self, worker: Worker, alerter: Alerter, *, clock: Clock) -> None:
        self._worker = worker
        self._alerter = alerter
        self._clock = clock

    async def is_ours(self) -> bool:
        term = self._alerter.term
        return term is not None and (await self._worker.ask(lambda store: store.look(turn.seen))).term == term

    async def begin(self, posted: Sequence[Posted]) -> None:
        now = self._clock.now()
        await self._change(posted, lambda work, stored: outbox.begin(work, _numbers(stored), now))

    async def sent(self, posted: Sequence[Posted], took: float) -> None:
        now = self._clock.now()

        def change(work: Work, stored: Sequence[Posted]) -> None:
            outbox.sent(work, _numbers(stored), now)
            self._note(work, stored, "sent", f"{stored[0].channel} took it in {took * 1000:.0f} ms")

        await self._change(posted, change)

    async def again(self, posted: Sequence[Posted], at: Millis, why: str) -> None:
        def change(work: Work, stored: Sequence[Posted]) -> None:
            outbox.again(work, stored, at, why)
            # The same failure again is no news; how often is in the message's own row.
            if any(each.error != why for each in stored) and stored[0].attempts <= 1:
                self._note(work, stored, "not sent", f"{stored[0].channel}: {why}; tried again for a day")

        await self._change(posted, change)

    async def failed(self, posted: Sequence[Posted], why: str) -> None:
        def change(work: Work, stored: Sequence[Posted]) -> None:
            outbox.failed(work, _numbers(stored), why)
            self._note(work, stored, "not sent", f"{stored[0].channel}: {why}; given up")

        await self._change(posted, change)

    async def refuse(self, channel: Channel, why: str) -> None:
        now = self._clock.now()

        def change(work: Work) -> None:
            if self._holds(work):
                outbox.refuse(work, channel.key, channel.address, why=why, now=now)
                marks.told(work)

        await self._worker.do(lambda store: store.change(change))

    def _note(self, work: Work, posted: Sequence[Posted], what: str, why: str) -> None:
        self._alerter.note(work, posted, what, why)

    def _holds(self, work: Work) -> bool:
        """Where another speaks now, what becomes of the messages is written down by that one alone."""
        return self._alerter.term is not None and turn.term(work) == self._alerter.term

    async def _change(self, posted: Sequence[Posted], change: Callable[[Work, Sequence[Posted]], None]) -> None:
        """Of those that are stored; what was never in the database has no row to mark."""
        stored = [each for each in posted if each.id > 0]

        def told(work: Work) -> None:
            if self._holds(work):
                change(work, stored)
                marks.told(work)

        if stored:
            await self._worker.do(lambda store: store.change(told))


def _numbers(posted: Sequence[Posted]) -> list[int]:
    return [each.id for each in posted]
