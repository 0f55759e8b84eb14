"""Waiting for whichever of several things comes first."""

import asyncio
from collections.abc import Awaitable


async def first_of(*waits: Awaitable[object]) -> None:
    """Returns when one of them is done, raising what it raised; coroutines that are not done are cancelled.

    Tasks and futures are their owner's: whether they are done, fail or give up, they are only looked at.
    """
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, wait in zip(tasks, waits, strict=True):
            if task is not wait:
                task.cancel()
    for task in tasks:
        if task.done():
            task.result()
