"""Carries stored messages to their channels: one at a time a channel, tried for a day, marked after each attempt."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from rigwatch.clock import Clock, Millis
from rigwatch.errors import RigwatchError
from subscriber.alerts.letter import Text, digest
from subscriber.alerts.words import duration
from subscriber.notify.channel import Channel, NotSent
from subscriber.notify.thread import in_thread
from subscriber.store.outbox import Posted

log = logging.getLogger(__name__)

TRIED_FOR: Millis = 24 * 3_600_000
_FIRST_S = 2.0
_MOST_S = 600.0
# What hangs may still arrive, and what takes its time to fail is worth a little more than its own limit.
_SLACK_S = 2.0
COPY = "(may be a second copy)"


class Ledger(Protocol):
    """Where it is written down what became of messages: `subscriber.notify.ledger.StoredLedger`."""

    async def begin(self, posted: Sequence[Posted]) -> None: ...
    async def sent(self, posted: Sequence[Posted], took: float) -> None: ...
    async def again(self, posted: Sequence[Posted], at: Millis, why: str) -> None: ...
    async def failed(self, posted: Sequence[Posted], why: str) -> None: ...
    async def refuse(self, channel: Channel, why: str) -> None: ...


class Postman:
    """Messages handed over are in the store already; nothing here can lose one."""

    def __init__(self, channels: Iterable[Channel], ledger: Ledger, *, clock: Clock) -> None:
        self._rounds: Mapping[str, _Round] = {each.key: _Round(each, ledger, clock) for each in channels}
        self._ledger = ledger
        self._clock = clock
        self._gone: list[Posted] = []

    def hand_over(self, posted: Iterable[Posted]) -> None:
        """Called on the loop; never blocks."""
        for each in posted:
            if each.channel in self._rounds:
                self._rounds[each.channel].add(each)
            else:
                self._gone.append(each)

    async def run(self) -> None:
        """Carries until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for key, each in self._rounds.items():
                tasks.create_task(each.run(), name=f"channel {key}")
            tasks.create_task(self._give_back(), name="channels that are gone")

    async def _give_back(self) -> None:
        """Messages of a channel that is no longer in the settings."""
        while True:
            if self._gone:
                gone, self._gone = self._gone, []
                await self._return(gone)
            await self._clock.sleep(1)

    async def _return(self, gone: Sequence[Posted]) -> None:
        await _keep_trying(lambda: self._ledger.failed(gone, "the channel is no longer in the settings"))


class _Round:
    """One channel's messages, in order. What hangs or fails here delays nobody else's."""

    def __init__(self, channel: Channel, ledger: Ledger, clock: Clock) -> None:
        self._channel = channel
        self._ledger = ledger
        self._clock = clock
        self._queue: deque[Posted] = deque()
        self._filled = asyncio.Event()
        self._sent_at: deque[float] = deque()
        self._in_hand: set[int] = set()
        self._failure = ""

    def add(self, posted: Posted) -> None:
        # Whoever begins anew after a failure hands over all that is not marked as sent, also what is under way here.
        if posted.id in self._in_hand:
            return
        self._in_hand.add(posted.id)
        self._queue.append(posted)
        self._filled.set()

    async def run(self) -> None:
        while True:
            await self._filled.wait()
            await self._wait_for_a_slot()
            batch = self._take()
            await self._carry(batch)
            self._in_hand.difference_update(each.id for each in batch)

    async def _wait_for_a_slot(self) -> None:
        now = self._clock.monotonic()
        while self._sent_at and self._sent_at[0] <= now - self._channel.per:
            self._sent_at.popleft()
        if len(self._sent_at) >= self._channel.rate:
            await self._clock.sleep(self._sent_at[0] + self._channel.per - now)

    def _take(self) -> list[Posted]:
        """One message; or all that wait, where the channel's rate would not let each go by itself."""
        left = self._channel.rate - len(self._sent_at)
        count = len(self._queue) if len(self._queue) > max(left, 1) else 1
        batch = [self._queue.popleft() for _ in range(count)]
        if not self._queue:
            self._filled.clear()
        return batch

    async def _carry(self, batch: list[Posted]) -> None:
        attempts = 0
        while True:
            try:
                await self._attempt(batch)
            except NotSent as exc:
                attempts += 1
                if not await self._try_later(batch, exc, attempts):
                    return
                batch = [
                    replace(each, attempts=each.attempts + 1, maybe_sent=each.maybe_sent or exc.maybe) for each in batch
                ]
            else:
                return

    async def _attempt(self, batch: list[Posted]) -> None:
        message, limit = _as_one(batch), self._channel.timeout
        began = self._clock.monotonic()
        self._sent_at.append(began)
        try:
            await in_thread(
                lambda: self._channel.sender.send(message, timeout=limit),
                timeout=limit + _SLACK_S,
                name=f"send {self._channel.key}",
            )
        except TimeoutError:
            raise NotSent(f"timed out after {limit:g} s", maybe=True) from None
        took = self._clock.monotonic() - began
        await _keep_trying(lambda: self._ledger.sent(batch, took))
        if self._failure:
            log.warning("channel works again channel=%s", self._channel.key)
            self._failure = ""

    async def _try_later(self, batch: list[Posted], exc: NotSent, attempts: int) -> bool:
        """Whether there is a later; the wait is over when this returns."""
        why = str(exc)
        if exc.permanent:
            log.error(
                "channel refuses for good channel=%s reason=%s; correct it, then run test-alert", self._channel.key, why
            )
            await _keep_trying(lambda: self._ledger.refuse(self._channel, why))
            await _keep_trying(lambda: self._ledger.failed(batch, why))
            return False
        if why != self._failure:
            log.warning("message not sent, will try again channel=%s reason=%s", self._channel.key, why)
            self._failure = why
        now = self._clock.now()
        if now - min(each.created_at for each in batch) > TRIED_FOR:
            log.error("message given up after a day channel=%s messages=%s", self._channel.key, len(batch))
            await _keep_trying(lambda: self._ledger.failed(batch, f"given up after {duration(TRIED_FOR)}: {why}"))
            return False
        bound = min(_MOST_S, _FIRST_S * 2 ** min(attempts - 1, 16))
        # Full jitter would allow no wait at all, and the other side is in trouble.
        delay = max(exc.retry_after, random.uniform(bound / 2, bound))  # noqa: S311 - no secret
        await _keep_trying(lambda: self._ledger.again(batch, now + round(delay * 1000), why))
        await self._clock.sleep(delay)
        await _keep_trying(lambda: self._ledger.begin(batch))
        return True


def _as_one(batch: Sequence[Posted]) -> Posted:
    text = digest([Text(each.title, each.body) for each in batch])
    if any(each.maybe_sent for each in batch):
        text = Text(f"{text.title} {COPY}", text.body)
    return replace(batch[0], title=text.title, body=text.body)


async def _keep_trying(write: Callable[[], Awaitable[None]]) -> None:
    """What became of a message is written down once the database is there again; until then nothing more is sent
    here, or it would be sent again and again."""
    pause, told = 0.1, False
    while True:
        try:
            await write()
        except RigwatchError as exc:
            if not told:
                log.error("what became of a message cannot be stored: %s", exc)
                told = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
        else:
            return
