import asyncio
import logging

import pytest

from publisher.census import Census
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock

NODES = [NodeId("sim-1", f"sim-00{i}") for i in range(1, 4)]


async def test_it_says_how_many_are_online_when_that_changed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock, census = FakeClock(), Census(3)
    first, second, third = (census.journal(node) for node in NODES)
    task = asyncio.create_task(census.run(clock))
    first.online(1)
    second.online(1)
    third.refused("Not authorized")
    await clock.advance(60)
    third.online(2)
    await clock.advance(60)
    second.lost("the connection ended")
    first.offline()
    await clock.advance(60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [record.getMessage() for record in caplog.records] == [
        "simulated nodes online=2 of=3 trouble=Not authorized",
        "simulated nodes online=3 of=3 trouble=none",
        "simulated nodes online=1 of=3 trouble=the connection ended",
    ]
