"""Whichever of several waits comes first."""

import asyncio

import pytest

from rigwatch.first import first_of


async def test_the_first_ends_the_wait_and_the_other_coroutines() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("given up")

    await first_of(forever(), asyncio.sleep(0))
    await asyncio.sleep(0)
    assert ended == ["given up"]


async def test_what_the_first_raises_is_raised() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        await first_of(asyncio.Event().wait(), fail())
    await asyncio.sleep(0)


async def test_a_task_or_a_future_goes_on() -> None:
    task = asyncio.create_task(asyncio.Event().wait())
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await first_of(task, future, asyncio.sleep(0))
    assert not task.done()
    assert not future.done()
    task.cancel()
    await asyncio.wait([task])


async def test_whoever_gives_up_the_wait_leaves_nothing_behind() -> None:
    waiting = asyncio.create_task(first_of(asyncio.Event().wait(), asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
