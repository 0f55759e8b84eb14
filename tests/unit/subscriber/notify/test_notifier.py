"""The postman with a sender and a book that a test holds in its hands."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from msgspec.structs import replace

from alerts.route import Route
from rigwatch.clock import Millis
from rigwatch.errors import StoreError
from store.outbox import StoredNotification
from subscriber.notify.batches import TRIED_FOR
from subscriber.notify.channel import Channel, NotSent, Sender
from subscriber.notify.notifier import Notifier
from tests.fake_clock import START, FakeClock
from tests.waiting import eventually_async


@dataclass(slots=True)
class Book:
    """Remembers what it was told, as (what, numbers)."""

    lines: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    ours: bool = True
    silent: int = 0
    hangs: bool = False

    async def is_ours(self) -> bool:
        if self.hangs:
            await asyncio.Event().wait()
        if self.silent:
            self.silent -= 1
            raise StoreError("the database is away")
        return self.ours

    async def begin(self, notifications: Sequence[StoredNotification]) -> None:
        self._write("begin", notifications)

    async def sent(self, notifications: Sequence[StoredNotification], took: float) -> None:  # noqa: ARG002 - the protocol's
        self._write("sent", notifications)

    async def again(self, notifications: Sequence[StoredNotification], at: Millis, why: str) -> None:  # noqa: ARG002 - the protocol's
        self._write("again", notifications)

    async def failed(self, notifications: Sequence[StoredNotification], why: str) -> None:  # noqa: ARG002 - the protocol's
        self._write("failed", notifications)

    async def refuse(self, channel: Channel, why: str) -> None:  # noqa: ARG002 - the protocol's
        self.lines.append(("refused", ()))

    def has(self, what: str) -> bool:
        return what in [each for each, _ in self.lines]

    def _write(self, what: str, notifications: Sequence[StoredNotification]) -> None:
        self.lines.append((what, tuple(each.id for each in notifications)))


@dataclass(slots=True)
class Script:
    """Fails with what is in `failures`, one after the other; then works."""

    failures: list[NotSent] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    def send(self, notification: StoredNotification, *, timeout: float) -> None:  # noqa: ARG002 - the protocol's
        self.titles.append(notification.title)
        if self.failures:
            raise self.failures.pop(0)


def message(number: int = 1, created_at: Millis = START) -> StoredNotification:
    return StoredNotification(number, "web", "first", "critical", f"message {number}", "", (number,), created_at, 1)


@asynccontextmanager
async def a_postman(script: Sender, book: Book, clock: FakeClock, *, rate: int = 100) -> AsyncIterator[Notifier]:
    channel = Channel("web", script, Route("web"), "hash", rate, 60.0, 5.0)
    async with carrying(Notifier([channel], book, clock=clock)) as notifier:
        yield notifier


@asynccontextmanager
async def carrying(notifier: Notifier) -> AsyncIterator[Notifier]:
    task = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_message_that_is_handed_over_twice_is_sent_once() -> None:
    script, book = Script(), Book()
    async with a_postman(script, book, FakeClock()) as notifier:
        notifier.hand_over([message(1), message(1), message(2)])
        await eventually_async(lambda: ("sent", (2,)) in book.lines, what="both are sent")
    assert script.titles == ["message 1", "message 2"]


async def test_what_another_subscriber_carries_now_is_neither_sent_nor_marked() -> None:
    script, book, clock = Script(), Book(ours=False), FakeClock()
    async with a_postman(script, book, clock) as notifier:
        notifier.hand_over([message(1)])
        await clock.advance(1)
        assert (script.titles, book.lines) == ([], [])
        # Its turn has come again, and so has the message.
        book.ours = True
        notifier.let_go()
        notifier.hand_over([message(1)])
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="it is sent")
    assert script.titles == ["message 1"]


async def test_what_waits_is_let_go_with_the_turn() -> None:
    script, book, clock = Script([NotSent("no", retry_after=60)]), Book(), FakeClock()
    async with a_postman(script, book, clock) as notifier:
        notifier.hand_over([message(1)])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the first attempt")
        notifier.hand_over([message(2)])
        notifier.let_go()
        await clock.advance(3600)
    assert script.titles == ["message 1"]


async def test_a_database_that_does_not_say_whose_turn_it_is_is_asked_again_and_keeps_nobody_from_being_told() -> None:
    for silent, asked in ((2, True), (9, False)):
        script, book, clock = Script(), Book(silent=silent), FakeClock()
        async with a_postman(script, book, clock) as notifier:
            notifier.hand_over([message(1)])
            await clock.advance(5)
            await eventually_async(partial(book.has, "sent"))
        assert script.titles == ["message 1"]
        assert (book.silent == 0) is asked


async def test_a_database_that_hangs_keeps_nobody_from_being_told() -> None:
    script, book = Script(), Book(hangs=True)
    async with a_postman(script, book, FakeClock()) as notifier:
        notifier.hand_over([message(1)])
        await eventually_async(partial(book.has, "sent"))
    assert script.titles == ["message 1"]


async def test_a_delay_that_the_other_side_asks_for_is_kept() -> None:
    script, book, clock = Script([NotSent("slow down", retry_after=30)]), Book(), FakeClock()
    async with a_postman(script, book, clock) as notifier:
        notifier.hand_over([message()])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the first attempt")
        await clock.advance(29)
        assert len(script.titles) == 1
        await clock.advance(2)
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="the second attempt")


async def test_it_is_given_up_after_a_day() -> None:
    script, book, clock = Script([NotSent("no")] * 2), Book(), FakeClock()
    async with a_postman(script, book, clock) as notifier:
        notifier.hand_over([message(created_at=START - TRIED_FOR - 1)])
        await eventually_async(lambda: ("failed", (1,)) in book.lines, what="it is given up")


@pytest.mark.parametrize("maybe", [True, False])
async def test_a_second_attempt_says_that_it_may_be_a_copy_only_where_it_may(*, maybe: bool) -> None:
    script, book, clock = Script([NotSent("timed out", maybe=maybe)]), Book(), FakeClock()
    async with a_postman(script, book, clock) as notifier:
        notifier.hand_over([message()])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the first attempt")
        await clock.advance(5)
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="the second attempt")
    assert ("(may be a second copy)" in script.titles[1]) is maybe


async def test_a_permanent_refusal_stops_the_channel_at_once() -> None:
    script, book = Script([NotSent("Unauthorized", permanent=True)]), Book()
    async with a_postman(script, book, FakeClock()) as notifier:
        notifier.hand_over([message()])
        await eventually_async(lambda: ("failed", (1,)) in book.lines, what="it is given up")
    assert book.lines == [("refused", ()), ("failed", (1,))]


async def test_a_message_of_a_channel_that_is_gone_is_marked() -> None:
    book = Book()
    clock = FakeClock()
    async with a_postman(Script(), book, clock) as notifier:
        notifier.hand_over([StoredNotification(9, "old", "first", "info", "", "", (1,), START)])
        await clock.advance(1.5)
        await eventually_async(lambda: ("failed", (9,)) in book.lines, what="it is marked")


async def test_what_does_not_fit_the_rate_goes_as_one() -> None:
    script, book, clock = Script(), Book(), FakeClock()
    async with a_postman(script, book, clock, rate=2) as notifier:
        notifier.hand_over([message(1)])
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="the first")
        notifier.hand_over([message(number) for number in range(2, 7)])
        await eventually_async(lambda: ("sent", (2, 3, 4, 5, 6)) in book.lines, what="the digest")
    assert script.titles[1] == "5 messages: message 2"


@dataclass(slots=True)
class Odd:
    """Raises `exc`, whatever it is, for the messages named in `of`."""

    exc: BaseException
    of: str
    titles: list[str] = field(default_factory=list)

    def send(self, notification: StoredNotification, *, timeout: float) -> None:  # noqa: ARG002 - the protocol's
        self.titles.append(notification.title)
        if notification.title.startswith(self.of):
            raise self.exc


@pytest.mark.parametrize(
    "exc", [RuntimeError("odd"), SystemExit(3), StopIteration(), RecursionError(), KeyboardInterrupt(), MemoryError()]
)
async def test_whatever_a_channel_raises_is_one_failed_attempt(
    exc: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    sender, book, clock = Odd(exc, "message 1"), Book(), FakeClock()
    async with a_postman(sender, book, clock) as notifier:
        notifier.hand_over([message(1)])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the first attempt")
        notifier.hand_over([message(2)])
        await clock.advance(2)
        await eventually_async(lambda: ("sent", (2,)) in book.lines, what="the next goes on")
        await clock.advance(3)
        await eventually_async(lambda: sender.titles.count("message 1") > 1, what="the second attempt")
    assert len([each for each in caplog.records if "not foreseen" in each.message]) == 1


class Torn(Book):
    """Cannot be written, for a reason nobody thought of."""

    async def sent(self, notifications: Sequence[StoredNotification], took: float) -> None:  # noqa: ARG002 - the protocol's
        raise OverflowError


async def test_a_book_that_cannot_be_written_ends_nothing() -> None:
    script = Script()
    async with a_postman(script, Torn(), FakeClock()) as notifier:
        notifier.hand_over([message(1)])
        notifier.hand_over([message(2)])
        await eventually_async(lambda: script.titles == ["message 1", "message 2"], what="both are sent")


async def test_what_was_taken_late_is_not_sent_again() -> None:
    slow, book, clock = threading.Event(), Book(), FakeClock()

    class Slow(Script):
        def send(self, notification: StoredNotification, *, timeout: float) -> None:
            Script.send(self, notification, timeout=timeout)
            slow.wait(30)

    sender = Slow()
    channel = Channel("web", sender, Route("web"), "hash", 100, 60.0, -0.975)
    async with carrying(Notifier([channel], book, clock=clock)) as notifier:
        notifier.hand_over([message()])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the limit is over")
        slow.set()
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="it was taken after all")
        await clock.advance(7200)
    assert sender.titles == ["message 1"]


async def test_channels_come_and_go_while_messages_are_on_their_way() -> None:
    stays, goes, comes, book, clock = Script(), Script([NotSent("down")] * 9), Script(), Book(), FakeClock()
    first = Channel("stays", stays, Route("stays"), "1", 100, 60.0, 5.0)
    async with carrying(
        Notifier([first, Channel("goes", goes, Route("goes"), "2", 100, 60.0, 5.0)], book, clock=clock)
    ) as notifier:
        notifier.hand_over([replace(message(1), channel="goes")])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="it waits")
        notifier.replace_channels([first, Channel("comes", comes, Route("comes"), "3", 100, 60.0, 5.0)])
        assert [each.key for each in notifier.channels] == ["stays", "comes"]
        notifier.hand_over([replace(message(2), channel="stays"), replace(message(3), channel="comes")])
        await eventually_async(lambda: {("sent", (2,)), ("sent", (3,))} <= set(book.lines), what="both are sent")
        await clock.advance(1.5)
        await eventually_async(lambda: ("failed", (1,)) in book.lines, what="it is given back")
    assert (stays.titles, comes.titles) == (["message 2"], ["message 3"])


async def test_messages_stored_under_a_former_name_go_to_its_heir() -> None:
    script, book = Script(), Book()
    channel = Channel("telegram:1", script, Route("telegram:1"), "hash", 20, 60.0, 5.0, former="telegram")
    async with carrying(Notifier([channel], book, clock=FakeClock())) as notifier:
        notifier.hand_over([replace(message(), channel="telegram")])
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="it is sent")


async def test_a_clock_that_is_put_right_makes_no_message_old() -> None:
    script, book, clock = Script([NotSent("no network yet")]), Book(), FakeClock(20_000)
    async with a_postman(script, book, clock) as notifier:
        notifier.hand_over([message(1, created_at=clock.now())])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the first attempt")
        clock.set_wall(START)
        notifier.hand_over([message(2, created_at=20_000), message(3, created_at=START - 25 * 60_000)])
        await clock.advance(10)
        await eventually_async(lambda: ("sent", (3,)) in book.lines, what="all are sent")
    assert sorted(script.titles[1:]) == ["message 1", "message 2", "message 3 (written 25 min ago)"]
