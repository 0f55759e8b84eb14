"""The sign of life to somebody elsewhere, against a real web server."""

import asyncio
from datetime import timedelta

from rigwatch.clock import SystemClock
from rigwatch.settings.alerts import HeartbeatSettings
from rigwatch.settings.loader import Secret
from subscriber.notify.heartbeat import Heartbeat
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
