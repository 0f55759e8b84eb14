"""What MQTT 3.1.1 asks of a broker. The first ten tests are the cases of Eclipse Paho's interoperability suite, written
anew from the standard's statements (in brackets); an admin account plays all clients.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from broker.rights import Role
from broker.service import new_event_loop
from tests.integration.broker.peer import Got, Login, Peer, Will, connect, packet, publish
from tests.integration.broker.running import House, broker_running, limits

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

NOBODY = "test/nosubscribe"


@asynccontextmanager
async def admin_house(folder: Path) -> AsyncIterator[tuple[House, Login]]:
    """A broker, and a login that may do everything but subscribe to `NOBODY`."""
    async with broker_running(folder) as house:
        yield house, house.account("tester", Role.ADMIN, deny=(NOBODY,))


def short(got: Got) -> tuple[str, bytes, int, bool]:
    return got.topic, got.payload, got.qos, got.retain


async def test_basic_messages_of_every_qos_arrive_and_a_second_connect_is_an_error(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login):
        async with await house.join(login) as peer:
            assert await peer.subscribe("TopicA", 2) == 2
            for qos in (0, 1, 2):
                await peer.publish("TopicA", b"qos %d" % qos, qos=qos)
            assert [short(each) for each in await peer.receive_all()] == [
                ("TopicA", b"qos %d" % qos, qos, False) for qos in (0, 1, 2)
            ]
            peer.send(connect(login))  # [MQTT-3.1.0-2]
            assert await peer.is_closed()
        async with await Peer.open(house.port) as peer:  # [MQTT-3.1.2-1]
            peer.send(connect(login, name=b"hj"))
            assert await peer.is_closed()


async def test_retained_messages_are_sent_to_new_subscribers_and_cleared_by_an_empty_one(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as peer:
        topics = ("TopicA/B", "TopicA/C", "Topic/C")
        for qos, topic in enumerate(topics):
            await peer.publish(topic, b"qos %d" % qos, qos=qos, retain=True)
        await peer.subscribe("+/+", 2)
        found = sorted(short(each) for each in await peer.receive_all())  # [MQTT-3.3.1-6] [MQTT-3.3.1-8]
        assert found == sorted((topic, b"qos %d" % qos, qos, True) for qos, topic in enumerate(topics))
        for qos, topic in enumerate(topics):
            await peer.publish(topic, b"", qos=qos, retain=True)  # [MQTT-3.3.1-10]
        assert not any(each.retain for each in await peer.receive_all())  # [MQTT-3.3.1-9]
        async with await house.join(replace(login, client_id="later")) as later:
            await later.subscribe("+/+", 2)
            assert await later.receive_all() == []


async def test_a_client_without_an_id_gets_one_for_a_clean_session_only(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login):
        async with await Peer.join(house.port, replace(login, client_id="", clean=False)) as peer:
            assert peer.code == 2  # [MQTT-3.1.3-8]
            assert await peer.is_closed()
        async with (
            await house.join(replace(login, client_id="")) as one,  # [MQTT-3.1.3-6]
            await house.join(replace(login, client_id="")) as other,
        ):
            await one.ping()
            await other.ping()


async def test_messages_for_an_absent_client_wait_for_it(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login):
        away = replace(login, client_id="away", clean=False)
        async with await house.join(away) as peer:
            await peer.subscribe("+/+", 2)
            await peer.goodbye()
        async with await house.join(login) as other:
            for qos in (0, 1, 2):
                await other.publish(f"Topic/{qos}", b"qos %d" % qos, qos=qos)
        async with await house.join(away) as back:
            assert back.session_present  # [MQTT-3.2.2-2]
            found = [short(each) for each in await back.receive_all()]  # [MQTT-3.1.2-5]
        assert found == [("Topic/1", b"qos 1", 1, False), ("Topic/2", b"qos 2", 2, False)]


async def test_a_message_under_overlapping_filters_comes_with_the_highest_qos(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as peer:
        await peer.subscribe_all(("TopicA/#", 2), ("TopicA/+", 1))
        await peer.publish("TopicA/C", b"once", qos=2)
        assert [short(each) for each in await peer.receive_all()] == [("TopicA/C", b"once", 2, False)]  # [MQTT-3.3.5-1]


async def test_a_client_silent_for_longer_than_its_keep_alive_is_closed_and_its_will_sent(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as watcher:
        await watcher.subscribe("TopicA/will", 2)
        silent = replace(login, client_id="silent", keep_alive=1, will=Will("TopicA/will", b"gone", qos=2))
        async with await house.join(silent) as peer:
            assert await peer.is_closed(timeout=2.6)  # [MQTT-3.1.2-24]
            assert short(await watcher.receive()) == ("TopicA/will", b"gone", 2, False)  # [MQTT-3.1.2-8]


async def test_what_was_not_acknowledged_is_delivered_again_on_reconnect(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login):
        lossy = replace(login, client_id="lossy", clean=False)
        async with await house.join(lossy) as peer, await house.join(login) as other:
            await peer.subscribe("TopicA/#", 2)
            peer.acknowledges = False
            await other.publish("TopicA/1", b"one", qos=1)
            await other.publish("TopicA/2", b"two", qos=2)
            first = await peer.receive_all()
        async with await house.join(lossy) as back:
            again = await back.receive_all()  # [MQTT-4.4.0-1]
        assert again == [replace(each, again=True) for each in first]
        assert [each.payload for each in again] == [b"one", b"two"]


async def test_a_refused_subscription_is_answered_as_failed(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as peer:
        assert await peer.subscribe_all((NOBODY, 2), ("other", 1)) == b"\x80\x01"  # [MQTT-3.9.3-2]
        await peer.subscribe("#", 1)
        await peer.publish(NOBODY)
        await peer.publish("other", b"heard")
        assert [each.payload for each in await peer.receive_all()] == [b"heard"]


async def test_wildcards_do_not_match_topics_that_begin_with_a_dollar(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as peer:
        await peer.subscribe_all(("+/+", 2), ("#", 2))
        await peer.publish("$TopicA/B", b"hidden", qos=1)  # [MQTT-4.7.2-1]
        assert await peer.receive_all() == []


async def test_no_message_comes_after_an_unsubscribe(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as peer:
        await peer.subscribe_all(("TopicA", 2), ("TopicA/B", 2), ("Topic/C", 2))
        await peer.unsubscribe("TopicA")
        await peer.unsubscribe("never/there")  # [MQTT-3.10.4-5]
        for topic in ("TopicA", "TopicA/B", "Topic/C"):
            await peer.publish(topic)
        assert [each.topic for each in await peer.receive_all()] == ["TopicA/B", "Topic/C"]  # [MQTT-3.10.4-2]


# More of the standard, by section.


async def test_a_clean_session_forgets_what_was_before(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login):
        kept = replace(login, clean=False)
        async with await house.join(kept) as peer:
            await peer.subscribe("t")
        async with await house.join(login) as peer:
            assert not peer.session_present
        async with await house.join(kept) as peer:  # [MQTT-3.1.2-6]
            assert not peer.session_present
            await peer.publish("t")
            assert await peer.receive_all() == []


async def test_a_qos_2_message_sent_twice_is_delivered_once(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as peer:
        await peer.subscribe("t", 2)
        for first in (0x34, 0x3C):
            peer.send(packet(first, publish("t", b"once", qos=2, packet_id=9)[2:]))
            assert (await peer.packet(5))[1] == b"\x00\x09"  # [MQTT-4.3.3-2]
        peer.send(b"\x62\x02\x00\x09")
        await peer.packet(7)
        assert [each.payload for each in await peer.receive_all()] == [b"once"]
        # The exchange is over, so its id is free for another message.
        peer.send(publish("t", b"another", qos=2, packet_id=9))
        await peer.packet(5)
        assert [each.payload for each in await peer.receive_all()] == [b"another"]


async def test_a_qos_2_message_begun_on_one_connection_is_finished_on_the_next(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login):
        kept = replace(login, client_id="kept", clean=False)
        async with await house.join(login) as watcher:
            await watcher.subscribe("t", 2)
            async with await house.join(kept) as peer:
                peer.send(publish("t", b"once", qos=2, packet_id=9))
                await peer.packet(5)
            async with await house.join(kept) as peer:
                peer.send(packet(0x3C, publish("t", b"once", qos=2, packet_id=9)[2:]))
                await peer.packet(5)
                peer.send(b"\x62\x02\x00\x09")
                await peer.packet(7)
            assert [each.payload for each in await watcher.receive_all()] == [b"once"]


async def test_a_client_is_sent_no_more_than_the_window_unacknowledged(tmp_path: Path) -> None:
    async with broker_running(tmp_path, limits(inflight=5)) as house:
        login = house.account("tester", Role.ADMIN)
        async with await house.join(login) as other, await house.join(replace(login, client_id="slow")) as slow:
            await slow.subscribe("t", 1)
            slow.acknowledges = False
            for number in range(20):
                await other.publish("t", b"%d" % number)
            found = await slow.receive_all()
            assert [int(each.payload) for each in found] == [0, 1, 2, 3, 4]
            slow.acknowledges = True
            for each in found:
                slow.send(packet(0x40, each.packet_id.to_bytes(2)))
            assert [int((await slow.receive()).payload) for _ in range(15)] == list(range(5, 20))


@pytest.mark.parametrize("qos", [1, 2])
async def test_nothing_acknowledged_is_lost_while_a_client_comes_and_goes(tmp_path: Path, qos: int) -> None:
    async with admin_house(tmp_path) as (house, login):
        flaky = replace(login, client_id="flaky", clean=False)
        found: list[int] = []
        async with await house.join(login) as other:
            async with await house.join(flaky) as peer:
                await peer.subscribe("t", qos)
            for number in range(60):
                await other.publish("t", b"%d" % number, qos=qos)
                if number % 10 == 5:
                    async with await house.join(flaky) as peer:
                        found += [int((await peer.receive()).payload) for _ in range(3)]
            async with await house.join(flaky) as peer:
                found += [int(each.payload) for each in await peer.receive_all()]
        assert sorted(set(found)) == list(range(60))


async def test_a_subscription_repeated_brings_the_retained_messages_again(tmp_path: Path) -> None:
    async with admin_house(tmp_path) as (house, login), await house.join(login) as peer:
        await peer.publish("t", b"kept", retain=True)
        for qos in (0, 1):
            await peer.subscribe("t", qos)  # [MQTT-3.8.4-3]
            assert [short(each) for each in await peer.receive_all()] == [("t", b"kept", qos, True)]


async def test_sessions_of_two_accounts_do_not_meet_in_one_client_id(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        ann, bob = house.account("ann", Role.ADMIN), house.account("bob", Role.ADMIN)
        shared = "node-red"
        one, other = await house.join(replace(ann, client_id=shared)), await house.join(replace(bob, client_id=shared))
        await one.ping()
        await other.ping()
