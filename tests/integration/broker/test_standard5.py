"""What the standard of MQTT 5 demands of a server, statement by statement, over the wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mqtt5
import pytest

from broker.rights import Role
from broker.service import new_event_loop
from rigwatch.clock import Clock
from tests.fake_clock import FakeClock
from tests.integration.broker.peer import Login, Peer, packet, text
from tests.integration.broker.peer5 import Peer5, connect5
from tests.integration.broker.running import House, broker_running, limits
from tests.waiting import eventually_async

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

EXACTLY = mqtt5.QoS.EXACTLY_ONCE
AT_LEAST = mqtt5.QoS.AT_LEAST_ONCE
STATUS = "rigwatch/v1/main/rig1/status"


class Hall:
    """A broker, and an admin's login by any number of names."""

    def __init__(self, house: House, login: Login) -> None:
        self.house = house
        self.login = login

    async def join(self, client_id: str = "a", **changed: Any) -> Peer5:  # noqa: ANN401 - whatever the packet has
        peer = await Peer5.join(self.house.port, self.login, client_id=client_id, **changed)
        assert peer.connack.reason_code == 0
        return peer


@asynccontextmanager
async def hall(folder: Path, clock: Clock | None = None, **changed: object) -> AsyncIterator[Hall]:
    async with broker_running(folder, limits(**changed), clock=clock) as house:
        yield Hall(house, house.account("ann", Role.ADMIN, deny=("denied/#",)))


# CONNECT and CONNACK


async def test_3_1_2_2_a_version_that_is_not_spoken_is_refused_by_its_code(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        peer = await Peer.open(there.house.port)
        peer.send(packet(0x10, text("MQTT") + b"\x06\x02\0\0\0\0\0"))
        assert await peer.connack() == 1


async def test_3_1_2_4_a_clean_start_ends_the_session_before_it(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        async with await there.join(session_expiry_interval=100) as peer:
            await peer.subscribe("t")
        async with await there.join(clean_start=True, session_expiry_interval=100) as peer:
            assert not peer.connack.session_present  # [MQTT-3.2.2-2]
            await peer.publish("t")
            assert await peer.receive_all() == []


async def test_3_1_2_5_a_session_that_is_there_is_gone_on_with(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        async with await there.join(session_expiry_interval=100) as peer:
            await peer.subscribe("t", 2)
            await peer.goodbye()
        async with await there.join("b") as other:
            await other.publish("t", b"meanwhile", 2)
        async with await there.join(clean_start=False) as peer:
            assert peer.connack.session_present  # [MQTT-3.2.2-3]
            assert [each.payload for each in await peer.receive_all()] == [b"meanwhile"]
        # This one has not asked to be kept: [MQTT-3.1.2-23].
        async with await there.join(clean_start=False) as peer:
            assert not peer.connack.session_present


async def test_3_1_2_11_a_session_expires_when_its_time_is_over(tmp_path: Path) -> None:
    clock = FakeClock()
    async with hall(tmp_path, clock) as there:
        for seconds, is_kept in ((0, False), (59, True), (62, False)):
            await clock.advance(seconds)
            async with await there.join(clean_start=False, session_expiry_interval=60) as peer:
                assert peer.connack.session_present is is_kept
                await peer.goodbye()


async def test_3_2_2_21_a_session_is_kept_no_longer_than_the_limit_and_told_so(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join(session_expiry_interval=0xFFFFFFFF) as peer:
        assert peer.connack.session_expiry_interval == 24 * 3600
        async with await there.join("b", session_expiry_interval=30) as other:
            assert other.connack.session_expiry_interval is None


async def test_3_2_2_16_a_client_without_an_id_is_given_one_to_come_back_with(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        async with await there.join("", clean_start=False, session_expiry_interval=60) as peer:
            given = peer.connack.assigned_client_id
            assert given
            await peer.subscribe("t")
        async with await there.join(given, clean_start=False) as peer:
            assert peer.connack.session_present
            assert peer.connack.assigned_client_id is None


@pytest.mark.parametrize(("asked", "told"), [(0, 60), (3600, 60), (60, None), (10, None)])
async def test_3_2_2_21_a_client_is_told_to_give_a_sign_of_life_often_enough(
    tmp_path: Path, asked: int, told: int | None
) -> None:
    async with hall(tmp_path) as there, await there.join(keep_alive=asked) as peer:
        assert peer.connack.server_keep_alive == told


async def test_3_1_2_22_a_client_silent_for_longer_than_its_keep_alive_is_told_so_and_closed(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join(keep_alive=1) as peer:
        assert await peer.farewell() == 0x8D


async def test_3_1_4_3_a_client_that_is_taken_over_is_told_so(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as first, await there.join() as second:
        assert await first.farewell() == 0x8E
        assert await second.receive_all() == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"password": b"wrong"}, 0x86),
        ({"username": None, "password": None}, 0x86),
        ({"authentication_method": "SCRAM-SHA-1"}, 0x8C),
        ({"max_packet_size": 20}, 0x95),
    ],
)
async def test_3_2_2_7_a_refusal_has_its_code_and_the_connection_ends(
    tmp_path: Path, changed: dict[str, Any], code: int
) -> None:
    async with hall(tmp_path) as there, await Peer5.join(there.house.port, there.login, **changed) as peer:
        assert peer.connack.reason_code == code
        assert not peer.connack.session_present  # [MQTT-3.2.2-6]
        assert await peer.is_closed()


async def test_a_node_is_held_to_its_client_id_and_its_will(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        async with await Peer5.join(house.port, house.node(), client_id="") as peer:
            assert peer.connack.reason_code == 0x85
        will = mqtt5.Will("rigwatch/v1/main/rig2/status")
        async with await Peer5.join(house.port, house.node(), will=will) as peer:
            assert peer.connack.reason_code == 0x87


async def test_4_13_1_a_malformed_connect_is_answered_by_its_code(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await Peer5.open(there.house.port) as peer:
        # A property twice.
        peer.send(packet(0x10, text("MQTT") + b"\x05\x02\0\0\x06\x21\0\x05\x21\0\x05" + text("x")))
        assert (await peer.packet(mqtt5.ConnAckPacket)).reason_code == 0x82
        assert await peer.is_closed()


async def test_3_1_0_2_a_second_connect_ends_the_connection(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        peer.write(connect5(there.login))
        assert await peer.farewell() == 0x82


# Wills


WILL = mqtt5.Will(
    "t/will", payload=b"gone", qos=AT_LEAST, content_type="text/plain", user_properties=[("a", "1"), ("a", "2")]
)


async def test_3_1_2_8_a_will_is_sent_with_its_properties(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join("watcher") as watcher:
        await watcher.subscribe("t/will")
        (await there.join(will=WILL)).drop()
        found = await watcher.receive()
        assert (found.payload, found.content_type, found.user_properties) == (
            b"gone",
            "text/plain",
            [("a", "1"), ("a", "2")],
        )


async def test_3_14_4_3_a_goodbye_voids_the_will_and_one_that_says_so_does_not(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join("watcher") as watcher:
        await watcher.subscribe("t/will")
        async with await there.join(will=WILL) as peer:
            await peer.goodbye()
        assert await watcher.receive_all() == []
        async with await there.join(will=WILL) as peer:
            await peer.goodbye(reason_code=mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE)
        assert (await watcher.receive()).payload == b"gone"


def delayed(seconds: int) -> mqtt5.Will:
    return mqtt5.Will("t/will", payload=b"gone", qos=AT_LEAST, will_delay_interval=seconds)


async def test_3_1_3_9_a_client_that_comes_back_in_time_has_no_will_sent(tmp_path: Path) -> None:
    clock = FakeClock()
    async with hall(tmp_path, clock) as there, await there.join("watcher") as watcher:
        await watcher.subscribe("t/will")
        (await there.join(will=delayed(1), session_expiry_interval=60)).drop()
        async with await there.join(clean_start=False, session_expiry_interval=60) as back:
            assert back.connack.session_present
            await clock.advance(2)
            assert await watcher.receive_all() == []


async def test_a_delayed_will_is_sent_when_its_time_has_come(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join("watcher") as watcher:
        await watcher.subscribe("t/will")
        (await there.join(will=delayed(1), session_expiry_interval=60)).drop()
        assert await watcher.receive_all() == []
        assert (await watcher.receive()).payload == b"gone"


@pytest.mark.parametrize("expiry", [0, 1])
async def test_a_delayed_will_waits_no_longer_than_its_session_lives(tmp_path: Path, expiry: int) -> None:
    async with hall(tmp_path) as there, await there.join("watcher") as watcher:
        await watcher.subscribe("t/will")
        (await there.join(will=delayed(100), session_expiry_interval=expiry)).drop()
        assert (await watcher.receive()).payload == b"gone"


async def test_a_delayed_will_is_sent_when_a_clean_start_ends_its_session(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join("watcher") as watcher:
        await watcher.subscribe("t/will")
        (await there.join(will=delayed(100), session_expiry_interval=60)).drop()
        async with await there.join(clean_start=True):
            assert (await watcher.receive()).payload == b"gone"


async def test_a_nodes_will_is_sent_at_once_and_for_good_whatever_it_asks_for(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join("watcher") as watcher:
        await watcher.subscribe(STATUS)
        will = mqtt5.Will(STATUS, payload=b"gone", retain=True, will_delay_interval=3600, message_expiry_interval=60)
        (await Peer5.join(there.house.port, there.house.node(), will=will, session_expiry_interval=3600)).drop()
        found = await watcher.receive()
        assert (found.payload, found.message_expiry_interval) == (b"gone", None)


# PUBLISH


TRAVELLING: dict[str, Any] = {
    "payload_format_indicator": 1,
    "content_type": "text/plain",
    "response_topic": "answers/here",
    "correlation_data": b"\0\xff",
    "user_properties": [("k", "1"), ("k", "2"), ("a", "ü")],
}


@pytest.mark.parametrize("retain", [False, True])
async def test_3_3_2_properties_travel_unaltered_and_in_order(tmp_path: Path, retain: bool) -> None:  # noqa: FBT001 - pytest's parameters
    async with hall(tmp_path) as there, await there.join() as peer:
        if not retain:
            await peer.subscribe("t")
        await peer.publish("t", b"text", retain=retain, **TRAVELLING)
        if retain:
            await peer.subscribe("t")
        found = await peer.receive()
        # [MQTT-3.3.2-4], [-15], [-16], [-17], [-18], [-20]
        assert {name: getattr(found, name) for name in TRAVELLING} == TRAVELLING
        assert found.retain is retain


async def test_who_speaks_3_1_1_gets_the_same_without_properties_and_the_other_way_round(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as new, await there.house.join(there.login) as old:
        await old.subscribe("t", 2)
        await new.subscribe("t", 2)
        await new.publish("t", b"new", 2, **TRAVELLING)
        await old.publish("t", b"old", qos=2)
        assert [(each.payload, each.qos) for each in await old.receive_all()] == [(b"new", 2), (b"old", 2)]
        assert [(each.payload, each.qos) for each in await new.receive_all()] == [(b"new", EXACTLY), (b"old", EXACTLY)]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_refused_publish_is_told_by_its_code_and_costs_nothing_else(tmp_path: Path, qos: int) -> None:
    async with broker_running(tmp_path) as house, await house.watcher() as watcher:
        async with await Peer5.join(house.port, house.node()) as node:
            assert await node.publish("rigwatch/v1/main/rig2/report", b"forged", qos) == (0x87 if qos else 0)
            assert await node.publish("rigwatch/v1/main/rig1/report", b"mine", qos) == 0
            assert await node.receive_all() == []
        assert [each.payload for each in await watcher.receive_all()] == [b"mine"]


async def test_3_3_2_6_what_has_expired_is_not_sent_and_the_rest_says_how_long_it_has_left(tmp_path: Path) -> None:
    clock = FakeClock()
    async with hall(tmp_path, clock) as there, await there.join("b") as other:
        async with await there.join(session_expiry_interval=100) as peer:
            await peer.subscribe("t/#")
            await peer.goodbye()
        await other.publish("t/short", b"short", message_expiry_interval=10)
        await other.publish("t/kept", b"kept", message_expiry_interval=10, retain=True)
        await other.publish("t/long", b"long", message_expiry_interval=100)
        await other.publish("t/ever", b"ever")
        await clock.advance(11)
        async with await there.join(clean_start=False) as peer:
            found = await peer.receive_all()
            assert [each.payload for each in found] == [b"long", b"ever"]  # [MQTT-3.3.2-5]
            assert found[0].message_expiry_interval == 89
            assert found[1].message_expiry_interval is None
            await peer.subscribe("t/kept")
            assert await peer.receive_all() == []


async def test_3_3_2_8_a_topic_alias_stands_for_its_topic_on_its_connection(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        async with await there.join(session_expiry_interval=100) as peer:
            assert peer.connack.topic_alias_max == 32
            await peer.subscribe("#")
            await peer.publish("t/1", b"1", topic_alias=7)
            await peer.publish("", b"2", topic_alias=7)
            await peer.publish("t/2", b"3", topic_alias=7)
            await peer.publish("", b"4", topic_alias=7)
            assert [(each.topic, each.topic_alias) for each in await peer.receive_all()] == [
                ("t/1", None), ("t/1", None), ("t/2", None), ("t/2", None),
            ]  # fmt: skip
        async with await there.join(clean_start=False) as peer:
            peer.write(mqtt5.PublishPacket("", b"5", topic_alias=7))
            assert await peer.farewell() == 0x82


async def test_an_alias_is_no_way_round_the_rights(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        await peer.subscribe("#")
        for topic in ("denied/x", "denied/" + "x" * 600):
            assert await peer.publish(topic, topic_alias=1) == 0x87
            assert await peer.publish("", topic_alias=1) == 0x87
        assert await peer.receive_all() == []


@pytest.mark.parametrize("alias", [0, 33])
async def test_3_3_2_9_an_alias_that_is_none_ends_the_connection(tmp_path: Path, alias: int) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        peer.send(packet(0x30, text("t") + b"\x03\x23" + alias.to_bytes(2) + b"x"))
        assert await peer.farewell() == 0x94


async def test_3_1_2_26_a_client_gets_as_many_aliases_as_it_takes(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join(topic_alias_max=1) as peer:
        await peer.subscribe("#", 2)
        for number, topic in enumerate(("t/1", "t/2", "t/1", "t/1")):
            await peer.publish(topic, b"%d" % number, number % 3)
        found = [(each.topic, each.topic_alias, each.payload) for each in await peer.receive_all()]
        assert found == [("t/1", 1, b"0"), ("t/2", None, b"1"), ("", 1, b"2"), ("", 1, b"3")]


async def test_3_3_4_9_no_more_is_unacknowledged_than_the_client_takes(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join(receive_max=2, session_expiry_interval=100) as peer:
        await peer.subscribe("t", 2)
        peer.acknowledges = False
        for number in range(1, 5):
            await peer.publish("t", b"%d" % number, 1 + number % 2)
        await peer.publish("t", b"free", 0)
        found = await peer.receive_all()
        assert [each.payload for each in found] == [b"1", b"2"]
        # A refusal ends an exchange as well: [MQTT-4.3.3-4] and §4.9.
        peer.write(mqtt5.PubRecPacket(found[0].packet_id or 0, reason_code=mqtt5.PubRecReasonCode.QUOTA_EXCEEDED))
        assert (await peer.receive()).payload == b"3"
        peer.drop()
        async with await there.join(receive_max=1, clean_start=False) as back:
            back.acknowledges = False
            again = await back.receive_all()
            assert [(each.payload, each.duplicate) for each in again] == [(b"2", True)]
            back.write(mqtt5.PubAckPacket(again[0].packet_id or 0))
            assert (await back.receive()).payload == b"3"


async def test_3_3_4_7_who_sends_more_unfinished_messages_than_may_be_is_told_so(tmp_path: Path) -> None:
    async with hall(tmp_path, messages_per_second=10_000) as there, await there.join() as peer:
        for number in range(peer.connack.receive_max + 1):
            peer.write(mqtt5.PublishPacket("t", b"", qos=EXACTLY, packet_id=number + 1))
        assert await peer.farewell() == 0x93


async def test_3_14_4_1_who_goes_on_sending_can_do_so_until_it_has_read_why_it_is_disconnected(tmp_path: Path) -> None:
    """Acknowledgements first, as they come: Paho's suite does so (test_flow_control2), and any client that is busy."""
    async with hall(tmp_path) as there:
        wrong = connect5(there.login, client_id="a").write() + packet(0x00, b"")
        assert await asyncio.to_thread(_reason_read_late, there.house.port, wrong) == 0x82


_CLOSE_WAIT = 8  # of Linux, netinet/tcp.h


def _reason_read_late(port: int, wrong: bytes) -> int:
    """Of the DISCONNECT that follows the CONNACK, read after more has been sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(wrong)
        # All that the broker says has come once it has closed its half.
        while peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _CLOSE_WAIT:
            peer.recv(1, socket.MSG_PEEK)
        for _ in range(100):
            peer.sendall(mqtt5.PingReqPacket().write())
        said = peer.recv(4096)
    goodbye = said[said[1] + 2 :]
    assert goodbye[0] == 0xE0
    return goodbye[2]


async def test_who_never_stops_sending_after_it_was_disconnected_is_not_heard_out(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        peer.send(packet(0x00, b""))
        assert await peer.farewell() == 0x82
        with pytest.raises(ConnectionError):
            await _pour(peer, megabytes=100)


async def _pour(peer: Peer5, *, megabytes: int) -> None:
    for _ in range(megabytes):
        peer.send(bytes(1024 * 1024))
        await peer.drain()


async def test_3_1_2_24_a_packet_larger_than_the_client_takes_counts_as_sent(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join(max_packet_size=100) as peer:
        await peer.subscribe("t", 2)
        for qos in (0, 1, 2):
            await peer.publish("t", bytes(100), qos)
            await peer.publish("t", b"small", qos)
        assert [each.payload for each in await peer.receive_all()] == [b"small"] * 3


async def test_3_2_2_15_a_packet_larger_than_the_broker_takes_ends_the_connection(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path) as house,
        await Peer5.join(house.port, house.account("x", Role.CONSUMER)) as peer,
    ):
        size = peer.connack.max_packet_size
        assert size == 256 * 1024
        peer.write(mqtt5.PublishPacket("t", bytes(size)))
        assert await peer.farewell() == 0x95


async def test_4_3_3_a_repeated_qos_2_message_is_published_once_and_unknown_ids_are_named(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        await peer.subscribe("t", 2)
        for duplicate in (False, True):
            peer.write(mqtt5.PublishPacket("t", b"once", qos=EXACTLY, packet_id=9, duplicate=duplicate))
            assert (await peer.packet(mqtt5.PubRecPacket)).reason_code == 0
        for code in (0, 0x92):
            peer.write(mqtt5.PubRelPacket(9))
            assert (await peer.packet(mqtt5.PubCompPacket)).reason_code == code
        assert [each.payload for each in await peer.receive_all()] == [b"once"]
        peer.write(mqtt5.PubRecPacket(77))
        assert (await peer.packet(mqtt5.PubRelPacket)).reason_code == 0x92


# SUBSCRIBE


async def test_3_8_3_3_what_a_client_publishes_does_not_come_back_where_it_says_so(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer, await there.join("b") as other:
        await peer.subscribe("t/#", no_local=True, number=1)
        await peer.publish("t/1", b"own")
        await other.publish("t/1", b"other's")
        assert [each.payload for each in await peer.receive_all()] == [b"other's"]
        # Another subscription may want it all the same.
        await peer.subscribe("t/+", number=2)
        await peer.publish("t/1", b"own")
        assert [(each.payload, each.subscription_ids) for each in await peer.receive_all()] == [(b"own", [2])]


async def test_3_1_2_24_an_answer_larger_than_the_client_takes_is_not_sent(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join(max_packet_size=64) as peer:
        peer.write(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(f"t/{number}") for number in range(100)]))
        assert await peer.farewell() == 0x95


async def test_3_8_3_4_a_shared_subscription_that_leaves_out_its_own_is_an_error(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        wanted = mqtt5.TopicFilter("$share/g/t", no_local=True)
        peer.write(mqtt5.SubscribePacket(1, [wanted]))
        assert await peer.farewell() == 0x82


async def test_3_3_1_12_retain_is_as_it_was_published_where_the_subscription_says_so(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer, await there.join("b") as other:
        await peer.subscribe("t", retain_as_published=True)
        await other.subscribe("t")
        for retain in (True, False):
            await peer.publish("t", b"x", retain=retain)
        await peer.publish("t", b"", retain=True)
        assert [each.retain for each in await peer.receive_all()] == [True, False, True]  # [MQTT-3.3.1-13]
        assert [each.retain for each in await other.receive_all()] == [False, False, False]


async def test_3_3_1_9_what_is_kept_is_sent_as_the_subscription_says(tmp_path: Path) -> None:
    handling = mqtt5.RetainHandling
    async with hall(tmp_path) as there, await there.join() as peer:
        await peer.publish("t", b"kept", retain=True)

        async def sent(**options: Any) -> int:  # noqa: ANN401 - whatever the packet has
            await peer.subscribe("t", **options)
            found = await peer.receive_all()
            assert all(each.retain for each in found)  # [MQTT-3.3.1-8]
            return len(found)

        assert await sent(retain_handling=handling.SEND_NEVER) == 0  # [MQTT-3.3.1-11]
        assert await sent(retain_handling=handling.SEND_IF_SUBSCRIPTION_NOT_EXISTS) == 0  # [MQTT-3.3.1-10]
        assert await sent(retain_handling=handling.SEND_ALWAYS) == 1
        await peer.unsubscribe("t")
        assert await sent(retain_handling=handling.SEND_IF_SUBSCRIPTION_NOT_EXISTS) == 1


async def test_3_3_4_3_a_message_brings_the_identifiers_of_all_that_match_it(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer, await there.join("b") as other:
        await peer.subscribe("t/1", 0, number=1)
        await peer.subscribe("t/+", 2, number=268_435_455)
        await peer.subscribe("t/#", 1)
        await other.subscribe("t/1")
        await other.publish("t/1", b"x", 2)
        found = await peer.receive_all()
        assert [(sorted(each.subscription_ids), each.qos) for each in found] == [([1, 268_435_455], EXACTLY)]
        assert [each.subscription_ids for each in await other.receive_all()] == [[]]
        # The last subscription to a filter counts: [MQTT-3.8.4-3].
        await peer.subscribe("t/1", 1, number=5)
        await other.publish("t/1")
        assert sorted((await peer.receive()).subscription_ids) == [5, 268_435_455]


async def test_what_is_kept_comes_with_the_identifier_of_its_subscription(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        await peer.publish("t", b"kept", retain=True)
        await peer.subscribe("#", number=1)
        await peer.subscribe("t", number=2)
        assert [each.subscription_ids for each in await peer.receive_all()] == [[1], [2]]


async def test_3_9_3_1_each_filter_is_answered_by_itself(tmp_path: Path) -> None:
    async with hall(tmp_path, subscriptions=2) as there, await there.join() as peer:
        body = b"".join(text(each) + b"\x01" for each in ("a", "denied/a", "a/#/b", "$share/g", "b", "c"))
        peer.send(packet(0x82, b"\0\1\0" + body))
        assert (await peer.packet(mqtt5.SubAckPacket)).reason_codes == [1, 0x80, 0x8F, 0x8F, 1, 0x97]
        async with await Peer5.join(there.house.port, there.house.account("x", Role.CONSUMER)) as consumer:
            assert await consumer.subscribe("rigwatch/v1/+/+/report") == 0x87


async def test_3_11_3_1_an_unsubscribe_says_whether_there_was_a_subscription(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        await peer.subscribe("t")
        assert await peer.unsubscribe("t") == 0
        assert await peer.unsubscribe("t") == 0x11
        await peer.publish("t")
        assert await peer.receive_all() == []  # [MQTT-3.10.4-2]


async def test_4_8_2_a_shared_subscription_gives_each_message_to_one_and_nothing_that_is_kept(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer, await there.join("b") as other:
        await peer.publish("t/kept", b"kept", retain=True)
        for each in (peer, other):
            assert await each.subscribe("$share/g/t/#", 2, number=3) == 2
        for number in range(10):
            await peer.publish(f"t/{number}", b"x", 2)
        shares = [await each.receive_all() for each in (peer, other)]
        assert [len(share) for share in shares] == [5, 5]
        assert len({found.topic for share in shares for found in share}) == 10
        assert all(found.subscription_ids == [3] for share in shares for found in share)


# DISCONNECT, AUTH, and what is wrong


async def test_3_14_2_a_goodbye_may_change_how_long_the_session_is_kept(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        async with await there.join(session_expiry_interval=100) as peer:
            await peer.goodbye(session_expiry_interval=0)
        async with await there.join(clean_start=False, session_expiry_interval=0) as peer:
            assert not peer.connack.session_present
            # Once it ends with its connection, it does: §3.14.2.2.2.
            peer.write(mqtt5.DisconnectPacket(session_expiry_interval=5))
            assert await peer.farewell() == 0x82


async def test_3_15_1_an_auth_nobody_asked_for_ends_the_connection(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        peer.write(mqtt5.AuthPacket(authentication_method="x"))
        assert await peer.farewell() == 0x82


WRONG = {
    "wildcard in a topic": (packet(0x30, text("a/#") + b"\0"), 0x90),
    "no topic and no alias": (packet(0x30, b"\0\0\0"), 0x82),
    "QoS 3": (packet(0x36, text("a") + b"\0\1\0"), 0x81),
    "packet id 0": (packet(0x32, text("a") + b"\0\0\0"), 0x82),
    "text that is not UTF-8": (packet(0x30, b"\0\1\xff\0"), 0x81),
    "property that a PUBLISH has not": (packet(0x30, text("a") + b"\x05\x11\0\0\0\1"), 0x81),
    "subscription identifier of a client": (packet(0x30, text("a") + b"\x02\x0b\1"), 0x81),
    "property twice": (packet(0x30, text("a") + b"\x04\x01\0\x01\0"), 0x82),
    "response topic with a wildcard": (packet(0x30, text("a") + b"\x06\x08" + text("a/#")), 0x82),
    "format that is neither": (packet(0x30, text("a") + b"\x02\x01\x02"), 0x82),
    "properties that end too late": (packet(0x30, text("a") + b"\x09\x01\0"), 0x81),
    "129 properties": (packet(0x30, text("a") + b"\x87\x07" + b"\x26\0\1k\0\1v" * 129), 0x97),
    "subscription without a filter": (packet(0x82, b"\0\1\0"), 0x82),
    "reserved option": (packet(0x82, b"\0\1\0" + text("a") + b"\x40"), 0x81),
    "retain handling 3": (packet(0x82, b"\0\1\0" + text("a") + b"\x30"), 0x82),
    "subscription identifier 0": (packet(0x82, b"\0\1\x02\x0b\0" + text("a") + b"\0"), 0x82),
    "flags of a SUBSCRIBE": (packet(0x80, b"\0\1\0" + text("a") + b"\0"), 0x82),
    "unknown reason of an acknowledgement": (packet(0x40, b"\0\1\x42"), 0x81),
    "ping with a body": (packet(0xC0, b"x"), 0x81),
    "packet of a server": (packet(0x90, b"\0\1\0\0"), 0x82),
    "reserved packet": (packet(0x00, b""), 0x82),
}


@pytest.mark.parametrize("name", WRONG)
async def test_4_13_what_is_wrong_ends_the_connection_with_its_code(tmp_path: Path, name: str) -> None:
    wrong, code = WRONG[name]
    async with hall(tmp_path) as there, await there.join() as peer:
        peer.send(wrong)
        assert await peer.farewell() == code


async def test_a_client_whose_account_is_removed_is_told_so(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join() as peer:
        there.house.accounts.remove("ann")
        assert await peer.farewell() == 0x87


async def test_a_broker_that_stops_says_so_to_who_understands_it(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        peer = await there.join(will=WILL)
    async with peer:
        assert await peer.farewell() == 0x8B


async def test_a_client_may_change_its_version_and_keep_its_session(tmp_path: Path) -> None:
    async with hall(tmp_path) as there:
        kept = replace(there.login, client_id="a", clean=False)
        async with await there.house.join(kept) as old:
            await old.subscribe("t")
        async with await there.join("b") as other:
            await other.publish("t", b"1", **TRAVELLING)
        async with await there.join("a", clean_start=False, session_expiry_interval=100) as new:
            assert new.connack.session_present
            assert (await new.receive()).content_type == "text/plain"
            await new.subscribe("u", number=4, no_local=True)
        async with await there.join("b") as other:
            await other.publish("u", b"2")
        async with await there.house.join(kept) as old:
            assert old.session_present
            assert [each.payload for each in await old.receive_all()] == [b"2"]


async def test_sessions_of_a_client_are_not_left_behind(tmp_path: Path) -> None:
    async with hall(tmp_path) as there, await there.join("watch") as watch:
        for number in range(3):
            (await there.join(f"gone-{number}")).drop()
        await watch.subscribe("$SYS/broker/sessions/count", 0)

        async def only_one() -> bool:
            found = await watch.receive_all()
            return bool(found) and found[-1].payload == b"1"

        assert await eventually_async(only_one, timeout=15)
