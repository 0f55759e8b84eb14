"""The sign of life to somebody elsewhere, against a real web server."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from rigwatch.clock import SystemClock
from rigwatch.settings.alerts import HeartbeatSettings
from rigwatch.settings.loader import Secret
from subscriber.notify.heartbeat import DOUBTS_MAX, Heartbeat, HeartbeatFacts, WellBeing
from tests.fake_clock import FakeClock
from tests.waiting import eventually_async
from tests.webhook import webhook


async def test_it_says_when_all_is_well_and_when_it_is_not() -> None:
    well = True
    with webhook() as elsewhere:
        url = Secret(f"http://127.0.0.1:{elsewhere.port}/ping/abc")
        settings = HeartbeatSettings(url=url, every=timedelta(milliseconds=50))
        task = asyncio.create_task(Heartbeat(settings, lambda: well, clock=SystemClock()).run())
        await eventually_async(lambda: elsewhere.deliveries, what="a sign of life")
        well = False
        await eventually_async(lambda: elsewhere.deliveries[-1].path == "/ping/abc/fail", what="a cry for help")
        task.cancel()
        await asyncio.wait([task])
    assert elsewhere.deliveries[0].path == "/ping/abc"


async def test_an_address_that_does_not_answer_is_asked_again() -> None:
    with webhook() as elsewhere:
        elsewhere.status = 500
        settings = HeartbeatSettings(
            url=Secret(f"http://127.0.0.1:{elsewhere.port}/"), every=timedelta(milliseconds=50)
        )
        task = asyncio.create_task(Heartbeat(settings, lambda: True, clock=SystemClock()).run())
        await eventually_async(lambda: len(elsewhere.deliveries) > 2, what="further signs of life")
        task.cancel()
        await asyncio.wait([task])


async def test_without_an_address_it_ends_at_once() -> None:
    await Heartbeat(HeartbeatSettings(), lambda: True, clock=SystemClock()).run()


def looks(count: int, facts: HeartbeatFacts, standing: WellBeing | None = None) -> list[bool | None]:
    asked = standing or WellBeing(lambda: facts)
    return [asked() for _ in range(count)]


WELL = HeartbeatFacts(leads=True, connected=True, steps=True)


def test_only_the_leader_speaks() -> None:
    for facts in (WELL, HeartbeatFacts(leads=True, connected=False, steps=False)):
        assert set(looks(100, replace(facts, leads=False))) == {None}
    assert set(looks(100, WELL)) == {True}


@pytest.mark.parametrize("facts", [replace(WELL, connected=False), replace(WELL, steps=False)])
def test_trouble_is_said_once_it_is_known(facts: HeartbeatFacts) -> None:
    assert looks(DOUBTS_MAX + 2, facts) == [None] * (DOUBTS_MAX - 1) + [False] * 3


def test_a_moment_without_the_broker_is_no_trouble() -> None:
    now = WELL
    standing = WellBeing(lambda: now)
    assert looks(1, now, standing) == [True]
    now = replace(WELL, connected=False)
    assert looks(DOUBTS_MAX - 1, now, standing) == [None] * (DOUBTS_MAX - 1)
    now = WELL
    assert looks(1, now, standing) == [True]
    now = replace(WELL, connected=False)
    assert looks(1, now, standing) == [None]


async def test_the_first_beat_waits_until_something_is_known_and_a_change_is_said_at_once() -> None:
    well: bool | None = None
    clock = FakeClock()
    with webhook() as elsewhere:

        async def beaten(number: int) -> bool:
            await clock.advance(0.5)
            return len(elsewhere.deliveries) >= number

        url = Secret(f"http://127.0.0.1:{elsewhere.port}/ping?x=1")
        task = asyncio.create_task(Heartbeat(HeartbeatSettings(url=url), lambda: well, clock=clock).run())
        await clock.advance(20)
        assert not elsewhere.deliveries
        for number, (now, path) in enumerate(((True, "/ping?x=1"), (False, "/ping/fail?x=1"), (True, "/ping?x=1")), 1):
            well = now
            await eventually_async(partial(beaten, number), what="a beat")
            assert elsewhere.deliveries[-1].path == path
        task.cancel()
        await asyncio.wait([task])
    assert len(elsewhere.deliveries) == 3
