"""What runs beside the storing of reports, and fails."""

import asyncio

import pytest

from subscriber.notify.unending import unending
from tests.fake_clock import FakeClock


async def test_a_defect_is_told_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    clock, runs = FakeClock(), 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        raise RuntimeError

    task = asyncio.create_task(unending("telegram", run, clock=clock))
    await clock.advance(200)
    assert runs == 4
    assert len([each for each in caplog.records if each.name.startswith("subscriber")]) == 1
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


async def test_what_ends_by_itself_has_ended() -> None:
    async def run() -> None:
        await asyncio.sleep(0)

    await unending("channels", run, clock=FakeClock())
