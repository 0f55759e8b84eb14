"""What the broker tells the subscriber of a node whose connection is taken over."""

from dataclasses import replace
from pathlib import Path

from broker.contest import TAKEOVERS as DUEL
from broker.rights import Role
from broker.service import new_event_loop
from rigwatch.takeover import Takeover, decode_takeover
from rigwatch.topics import TAKEOVERS
from tests.integration.broker.peer import Got, Peer, Will, publish
from tests.integration.broker.running import RIG1, House, broker_running

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATUS1 = "rigwatch/v1/main/rig1/status"


async def subscriber_of(house: House) -> Peer:
    peer = await house.join(house.service())
    assert await peer.subscribe_all((f"{TAKEOVERS}+/+", 1), ("rigwatch/v1/+/+/status", 1)) == b"\1\1"
    return peer


def takeover(got: Got) -> Takeover:
    node, found = decode_takeover(got.topic, got.payload)
    assert node == RIG1
    return found


def port_of(peer: Peer) -> int:
    return int(peer._writer.get_extra_info("sockname")[1])


async def test_it_tells_both_addresses_before_the_birth_and_keeps_it(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await subscriber_of(house) as subscriber:
        old = await house.join(house.node(will=Will(STATUS1)))
        new = await house.join(house.node())
        new.send(publish(STATUS1, b"born", qos=1, packet_id=1))
        will, told, birth = [await subscriber.receive() for _ in range(3)]
        assert (will.payload, birth.payload) == (b"lost", b"born")
        found = takeover(told)
        assert found == Takeover(found.at, ("127.0.0.1", port_of(old)), ("127.0.0.1", port_of(new)), contested=False)
        async with await house.join(replace(house.service(), client_id="subscriber.b")) as later:
            await later.subscribe(f"{TAKEOVERS}+/+")
            assert takeover(await later.receive()) == found


async def test_a_node_that_comes_back_after_its_connection_has_ended_takes_over_nothing(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await subscriber_of(house) as subscriber:
        for _ in range(3):
            node = await house.join(house.node(will=Will(STATUS1)))
            node.drop()
            assert (await subscriber.receive()).payload == b"lost"
        assert await subscriber.receive_all() == []


async def test_two_clients_that_throw_each_other_out_are_called_that(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await subscriber_of(house) as subscriber:
        for _ in range(DUEL + 1):
            await house.join(house.node())
        told = [takeover(each) for each in await subscriber.receive_all()]
        assert [each.contested for each in told] == [False] * (DUEL - 1) + [True]


async def test_of_others_it_tells_nothing(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await subscriber_of(house) as subscriber:
        ann = house.account("ann", Role.ADMIN)
        for _ in range(3):
            await house.join(ann)
            await house.join(house.service("watch"))
        assert await subscriber.receive_all() == []
