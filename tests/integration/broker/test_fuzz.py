"""Bytes made up by hypothesis, before and after a login: nothing crashes, nothing is left, others are served."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.rights import Role
from broker.service import new_event_loop
from tests.integration.broker.peer import Closed, Login, Peer, Will, binary, connect, packet, publish, text
from tests.integration.broker.running import House, broker_running, limits
from tests.waiting import eventually_async

EXAMPLES = int(os.environ.get("RIGWATCH_FUZZ", "150"))

topics = st.one_of(st.sampled_from(["t", "t/+", "#", "$SYS/x", "", "/", "t\0"]), st.text(max_size=20))
bodies = st.binary(max_size=60)
packets = st.one_of(
    st.binary(max_size=40),
    st.builds(packet, st.integers(0, 255), bodies),
    st.builds(publish, topics, bodies, qos=st.integers(0, 3), packet_id=st.integers(0, 3)),
    st.builds(lambda topic, qos: packet(0x82, b"\x00\x01" + text(topic) + bytes([qos])), topics, st.integers(0, 255)),
    st.builds(
        lambda kind, number: packet(kind << 4 | 2 * (kind == 6), number.to_bytes(2)),
        st.integers(4, 7),
        st.integers(0, 3),
    ),
    st.sampled_from([b"\xc0\x00", b"\xe0\x00"]),
)
flags = st.integers(0, 255)
connects = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda given, fields: packet(0x10, binary(b"MQTT") + bytes([4, given, 0, 0]) + b"".join(map(binary, fields))),
        flags,
        st.lists(st.binary(max_size=20), max_size=6),
    ),
    st.builds(
        lambda user, client_id, topic: connect(Login(user, "x", client_id, will=Will(topic))), topics, topics, topics
    ),
)


async def throw(house: House, login: Login, strangers: list[bytes], clients: list[bytes]) -> None:
    """Both kinds of bytes at a broker, and then a look whether it is as it was."""
    stranger, client = await Peer.open(house.port), await house.join(login)
    for data in strangers:
        stranger.send(data)
    for data in clients:
        client.send(data)
    client._writer.close()
    stranger._writer.close()
    for peer in (stranger, client):
        with suppress(Closed):
            while True:
                await peer._next(2)
        peer.drop()
    async with await house.join(house.node()) as node:
        await node.ping()


@dataclass(frozen=True, slots=True)
class Target:
    """A broker that lives through all examples, in a loop that runs while one of them does."""

    runner: asyncio.Runner
    house: House
    login: Login
    sockets: int
    tasks: int
    """As many as there were before the first example."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        given_limits = limits(connections=200, connect_timeout=timedelta(seconds=1), logins_per_minute=1_000_000)
        running = broker_running(tmp_path_factory.mktemp("fuzz"), given_limits)
        house = runner.run(running.__aenter__())
        tasks = len(asyncio.all_tasks(runner.get_loop()))
        yield Target(runner, house, house.account("ann", Role.ADMIN), _sockets(), tasks)
        runner.run(running.__aexit__(None, None, None))


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(strangers=st.lists(connects, max_size=4), clients=st.lists(packets, max_size=8))
def test_made_up_bytes_do_no_harm(target: Target, strangers: list[bytes], clients: list[bytes]) -> None:
    target.runner.run(throw(target.house, target.login, strangers, clients))


def test_nothing_is_left_of_all_that(target: Target, caplog: pytest.LogCaptureFixture) -> None:
    async def look() -> None:
        # One more than then: the task that looks.
        assert await eventually_async(
            lambda: len(asyncio.all_tasks()) <= target.tasks + 1 and _sockets() <= target.sockets
        )

    target.runner.run(look())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def _sockets() -> int:
    return len(psutil.Process().net_connections("tcp"))
