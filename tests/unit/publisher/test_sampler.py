import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

import pytest

from publisher.reader import SourceReader
from publisher.sampler import Sampler
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Source
from publisher.summary import UnnumberedSample
from rigwatch.figures import Gpu
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.waiting import eventually_async

MINUTE = timedelta(seconds=60)


class Given:
    """A source that does what the test says; `reads` counts how often it was asked."""

    def __init__(
        self, answer: Callable[[], Reading], *, every: float = 10.0, timeout: float = 5.0, blocking: bool = False
    ) -> None:
        self.every, self.timeout = timedelta(seconds=every), timedelta(seconds=timeout)
        self.blocking = blocking
        self.reads = 0
        self._answer = answer

    def read(self) -> Reading:
        self.reads += 1
        return self._answer()


class Gate:
    """A read that hangs until it is opened."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def __call__(self) -> Reading:
        self.event.wait()
        return Reading(hashrate=7.0)


def _fail() -> Reading:
    raise SourceError("no answer")


def _break() -> Reading:
    raise KeyError("x")


class PanicException(BaseException):
    """As what is written in Rust raises it."""


def _panic() -> Reading:
    raise PanicException("index out of bounds")


@asynccontextmanager
async def sampling(
    clock: FakeClock, *sources: tuple[str, Source], interval: timedelta = MINUTE, phase: float = 0.0
) -> AsyncIterator[list[UnnumberedSample]]:
    """Runs a sampler; gives the list that its summaries come into."""
    kept: list[UnnumberedSample] = []

    async def keep(summary: UnnumberedSample) -> None:
        kept.append(summary)

    sampler = Sampler(NodeId("main", "rig07"), sources, interval=interval, clock=clock, phase=phase)
    task = asyncio.create_task(sampler.run(keep))
    try:
        yield kept
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_first_summary_comes_at_once_and_the_next_after_an_interval() -> None:
    clock = FakeClock()
    async with sampling(clock, ("a", Given(lambda: Reading(hashrate=1.0)))) as kept:
        await clock.advance(0)
        assert len(kept) == 1
        await clock.advance(59)
        assert len(kept) == 1
        await clock.advance(1)
        assert len(kept) == 2
        await clock.advance(600)
        assert len(kept) == 12


async def test_a_node_with_a_phase_reads_later_and_gives_its_first_summary_as_soon_as_that_is_answered() -> None:
    clock = FakeClock()
    source = Given(lambda: Reading(hashrate=1.0), every=8.0)
    async with sampling(clock, ("a", source), phase=0.75) as kept:
        await clock.advance(5.9)
        assert (source.reads, len(kept)) == (0, 0)
        await clock.advance(0.1)
        assert (source.reads, len(kept)) == (1, 1)
        assert kept[0].figures.hashrate == 1.0
        await clock.advance(7.9)
        assert source.reads == 1
        await clock.advance(0.1)
        assert source.reads == 2
        await clock.advance(52)
        assert len(kept) == 2


async def test_a_source_that_is_read_seldom_does_not_keep_its_node_from_being_known() -> None:
    clock = FakeClock()
    source = Given(lambda: Reading(hashrate=1.0), every=3600.0)
    async with sampling(clock, ("a", source), interval=timedelta(hours=1), phase=0.999) as kept:
        await clock.advance(10)
        assert len(kept) == 1


async def test_a_source_is_read_as_often_as_it_wants_and_averaged() -> None:
    clock = FakeClock()
    figures = iter(range(1000))
    source = Given(lambda: Reading(hashrate=float(next(figures))))
    async with sampling(clock, ("a", source)) as kept:
        await clock.advance(61)
        assert source.reads == 7
        assert kept[0].figures.hashrate == 0.0
        # Reads at 10, 20, … 50 s; the one at 60 s is either in this interval or in the next.
        assert kept[1].figures.hashrate in (3.0, 3.5)


async def test_a_source_is_read_once_an_interval_at_least() -> None:
    clock = FakeClock()
    source = Given(lambda: Reading(hashrate=1.0), every=3600.0)
    async with sampling(clock, ("a", source)) as kept:
        await clock.advance(600)
        assert source.reads >= 10
        assert all(summary.figures.hashrate == 1.0 for summary in kept)


async def test_a_source_that_fails_leaves_the_others_alone() -> None:
    clock = FakeClock()
    async with sampling(clock, ("a", Given(_fail)), ("b", Given(lambda: Reading(peers=4)))) as kept:
        await clock.advance(60)
        assert [summary.errors["a"].partition(" (")[0] for summary in kept] == ["no answer"] * 2
        assert [summary.figures.peers for summary in kept] == [4, 4]


async def test_a_card_stays_listed_for_as_long_as_the_only_source_that_knows_it_fails() -> None:
    clock = FakeClock()
    told = iter([Reading(gpus=(Gpu(id="a", name="RX 580", hashrate=3e7),))])

    def miner() -> Reading:
        return next(told, None) or _fail()

    driver = Given(lambda: Reading(gpus=(Gpu(id="b", power=90.0),)))
    async with sampling(clock, ("miner", Given(miner)), ("nvml", driver)) as kept:
        await clock.advance(180)
        assert kept[0].figures.gpus == (Gpu(id="a", name="RX 580", hashrate=3e7), Gpu(id="b", power=90.0))
        assert [summary.figures.gpus for summary in kept[1:]] == [
            (Gpu(id="b", power=90.0), Gpu(id="a", name="RX 580"))
        ] * 3


async def test_a_defect_in_a_source_is_its_failure_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    async with sampling(clock, ("a", Given(_break)), ("b", Given(lambda: Reading(peers=4)))) as kept:
        await clock.advance(60)
        assert kept[1].errors == {"a": "defect: KeyError: 'x' (5 reads in a row)"}
        assert kept[1].figures.peers == 4
    assert caplog.text.count("source has a defect") == 1


async def test_a_library_that_panics_in_a_source_is_its_failure_and_no_end() -> None:
    clock, panicking = FakeClock(), Given(_panic, blocking=True)
    async with sampling(clock, ("a", panicking), ("b", Given(lambda: Reading(peers=4)))) as kept:
        await eventually_async(lambda: _ticked(clock, lambda: len(kept) == 2))
        assert panicking.reads > 1
        assert kept[1].errors["a"].startswith("defect: PanicException")
        assert kept[1].figures.peers == 4


async def test_a_read_that_hangs_delays_neither_the_others_nor_the_interval_and_is_never_doubled() -> None:
    clock, gate = FakeClock(), Gate()
    stuck = Given(gate, blocking=True)
    quick = Given(lambda: Reading(peers=4), blocking=True)
    async with sampling(clock, ("stuck", stuck), ("quick", quick)) as kept:
        await eventually_async(lambda: stuck.reads == 1 and quick.reads == 1)
        await clock.advance(5)
        await eventually_async(lambda: len(kept) == 1)
        assert kept[0].errors == {"stuck": "no answer within 5 s"}
        assert kept[0].figures == Reading(peers=4)
        await clock.advance(60)
        assert len(kept) == 2
        assert stuck.reads == 1
        assert kept[1].errors["stuck"].startswith("no answer for ")
        gate.event.set()
        await eventually_async(lambda: _ticked(clock, lambda: kept[-1].figures.hashrate == 7.0))
        assert kept[-1].errors == {}


async def _ticked(clock: FakeClock, look: Callable[[], bool]) -> bool:
    await clock.advance(10)
    return look()


async def test_a_read_that_hangs_at_the_end_does_not_keep_the_publisher() -> None:
    clock, gate = FakeClock(), Gate()
    stuck = Given(gate, blocking=True)
    async with sampling(clock, ("stuck", stuck)):
        await eventually_async(lambda: stuck.reads == 1)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "source-stuck"]
    gate.event.set()
    thread.join(5)
    assert thread.daemon, "another kind would be joined at the end of the process"


async def test_an_impossible_figure_costs_that_figure_and_is_named() -> None:
    clock = FakeClock()
    async with sampling(clock, ("a", Given(lambda: Reading(power=-5.0, peers=2)))) as kept:
        await clock.advance(0)
        assert (kept[0].figures, kept[0].errors) == (Reading(peers=2), {})
        assert kept[0].odd == {"a": "power: -5.0 cannot be"}


async def test_a_failure_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    answers = iter([_fail] * 20 + [lambda: Reading(peers=1)] * 100)

    def answer() -> Reading:
        return next(answers)()

    async with sampling(clock, ("a", Given(answer))):
        await clock.advance(600)
    said = [record.getMessage() for record in caplog.records if record.name == "publisher.sampler"]
    assert said == [
        "source fails node=main/rig07 source=a error=no answer",
        "source works again node=main/rig07 source=a",
    ]


async def test_a_node_without_sources_still_gives_a_summary_an_interval() -> None:
    clock = FakeClock()
    async with sampling(clock) as kept:
        await clock.advance(120)
        assert kept == [UnnumberedSample()] * 3


async def test_a_short_interval_bounds_the_wait_for_a_source() -> None:
    clock, gate = FakeClock(), Gate()
    stuck = Given(gate, blocking=True)
    async with sampling(clock, ("stuck", stuck), interval=timedelta(seconds=1)) as kept:
        await eventually_async(lambda: stuck.reads == 1)
        await clock.advance(1)
        await eventually_async(lambda: kept)
        assert kept[0].errors == {"stuck": "no answer within 0.9 s"}
        gate.event.set()


class LateClock(FakeClock):
    """A machine that wakes whoever sleeps a little late, as all machines do."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)  # noqa: S311 - no secret

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self._random.uniform(0, 0.3) if seconds > 0 else seconds)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("interval", "every"), [(10, 10), (5, 10), (10, 7), (1, 60), (20, 10)])
async def test_no_sample_is_without_figures_and_without_an_error(interval: float, every: float, seed: int) -> None:
    clock = LateClock(seed)
    source = Given(lambda: Reading(hashrate=7.0), every=every)
    async with sampling(clock, ("a", source), interval=timedelta(seconds=interval)) as kept:
        await clock.advance(interval * 40)
        assert len(kept) >= 30
        assert [summary for summary in kept if summary.figures.hashrate != 7.0] == []
        assert [summary.errors for summary in kept if summary.errors] == []


@pytest.mark.parametrize("seed", range(5))
async def test_a_source_that_fails_has_its_error_in_every_sample_however_short_the_interval(seed: int) -> None:
    clock = LateClock(seed)
    async with sampling(clock, ("a", Given(_fail)), interval=timedelta(seconds=10)) as kept:
        await clock.advance(400)
        assert len(kept) >= 30
        assert [summary for summary in kept if "a" not in summary.errors] == []


async def test_a_read_that_was_under_way_when_a_sample_was_taken_is_in_the_next() -> None:
    clock, gate = FakeClock(), Gate()
    waits = iter([False, True])

    def answer() -> Reading:
        return gate() if next(waits) else Reading(hashrate=1.0)

    source = Given(answer, every=10, timeout=9, blocking=True)
    reader = SourceReader("a", source, interval=MINUTE, clock=clock)
    reading = asyncio.create_task(reader.run())
    await eventually_async(lambda: reader._last)
    assert [each.reading for each in reader.take().reads] == [Reading(hashrate=1.0)]
    await clock.advance(10)
    await eventually_async(lambda: source.reads == 2)
    assert [each.reading for each in reader.take().reads] == [Reading(hashrate=1.0)]
    gate.event.set()
    await eventually_async(lambda: len(reader._last) == 2)
    assert [each.reading for each in reader.take().reads] == [Reading(hashrate=7.0)]
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_reading_that_is_not_fresh_is_not_given_again() -> None:
    clock = FakeClock()
    reader = SourceReader("a", Given(lambda: Reading(hashrate=7.0), every=10), interval=MINUTE, clock=clock)
    reading = asyncio.create_task(reader.run())
    await clock.advance(0)
    assert [each.reading for each in reader.take().reads] == [Reading(hashrate=7.0)]
    reading.cancel()
    clock.move(25)
    assert [each.reading for each in reader.take().reads] == [Reading(hashrate=7.0)]
    clock.move(1)
    assert [(each.reading, each.error) for each in reader.take().reads] == [(None, "not read for 26 s")]
    await asyncio.gather(reading, return_exceptions=True)
