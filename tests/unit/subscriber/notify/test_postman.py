"""The postman with a sender and a book that a test holds in its hands."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from rigwatch.clock import Millis
from subscriber.alerts.route import Route
from subscriber.notify.channel import Channel, NotSent
from subscriber.notify.postman import TRIED_FOR, Postman
from subscriber.store.outbox import Posted
from tests.fake_clock import START, FakeClock
from tests.waiting import eventually_async


@dataclass(slots=True)
class Book:
    """Remembers what it was told, as (what, numbers)."""

    lines: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    async def begin(self, posted: Sequence[Posted]) -> None:
        self._write("begin", posted)

    async def sent(self, posted: Sequence[Posted], took: float) -> None:  # noqa: ARG002 - the protocol's
        self._write("sent", posted)

    async def again(self, posted: Sequence[Posted], at: Millis, why: str) -> None:  # noqa: ARG002
        self._write("again", posted)

    async def failed(self, posted: Sequence[Posted], why: str) -> None:  # noqa: ARG002
        self._write("failed", posted)

    async def refuse(self, channel: Channel, why: str) -> None:  # noqa: ARG002
        self.lines.append(("refused", ()))

    def _write(self, what: str, posted: Sequence[Posted]) -> None:
        self.lines.append((what, tuple(each.id for each in posted)))


@dataclass(slots=True)
class Script:
    """Fails with what is in `failures`, one after the other; then works."""

    failures: list[NotSent] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    def send(self, posted: Posted, *, timeout: float) -> None:  # noqa: ARG002 - the protocol's
        self.titles.append(posted.title)
        if self.failures:
            raise self.failures.pop(0)


def message(number: int = 1, created_at: Millis = START) -> Posted:
    return Posted(number, "web", "first", "critical", f"message {number}", "", (number,), created_at, 1)


@asynccontextmanager
async def a_postman(script: Script, book: Book, clock: FakeClock, *, rate: int = 100) -> AsyncIterator[Postman]:
    channel = Channel("web", script, Route("web"), "hash", rate, 60.0, 5.0)
    postman = Postman([channel], book, clock=clock)
    task = asyncio.create_task(postman.run())
    try:
        yield postman
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_message_that_is_handed_over_twice_is_sent_once() -> None:
    script, book = Script(), Book()
    async with a_postman(script, book, FakeClock()) as postman:
        postman.hand_over([message(1), message(1), message(2)])
        await eventually_async(lambda: ("sent", (2,)) in book.lines, what="both are sent")
    assert script.titles == ["message 1", "message 2"]


async def test_a_delay_that_the_other_side_asks_for_is_kept() -> None:
    script, book, clock = Script([NotSent("slow down", retry_after=30)]), Book(), FakeClock()
    async with a_postman(script, book, clock) as postman:
        postman.hand_over([message()])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the first attempt")
        await clock.advance(29)
        assert len(script.titles) == 1
        await clock.advance(2)
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="the second attempt")


async def test_it_is_given_up_after_a_day() -> None:
    script, book, clock = Script([NotSent("no")] * 2), Book(), FakeClock()
    async with a_postman(script, book, clock) as postman:
        postman.hand_over([message(created_at=START - TRIED_FOR - 1)])
        await eventually_async(lambda: ("failed", (1,)) in book.lines, what="it is given up")


@pytest.mark.parametrize("maybe", [True, False])
async def test_a_second_attempt_says_that_it_may_be_a_copy_only_where_it_may(maybe: bool) -> None:  # noqa: FBT001
    script, book, clock = Script([NotSent("timed out", maybe=maybe)]), Book(), FakeClock()
    async with a_postman(script, book, clock) as postman:
        postman.hand_over([message()])
        await eventually_async(lambda: ("again", (1,)) in book.lines, what="the first attempt")
        await clock.advance(5)
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="the second attempt")
    assert ("(may be a second copy)" in script.titles[1]) is maybe


async def test_a_permanent_refusal_stops_the_channel_at_once() -> None:
    script, book = Script([NotSent("Unauthorized", permanent=True)]), Book()
    async with a_postman(script, book, FakeClock()) as postman:
        postman.hand_over([message()])
        await eventually_async(lambda: ("failed", (1,)) in book.lines, what="it is given up")
    assert book.lines == [("refused", ()), ("failed", (1,))]


async def test_a_message_of_a_channel_that_is_gone_is_marked() -> None:
    book = Book()
    clock = FakeClock()
    async with a_postman(Script(), book, clock) as postman:
        postman.hand_over([Posted(9, "old", "first", "info", "", "", (1,), START)])
        await clock.advance(1.5)
        await eventually_async(lambda: ("failed", (9,)) in book.lines, what="it is marked")


async def test_what_does_not_fit_the_rate_goes_as_one() -> None:
    script, book, clock = Script(), Book(), FakeClock()
    async with a_postman(script, book, clock, rate=2) as postman:
        postman.hand_over([message(1)])
        await eventually_async(lambda: ("sent", (1,)) in book.lines, what="the first")
        postman.hand_over([message(number) for number in range(2, 7)])
        await eventually_async(lambda: ("sent", (2, 3, 4, 5, 6)) in book.lines, what="the digest")
    assert script.titles[1] == "5 messages: message 2"
