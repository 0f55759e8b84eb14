"""The session against a real Mosquitto."""

import asyncio
import logging
from pathlib import Path

import pytest

from publisher.outbox import Outbox
from rigwatch.clock import SystemClock
from rigwatch.messages import Ack, NodeState
from rigwatch.mqtt import Endpoint
from tests.fake_clock import FakeClock
from tests.integration.publisher.rig import KEY, LIMITS, NODE, rigging
from tests.integration.publisher.server import serving
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.waiting import eventually_async


def endpoint_of(broker: Mosquitto) -> Endpoint:
    return Endpoint("127.0.0.1", broker.port)


async def test_it_is_born_reports_and_says_goodbye(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}) as server:
        async with rigging(endpoint) as rig:
            await rig.measure(100.0)
            await eventually_async(lambda: server.samples(NODE), what="the sample arrives")
            await eventually_async(lambda: not rig.outbox.pending(), what="the ack empties the outbox")
        await eventually_async(lambda: NodeState.OFFLINE in server.states(NODE))
        assert server.states(NODE) == [NodeState.ONLINE, NodeState.OFFLINE]
        assert server.samples(NODE)[0].hashrate == 100.0
        birth, goodbye = (status for _, status, _ in server.statuses)
        assert birth.session == goodbye.session == server.reports[0][1].session
        assert (birth.name, birth.host, birth.interval) == ("Rig 7", "rig", 60.0)
        assert goodbye.reason == "stopped"


async def test_birth_and_goodbye_are_retained(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with rigging(endpoint), serving(endpoint, {NODE: KEY}) as early:
        await eventually_async(lambda: early.states(NODE) == [NodeState.ONLINE])
        async with serving(endpoint, {NODE: KEY}) as late:
            pass
    async with serving(endpoint, {NODE: KEY}) as server:
        await eventually_async(lambda: server.statuses)
        assert [(status.state, retained) for _, status, retained in server.statuses] == [(NodeState.OFFLINE, True)]
    assert late is not early


async def test_the_broker_publishes_its_will_when_it_is_killed(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}) as server, rigging(endpoint, settled=False) as rig:
        await eventually_async(lambda: server.states(NODE) == [NodeState.ONLINE])
        rig.task.cancel()
        await eventually_async(lambda: server.states(NODE) == [NodeState.ONLINE, NodeState.LOST])
        (_, birth, _), (_, will, _) = server.statuses
        assert will.session == birth.session


async def test_a_sample_stays_until_the_subscriber_has_it_whatever_the_broker_says(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}, answers=False) as server, rigging(endpoint) as rig:
        await rig.measure(1.0)
        await eventually_async(lambda: server.samples(NODE))
        await eventually_async(lambda: rig.dispatch.wakes_at() is not None, what="the PUBACK came")
        assert len(rig.outbox.pending()) == 1
        server.ack(NODE, Ack(session=1, n=(server.samples(NODE)[0].n,)))
        await eventually_async(lambda: not rig.outbox.pending())
