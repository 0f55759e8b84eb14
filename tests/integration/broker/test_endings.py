"""What the broker tells the subscriber of how a node's connection ended, before its will."""

from dataclasses import replace
from pathlib import Path

import pytest

from broker.service import new_event_loop
from rigwatch.ending import ConnectionEnd, Ending, decode_ending
from rigwatch.errors import DecodeError, TopicError
from rigwatch.topics import ENDINGS
from tests.integration.broker.peer import Peer, Will
from tests.integration.broker.running import RIG1, House, broker_running

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATUS1 = "rigwatch/v1/main/rig1/status"


async def subscriber_of(house: House) -> Peer:
    peer = await house.join(house.service())
    assert await peer.subscribe_all((f"{ENDINGS}+/+", 1), ("rigwatch/v1/+/+/status", 1)) == b"\1\1"
    return peer


async def test_a_connection_that_its_end_closes_is_told_before_the_will_and_kept(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await subscriber_of(house) as subscriber:
        node = await house.join(house.node(will=Will(STATUS1)))
        node.drop()
        told, will = [await subscriber.receive() for _ in range(2)]
        assert will.payload == b"lost"
        name, end = decode_ending(told.topic, told.payload)
        assert (name, end.ending) == (RIG1, Ending.CLOSED)
        async with await house.join(replace(house.service(), client_id="subscriber.b")) as later:
            await later.subscribe(f"{ENDINGS}+/+")
            assert (await later.receive()).payload == told.payload


async def test_a_goodbye_is_no_such_end(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await subscriber_of(house) as subscriber:
        node = await house.join(house.node(will=Will(STATUS1)))
        await node.goodbye()
        assert await subscriber.receive_all() == []


async def test_nobody_else_may_say_so(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await subscriber_of(house) as subscriber:
        node = await house.join(house.node(will=Will(STATUS1)))
        assert await node.subscribe(f"{ENDINGS}+/+") == 0x80
        assert await subscriber.receive_all() == []


@pytest.mark.parametrize(
    ("topic", "payload", "error"),
    [
        ("$SYS/rigwatch/takeover/main/rig1", b"{}", TopicError),
        (f"{ENDINGS}main", b"{}", TopicError),
        (f"{ENDINGS}main/rig1", b"{", DecodeError),
        (f"{ENDINGS}main/rig1", b'{"at":1,"ending":"bored"}', DecodeError),
        (f"{ENDINGS}main/rig1", b"\xff", DecodeError),
    ],
)
def test_what_is_none_is_refused(topic: str, payload: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_ending(topic, payload)


def test_what_is_told_is_read() -> None:
    payload = b'{"at":5,"ending":"timed out"}'
    assert decode_ending(f"{ENDINGS}main/rig1", payload) == (RIG1, ConnectionEnd(5, Ending.TIMED_OUT))
