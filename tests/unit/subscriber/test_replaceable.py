"""What runs until it is replaced."""

import asyncio

import pytest

from subscriber.replaceable import Replaceable, Run
from tests.fake_clock import settle


class Recorded:
    """Makes things that run until they are ended, and says what happened to them."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def lasting(self, name: str) -> Run:
        async def run() -> None:
            self.said.append(f"{name} begins")
            try:
                await asyncio.Event().wait()
            finally:
                self.said.append(f"{name} ends")

        return run

    def short(self, name: str) -> Run:
        async def run() -> None:
            self.said.append(f"{name} is done")

        return run


async def test_the_one_before_has_ended_when_the_next_begins() -> None:
    it = Recorded()
    replaceable = Replaceable(it.lasting("one"))
    task = asyncio.create_task(replaceable.run())
    await settle()
    replaceable.replace(it.lasting("two"))
    await settle()
    assert it.said == ["one begins", "one ends", "two begins"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert it.said[-1] == "two ends"


async def test_what_returns_is_not_begun_again_until_it_is_replaced() -> None:
    it = Recorded()
    replaceable = Replaceable(it.short("one"))
    task = asyncio.create_task(replaceable.run())
    await settle()
    assert it.said == ["one is done"]
    replaceable.replace(it.short("two"))
    await settle()
    assert it.said == ["one is done", "two is done"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_defect_passes_to_whoever_runs_it() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Replaceable(broken).run()
