import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec

from publisher.dispatch import Dispatch
from publisher.outbox import Kept, Limits, Outbox
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock, settle
from tests.waiting import eventually_async

NODE = NodeId("main", "rig07")
LIMITS = Limits(samples=1000, bytes=1_000_000)


class StallingOutbox(Outbox):
    """On a disk that takes its time: `append` waits until the test lets it go on."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.go_on = threading.Event()
        super().__init__(path, NODE, limits=LIMITS, clock=clock)

    def append(self, summary: UnnumberedSample) -> Kept:
        self.go_on.wait(10)
        return super().append(summary)


@asynccontextmanager
async def dispatching(outbox: Outbox, clock: FakeClock) -> AsyncIterator[Dispatch]:
    with outbox:
        dispatch = Dispatch(outbox, clock=clock)
        await dispatch.restart()
        yield dispatch


async def test_a_sample_is_sent_kept_and_forgotten() -> None:
    clock = FakeClock()
    outbox = Outbox(None, NODE, limits=LIMITS, clock=clock)
    async with dispatching(outbox, clock) as dispatch:
        await dispatch.keep(UnnumberedSample(Reading(hashrate=1.0)))
        assert dispatch.wake.is_set()
        outgoing = await dispatch.next()
        assert outgoing is not None
        (text,) = outgoing.samples.values()
        assert msgspec.json.decode(text)["hashrate"] == 1.0
        assert await dispatch.next() is None
        await dispatch.acked([*outgoing.samples])
        assert not outbox.pending()


async def test_a_disk_that_stalls_does_not_stop_the_rest_of_the_publisher(tmp_path: Path) -> None:
    clock = FakeClock()
    outbox = StallingOutbox(tmp_path / "outbox.db", clock)
    async with dispatching(outbox, clock) as dispatch:
        keeping = asyncio.create_task(dispatch.keep(UnnumberedSample(Reading(hashrate=1.0))))
        await settle()
        # The loop runs on: this line is reached, and a ping would be.
        assert not keeping.done()
        outbox.go_on.set()
        await eventually_async(keeping.done)
        assert await dispatch.next() is not None


class UnreadOutbox(Outbox):
    """On a disk that is written and must not be read."""

    def load(self, numbers: Sequence[int]) -> dict[int, bytes]:
        raise AssertionError(f"{numbers} are read")


async def test_a_new_sample_is_sent_without_being_read_again(tmp_path: Path) -> None:
    clock = FakeClock()
    async with dispatching(UnreadOutbox(tmp_path / "outbox.db", NODE, limits=LIMITS, clock=clock), clock) as dispatch:
        for hashrate in (1.0, 2.0):
            await dispatch.keep(UnnumberedSample(Reading(hashrate=hashrate)))
            outgoing = await dispatch.next()
            assert outgoing is not None
            assert [msgspec.json.decode(text)["hashrate"] for text in outgoing.samples.values()] == [hashrate]


async def test_a_damaged_row_costs_that_row_and_not_its_report(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "outbox.db"
    with Outbox(path, NODE, limits=LIMITS, clock=clock) as outbox:
        numbers = [outbox.append(UnnumberedSample(Reading(hashrate=1.0))).n for _ in range(4)]
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE sample SET body = substr(body, 1, 30) WHERE n = ?", (numbers[1],))
        file.commit()
    async with dispatching(Outbox(path, NODE, limits=LIMITS, clock=clock), clock) as dispatch:
        live, history = await dispatch.next(), await dispatch.next()
        assert live is not None
        assert history is not None
        assert [*history.samples, *live.samples] == [numbers[0], *numbers[2:]]


async def test_a_sample_that_the_disk_no_longer_gives_holds_up_no_other(tmp_path: Path) -> None:
    clock = FakeClock()
    outbox = Outbox(tmp_path / "outbox.db", NODE, limits=LIMITS, clock=clock)
    async with dispatching(outbox, clock) as dispatch:
        for _ in range(3):
            await dispatch.keep(UnnumberedSample(Reading(hashrate=1.0)))
        numbers = list(outbox.pending())
        outbox.forget([numbers[0], numbers[2]])
        outgoing = await dispatch.next()
        assert outgoing is not None
        assert [*outgoing.samples] == [numbers[1]]
        dispatch.broker_has(outgoing.number)
        await dispatch.acked([numbers[1]])
        assert dispatch.wakes_at() is None, "nothing waits for an ack any more"
        await dispatch.keep(UnnumberedSample())
        await dispatch.keep(UnnumberedSample())
        live, history = await dispatch.next(), await dispatch.next()
        assert live is not None
        assert history is not None


async def test_what_is_dropped_for_a_new_sample_is_not_sent() -> None:
    clock = FakeClock()
    outbox = Outbox(None, NODE, limits=Limits(samples=2, bytes=1_000_000), clock=clock)
    async with dispatching(outbox, clock) as dispatch:
        for _ in range(5):
            await dispatch.keep(UnnumberedSample(Reading(hashrate=1.0)))
        sent: list[int] = []
        while outgoing := await dispatch.next():
            sent += outgoing.samples
        assert sorted(sent) == list(outbox.pending())


async def test_a_report_whose_sample_was_dropped_meanwhile_is_not_waited_for() -> None:
    clock = FakeClock()
    outbox = Outbox(None, NODE, limits=Limits(samples=1, bytes=1_000_000), clock=clock)
    async with dispatching(outbox, clock) as dispatch:
        await dispatch.keep(UnnumberedSample())
        outgoing = await dispatch.next()
        assert outgoing is not None
        dispatch.broker_has(outgoing.number)
        assert dispatch.wakes_at() is not None
        await dispatch.keep(UnnumberedSample())
        assert dispatch.wakes_at() is None
