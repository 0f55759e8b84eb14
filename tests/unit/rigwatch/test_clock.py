"""The clock of the tests keeps the promises of the real one, in no time."""

import asyncio
import time
from datetime import UTC, datetime

from rigwatch.clock import Clock, SystemClock, as_datetime, as_iso
from tests.fake_clock import START, FakeClock


def test_the_system_clock_tells_milliseconds_since_1970() -> None:
    clock: Clock = SystemClock()
    assert abs(clock.now() - time.time() * 1000) < 2000
    assert abs(clock.monotonic() - time.monotonic()) < 2


async def test_the_system_clock_sleeps_at_least_as_long_as_asked() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.02)
    assert clock.monotonic() - before >= 0.019


async def test_a_sleep_that_is_not_positive_lets_others_run_and_returns() -> None:
    clocks: list[Clock] = [SystemClock(), FakeClock()]
    for clock in clocks:
        for seconds in (0, -1):
            ran = asyncio.Event()
            asyncio.get_running_loop().call_soon(ran.set)
            await clock.sleep(seconds)
            assert ran.is_set()


async def test_sleepers_wake_in_the_order_of_their_time_and_see_their_own_moment() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic(), clock.now() - START))

    async with asyncio.TaskGroup() as tasks:
        for name, seconds in (("late", 3.0), ("first", 1.0), ("same", 1.0), ("next", 2.5)):
            tasks.create_task(sleeper(name, seconds))
        await clock.advance(2.4)
        assert woken == [("first", 1.0, 1000), ("same", 1.0, 1000)]
        await clock.advance(0.6)
    assert woken[2:] == [("next", 2.5, 2500), ("late", 3.0, 3000)]
    assert clock.now() == START + 3000


async def test_a_sleeper_that_sleeps_again_is_woken_within_the_same_advance() -> None:
    clock = FakeClock()
    beats: list[float] = []

    async def beat() -> None:
        for _ in range(5):
            await clock.sleep(10)
            beats.append(clock.monotonic())

    task = asyncio.create_task(beat())
    await clock.advance(50)
    await task
    assert beats == [10, 20, 30, 40, 50]


async def test_a_cancelled_sleeper_holds_nobody_up() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(1))
    await clock.advance(0.5)
    task.cancel()
    await clock.advance(10)
    assert task.cancelled()
    assert clock.monotonic() == 10.5


async def test_the_wall_clock_may_jump_and_nobody_wakes_for_it() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.advance(1)
    clock.set_wall(START + 86_400_000)
    await clock.advance(1)
    assert (clock.now(), clock.monotonic()) == (START + 86_401_000, 2.0)
    assert not task.done()
    clock.set_wall(START - 1)
    assert clock.now() == START - 1
    await clock.advance(3)
    assert task.done()


def test_time_can_be_moved_for_code_that_never_sleeps() -> None:
    clock = FakeClock()
    clock.move(1.5)
    assert (clock.now(), clock.monotonic()) == (START + 1500, 1.5)


def test_a_moment_is_shown_in_utc() -> None:
    assert as_datetime(1_760_000_000_123) == datetime(2025, 10, 9, 8, 53, 20, 123_000, tzinfo=UTC)


def test_a_moment_is_written_for_programs_to_the_millisecond_whatever_a_rig_claims() -> None:
    assert as_iso(0) == "1970-01-01T00:00:00.000Z"
    assert as_iso(START + 7) == "2025-10-09T08:53:20.007Z"
    assert as_iso(2**53) == as_iso(2**63) == "9999-12-31T23:59:59.999Z"
