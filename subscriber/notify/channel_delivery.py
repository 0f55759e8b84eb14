"""One channel's messages on their way. What hangs or fails delays no other channel, and no other message for long."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from rigwatch.backoff import Backoff
from rigwatch.clock import Clock, Millis
from rigwatch.errors import RigwatchError
from rigwatch.first import first_of
from rigwatch.thread import in_thread
from store.outbox import StoredNotification
from subscriber.notify.batches import BatchQueue, DeliveryResult, Disposition, NotificationBatch, is_stale
from subscriber.notify.channel import Channel, NotSent

log = logging.getLogger(__name__)

# What takes its time to fail is worth a little more than its own limit.
_SLACK_S = 2.0
# A log that cannot be written keeps nobody from being told.
_LOG_TIMEOUT_S = 2.0
_HANGING_MAX = 8
_HANGING_FOR_S = 3600.0
# A connection that broke meanwhile is made anew.
_ASK_AGAIN_S = (0.05, 0.5, 1.5)
_DEFECTS_MAX = 3
_PAUSE_AFTER_DEFECT_S = 5.0
_PAUSE_LEAST_S = 0.001
_CLOCK_WAS_WRONG: Millis = 1_704_067_200_000
"""2024: before that there was no rigwatch."""
_FIGURES = re.compile(r"\d+")


Write = Callable[[], Awaitable[None]]
"""Writes something down; raises `RigwatchError` while it cannot."""


class DeliveryLog(Protocol):
    """Where it is written down what became of messages: `subscriber.notify.delivery_log.StoredDeliveryLog`."""

    async def is_ours(self) -> bool:
        """Whether it is still this subscriber that speaks; raises `RigwatchError` where the database does not say."""
        ...

    async def begin(self, notifications: Sequence[StoredNotification]) -> None: ...
    async def sent(self, notifications: Sequence[StoredNotification], took: float) -> None: ...
    async def again(self, notifications: Sequence[StoredNotification], at: Millis, why: str) -> None: ...
    async def failed(self, notifications: Sequence[StoredNotification], why: str) -> None: ...
    async def refuse(self, channel: Channel, why: str) -> None: ...


class ChannelDelivery:
    """`give_back` takes what is left when the channel is closed."""

    def __init__(
        self,
        channel: Channel,
        delivery_log: DeliveryLog,
        *,
        clock: Clock,
        give_back: Callable[[Iterable[StoredNotification]], None],
    ) -> None:
        self._queue = BatchQueue(channel)
        self._delivery_log = delivery_log
        self._clock = clock
        self._give_back = give_back
        self._changed = asyncio.Event()
        self._closed = False
        # Under way, or waiting, or not yet written down as done.
        self._in_hand: set[int] = set()
        self._book: asyncio.Queue[_Line] = asyncio.Queue()
        # When those began to hang that still do.
        self._hanging: list[float] = []
        self._begun_at, self._begun = clock.now(), clock.monotonic()
        self._failure = ""
        self._defects: set[str] = set()

    @property
    def channel(self) -> Channel:
        return self._queue.channel

    def add(self, notification: StoredNotification) -> None:
        # Whoever begins anew after a failure hands over all that is not marked as sent, also what is under way here.
        if notification.id in self._in_hand:
            return
        self._in_hand.add(notification.id)
        self._queue.add(self._dated(notification), self._clock.monotonic())
        self._changed.set()

    def _steady(self) -> Millis:
        """The time of day by the start's, without a jump since: nothing grows old because a clock was put right."""
        return self._begun_at + round((self._clock.monotonic() - self._begun) * 1000)

    def _dated(self, notification: StoredNotification) -> StoredNotification:
        """With its moment on that clock."""
        now = self._clock.now()
        # Written while this machine did not know the year: nobody knows how old that is.
        created_at = now if notification.created_at < _CLOCK_WAS_WRONG <= now else notification.created_at
        return replace(notification, created_at=created_at - now + self._steady())

    def let_go(self) -> None:
        """What waits is another's to carry; what is under way still has its time."""
        kept = self._queue.empty()
        self._queue.waiting += [NotificationBatch([each], self._clock.monotonic()) for each in kept if each.id <= 0]
        self._in_hand -= {each.id for each in kept if each.id > 0}

    def use(self, channel: Channel) -> None:
        """The same channel with other settings; what waits goes out through it."""
        self._queue.use(channel, self._clock.monotonic())
        self._changed.set()

    def close(self) -> None:
        """Gives back what waits; what is under way still has its time."""
        self._closed = True
        self._give_back(self._queue.empty())
        self._changed.set()

    async def run(self) -> None:
        """Until it is cancelled, or closed and empty."""
        self._queue.recover()
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write(), name=f"book of {self.channel.key}")
            while not (self._closed and not self._queue.under_way):
                try:
                    self._changed.clear()
                    self._start(tasks)
                    await self._pause()
                except Exception:
                    # A defect of ours in choosing what is next: what waits stays, and is looked at again.
                    log.exception("messages wait for a while channel=%s", self.channel.key)
                    await self._clock.sleep(_PAUSE_AFTER_DEFECT_S)
            await self._book.join()
            writing.cancel()

    def _start(self, tasks: asyncio.TaskGroup) -> None:
        while batch := self._queue.take(self._clock.monotonic()):
            tasks.create_task(self._carry(batch), name=f"message through {self.channel.key}")

    async def _pause(self) -> None:
        """Until something is due, added or over."""
        at = self._queue.check_at(self._clock.monotonic())
        if at is None:
            await self._changed.wait()
        else:
            await first_of(self._changed.wait(), self._clock.sleep(max(at - self._clock.monotonic(), _PAUSE_LEAST_S)))

    async def _carry(self, batch: NotificationBatch) -> None:
        """One attempt and what becomes of it."""
        channel = self.channel
        try:
            if is_stale(batch, self._steady()):
                return self._give_up(batch.notifications, "written more than a day ago, never sent", batch)
            if not await self._is_ours(batch):
                return self._leave(batch)
            if batch.tries:
                await self._said(partial(self._delivery_log.begin, batch.notifications), timeout=_LOG_TIMEOUT_S)
            began = self._clock.monotonic()
            await self._attempt(channel, batch)
        except NotSent as exc:
            self._not_sent(channel, batch, exc)
        except Exception as exc:
            # A defect of a plugin, of a library, or ours is one failed attempt: tried again, others unharmed.
            kind = type(exc).__name__
            if kind not in self._defects:
                log.exception("a channel failed in a way that is not foreseen, tried again channel=%s", channel.key)
            self._defects.add(kind)
            why = f"{kind} in the sender itself, see the log"
            batch.error = _FIGURES.sub("", why)
            self._not_sent(channel, batch, NotSent(why))
        else:
            self._sent(batch, self._clock.monotonic() - began)
        finally:
            self._changed.set()

    async def _is_ours(self, batch: NotificationBatch) -> bool:
        """Asked for each attempt: whoever was frozen may have been replaced, by one that carries what is stored."""
        if all(each.id <= 0 for each in batch.notifications):
            return True
        for pause in _ASK_AGAIN_S:
            try:
                async with asyncio.timeout(_LOG_TIMEOUT_S):
                    return await self._delivery_log.is_ours()
            except TimeoutError:
                # It hangs, and would the next time.
                return True
            except RigwatchError:
                await self._clock.sleep(pause)
        # Nobody can say, so nobody can have carried it either.
        return True

    def _leave(self, batch: NotificationBatch) -> None:
        """Another subscriber carries it, or we do again once it is handed over anew."""
        self._queue.under_way.remove(batch)
        self._in_hand -= batch.numbers

    async def _attempt(self, channel: Channel, batch: NotificationBatch) -> None:
        # One that hangs for ever is not waited for for ever.
        of_late = sum(at > self._clock.monotonic() - _HANGING_FOR_S for at in self._hanging)
        if of_late >= _HANGING_MAX:
            raise NotSent(f"{of_late} earlier attempts still hang")
        message, limit = batch.as_one(self._steady()), channel.timeout
        sending = in_thread(lambda: channel.sender.send(message, timeout=limit), name=f"send {channel.key}")
        # The limit is for each step of the sender's, such as making a connection and waiting for the answer, and it
        # knows better than we do how far it came.
        done, _ = await asyncio.wait({sending}, timeout=2 * limit + _SLACK_S)
        if not done:
            given_up_at = self._clock.monotonic()
            self._hanging.append(given_up_at)
            sending.add_done_callback(partial(self._ended_late, batch, given_up_at))
            raise NotSent(f"no end after twice {limit:g} s", maybe=True)
        sending.result()

    def _ended_late(self, batch: NotificationBatch, given_up_at: float, sending: "asyncio.Future[None]") -> None:
        """What was taken after all, and is not under way again, is done."""
        self._hanging.remove(given_up_at)
        if not sending.cancelled() and sending.exception() is None and batch in self._queue.waiting:
            self._sent(batch, self._clock.monotonic() - given_up_at + self.channel.timeout)
        self._changed.set()

    def _sent(self, batch: NotificationBatch, took: float) -> None:
        self._queue.sent(batch, self._clock.monotonic())
        notifications = list(batch.notifications)
        self._note(partial(self._delivery_log.sent, notifications, took), done_with=notifications)
        if self._failure:
            log.warning("channel works again channel=%s", self.channel.key)
            self._failure = ""

    def _not_sent(self, channel: Channel, batch: NotificationBatch, exc: NotSent) -> None:
        outcome = self._queue.failed(batch, exc, now=self._clock.monotonic(), wall=self._steady())
        if outcome.fate is Disposition.AGAIN:
            self._try_again(batch, outcome)
        elif outcome.fate is Disposition.GIVEN_UP:
            self._give_up(outcome.notifications, outcome.why)
        else:
            log.error(
                "channel refuses for good channel=%s reason=%s; correct it, then run test-alert",
                channel.key, outcome.why,
            )  # fmt: skip
            self._note(partial(self._delivery_log.refuse, channel, outcome.why))
            lost = [*outcome.notifications, *self._queue.empty()]
            self._note(partial(self._delivery_log.failed, lost, outcome.why), done_with=lost)

    def _try_again(self, batch: NotificationBatch, outcome: DeliveryResult) -> None:
        # Of a message that fails while others do not, as of a channel that fails, it is said once, whatever figures
        # are in it.
        gist = _FIGURES.sub("", outcome.why)
        if gist not in (self._failure, batch.error):
            log.warning("message not sent, will try again channel=%s reason=%s", self.channel.key, outcome.why)
            self._failure = gist
        batch.error = gist
        if self._closed:
            self._give_back(self._queue.empty())
            return
        at = self._clock.now() + round(outcome.wait * 1000)
        self._note(partial(self._delivery_log.again, outcome.notifications, at, outcome.why))

    def _give_up(
        self, notifications: Sequence[StoredNotification], why: str, batch: NotificationBatch | None = None
    ) -> None:
        if batch is not None:
            self._queue.under_way.remove(batch)
        log.error("message given up channel=%s messages=%s reason=%s", self.channel.key, len(notifications), why)
        self._note(partial(self._delivery_log.failed, notifications, why), done_with=notifications)

    def _note(self, write: Write, *, done_with: Sequence[StoredNotification] = ()) -> "asyncio.Future[None]":
        line = _Line(write, frozenset(each.id for each in done_with))
        self._book.put_nowait(line)
        return line.written

    async def _said(self, write: Write, *, timeout: float) -> None:
        await asyncio.wait({self._note(write)}, timeout=timeout)

    async def _write(self) -> None:
        """The book, line by line in order, each until it stands there."""
        while True:
            line = await self._book.get()
            await keep_trying(line.write)
            self._in_hand -= line.done_with
            line.written.set_result(None)
            self._book.task_done()


class _Line:
    """One thing to be written down; then the messages that are done with are out of our hands."""

    def __init__(self, write: Write, done_with: frozenset[int]) -> None:
        self.write = write
        self.done_with = done_with
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()


async def keep_trying(write: Write) -> None:
    """Until the database is there again; what cannot be written because of a defect is left after a few times."""
    pause, told, defects = Backoff(first=0.1, most=5.0, least=0.1), False, 0
    while True:
        try:
            await write()
        except RigwatchError as exc:
            if not told:
                # Why nothing can be stored is said once, and not for each message.
                log.debug("what became of a message cannot be stored: %s", exc)
                told = True
        except Exception:
            # The message stays as it was in the database, so after a start it may go out again, marked as a copy.
            defects += 1
            if defects == 1:
                log.exception("what became of a message cannot be stored")
            if defects >= _DEFECTS_MAX:
                return
        else:
            return
        await asyncio.sleep(pause.delay())
