"""Shared subscriptions on our broker, and on Mosquitto as the reference of what is expected of them."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from broker.rights import Role
from broker.service import new_event_loop
from tests.integration.broker.peer import Login, Peer
from tests.integration.broker.running import House, broker_running
from tests.mosquitto import StartMosquitto

LOOP = new_event_loop
SHARED = "$share/team/work/+"


@pytest.fixture(params=["ours", "mosquitto"])
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Office:
    """One of the brokers, and further clients of it."""

    def __init__(self, stack: AsyncExitStack, port: int, login: Login) -> None:
        self._stack = stack
        self._port = port
        self._login = login
        self._numbers: Iterator[int] = count()

    async def come(self) -> Peer:
        login = replace(self._login, client_id=f"peer{next(self._numbers)}")
        peer = await Peer.join(self._port, login)
        assert peer.code == 0
        return await self._stack.enter_async_context(peer)


async def office(stack: AsyncExitStack, which: str, folder: Path, start_mosquitto: StartMosquitto) -> Office:
    if which == "mosquitto":
        return Office(stack, start_mosquitto().port, Login("anybody", "", "anybody"))
    house: House = await stack.enter_async_context(broker_running(folder))
    return Office(stack, house.port, house.account("tester", Role.ADMIN))


async def test_each_message_goes_to_one_of_the_group_in_turn_and_to_everybody_else(
    which: str, tmp_path: Path, start_mosquitto: StartMosquitto
) -> None:
    async with AsyncExitStack() as stack:
        place = await office(stack, which, tmp_path, start_mosquitto)
        ann, bob, everybody, sender = [await place.come() for _ in range(4)]
        for member in (ann, bob):
            assert await member.subscribe(SHARED, 1) == 1
        await everybody.subscribe("work/+", 1)
        for number in range(20):
            await sender.publish("work/x", b"%d" % number, qos=1)
        got = [{each.payload for each in await member.receive_all()} for member in (ann, bob)]
        assert [len(each) for each in got] == [10, 10]
        assert got[0] | got[1] == {b"%d" % number for number in range(20)}
        assert len(await everybody.receive_all()) == 20


async def test_a_member_that_goes_leaves_its_share_to_the_others(
    which: str, tmp_path: Path, start_mosquitto: StartMosquitto
) -> None:
    async with AsyncExitStack() as stack:
        place = await office(stack, which, tmp_path, start_mosquitto)
        ann, bob, sender = [await place.come() for _ in range(3)]
        for member in (ann, bob):
            await member.subscribe(SHARED, 1)
        await bob.goodbye()
        for number in range(6):
            await sender.publish("work/x", b"%d" % number, qos=1)
        assert len(await ann.receive_all()) == 6


async def test_retained_messages_are_not_sent_to_a_group(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.account("boss", Role.ADMIN)) as boss:
        await boss.publish("work/x", b"kept", qos=1, retain=True)
        await boss.subscribe(SHARED, 1)
        assert await boss.receive_all() == []
        await boss.subscribe("work/+", 1)
        assert [each.payload for each in await boss.receive_all()] == [b"kept"]


async def test_a_group_is_no_way_around_rights(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.node()) as node:
        assert await node.subscribe("$share/g/rigwatch/v1/main/rig2/ack") == 0x80
        assert await node.subscribe("$share/g") == 0x80
        assert await node.subscribe("$share/g/rigwatch/v1/main/rig1/ack", 1) == 1
        login = house.account("partly", Role.ADMIN, deny=("work/secret",))
        async with await house.join(login) as partly, await house.join(house.account("boss", Role.ADMIN)) as boss:
            await partly.subscribe(SHARED, 1)
            await boss.publish("work/secret", b"no", qos=1)
            await boss.publish("work/open", b"yes", qos=1)
            assert [each.payload for each in await partly.receive_all()] == [b"yes"]
