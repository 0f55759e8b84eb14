"""Who gets in and what they may do then, over the wire; and that a change of it reaches those who are in already."""

import logging
import time
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.accounts import verify
from broker.rights import Role
from broker.service import new_event_loop
from rigwatch.keys import MasterKey
from rigwatch.settings.server import SecuritySettings
from rigwatch.topics import NodeId
from tests.integration.broker.peer import Login, Peer, Will, connect, publish
from tests.integration.broker.running import PASSPHRASE, RIG1, RIG2, House, broker_running
from tests.waiting import eventually_async, promised

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

REPORT1 = "rigwatch/v1/main/rig1/report"
STATE1 = "rigwatch/v1/main/rig1/state"
STATUS1 = "rigwatch/v1/main/rig1/status"
STATUS2 = "rigwatch/v1/main/rig2/status"
ACK1 = "rigwatch/v1/main/rig1/ack"
# What is promised, with a little for the machine.
SOON = 2.5


async def refused(house: House, login: Login) -> int:
    """The code of a CONNECT that must not be accepted, after which the broker closes."""
    async with await Peer.join(house.port, login) as peer:
        assert peer.code != 0
        assert await peer.is_closed()
        return peer.code


async def test_a_node_reports_and_hears_its_acks_and_nothing_else(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        assert await subscriber.subscribe_all(("rigwatch/v1/+/+/status", 1), ("rigwatch/v1/+/+/report", 1)) == b"\1\1"
        async with await house.join(house.node()) as node:
            assert await node.subscribe_all((ACK1, 1), ("rigwatch/v1/main/rig2/ack", 1), ("#", 1)) == b"\1\x80\x80"
            await node.publish(REPORT1, b"mine")
            await node.publish(STATUS2, b"not mine")
            await subscriber.publish(ACK1, b"got it")
            assert [each.payload for each in await node.receive_all()] == [b"got it"]
        assert [each.payload for each in await subscriber.receive_all()] == [b"mine"]


async def test_what_a_node_may_not_say_is_said_to_the_operator_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.node()) as node:
        for _ in range(5):
            await node.publish(STATUS2, b"secret payload")
        await node.subscribe("rigwatch/v1/main/rig2/ack")
    lines = [record.getMessage() for record in caplog.records if record.name == "broker.client"]
    assert [line for line in lines if line.startswith("not allowed")] == [
        f"not allowed client=main/rig1 address=127.0.0.1 action=publish topic='{STATUS2}'"
    ]
    assert "secret payload" not in caplog.text


async def test_a_consumer_reads_the_plain_tree_and_says_nothing(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path) as house,
        await house.join(house.service()) as subscriber,
        await house.join(house.account("grafana", Role.CONSUMER)) as consumer,
    ):
        wanted = ("rigwatch/v1/+/+/state", 1), ("rigwatch/v1/+/+/report", 1), ("tasmota/#", 1)
        assert await consumer.subscribe_all(*wanted) == b"\1\x80\x80"
        await subscriber.publish("rigwatch/v1/main/rig1/state", b"{}")
        await consumer.publish("rigwatch/v1/main/rig1/state", b"forged")
        assert [each.payload for each in await consumer.receive_all()] == [b"{}"]


@pytest.mark.parametrize("topic_filter", ["#", "rigwatch/#", "rigwatch/v1/main/#", "$share/group/#"])
async def test_a_consumers_filter_wider_than_its_rights_is_granted_and_brings_what_it_may_have(
    tmp_path: Path, topic_filter: str
) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        await subscriber.publish(STATE1, b"kept", retain=True)
        async with (
            await house.join(house.node()) as node,
            await house.join(house.account("grafana", Role.CONSUMER)) as consumer,
        ):
            await node.publish(STATUS1, b"sealed", retain=True)
            assert await consumer.subscribe(topic_filter) == 1
            await node.publish(STATUS1, b"sealed", retain=True)
            await node.publish(REPORT1, b"sealed")
            await subscriber.publish(STATE1, b"{}")
            found = {each.payload for each in await consumer.receive_all()}
            assert found == {b"{}"} | ({b"kept"} if not topic_filter.startswith("$share") else set())


async def test_a_consumer_of_one_site_hears_nothing_of_another(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        login = house.account("shed", Role.CONSUMER, sites=("main",))
        async with await house.join(login) as consumer:
            assert await consumer.subscribe_all(("rigwatch/#", 1), ("homeassistant/#", 1)) == b"\1\x80"
            await subscriber.publish("rigwatch/v1/other/rig1/state", b"not yours")
            await subscriber.publish("homeassistant/device/rigwatch_5_other_rig1/config", b"not yours")
            await subscriber.publish(STATE1, b"yours")
            assert [each.payload for each in await consumer.receive_all()] == [b"yours"]


async def test_a_consumer_that_loses_a_site_keeps_its_subscription_and_hears_less(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        login = house.account("shed", Role.CONSUMER)
        async with await house.join(login) as consumer:
            assert await consumer.subscribe("rigwatch/v1/+/+/state") == 1
            text = house.accounts.path.read_text("utf-8")
            house.accounts.path.write_text(text + 'sites = ["other"]\n', "utf-8")

            async def is_cut() -> bool:
                await subscriber.publish(STATE1, b"not yours any more")
                return not await consumer.receive_all()

            assert await eventually_async(is_cut, timeout=10)
            await subscriber.publish("rigwatch/v1/other/rig1/state", b"yours")
            assert [each.payload for each in await consumer.receive_all()] == [b"yours"]


@pytest.mark.parametrize("topic", [STATUS2, ACK1, "rigwatch/v1/server/status", "$SYS/broker/version"])
async def test_a_will_outside_the_rights_is_refused(tmp_path: Path, topic: str) -> None:
    async with broker_running(tmp_path) as house:
        assert await refused(house, house.node(will=Will(topic))) == 5


async def test_a_client_id_has_to_be_the_nodes_own(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        assert await refused(house, replace(house.node(), client_id=str(RIG2))) == 2
        assert await refused(house, replace(house.service(), client_id="main/rig1")) == 2
        async with await house.join(replace(house.service(), client_id="subscriber.b")) as second:
            await second.ping()


async def test_a_wrong_client_id_is_told_only_to_who_knows_the_password(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        assert await refused(house, replace(house.node(), client_id="x", password="wrong")) == 4


async def test_one_services_password_does_not_open_another(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        assert await refused(house, replace(house.service("watch"), user="subscriber", client_id="subscriber")) == 4
        assert await refused(house, replace(house.node(RIG1), user=str(RIG2), client_id=str(RIG2))) == 4


async def test_closed_enrolment_refuses_a_node_nobody_listed(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        stranger = NodeId("main", "rig3")
        assert await refused(house, house.node(stranger)) == 4
        house.registry.enroll(stranger, now=1)
        async with await house.join(house.node(stranger)) as node:
            await node.ping()


async def test_open_enrolment_takes_a_new_node_that_knows_the_passphrase(tmp_path: Path) -> None:
    security = SecuritySettings(enrollment="open", passphrase=PASSPHRASE)  # type: ignore[arg-type]
    async with broker_running(tmp_path, security=security) as house:
        stranger = NodeId("elsewhere", "rig3")
        async with await house.join(house.node(stranger)) as node:
            await node.ping()
        wrong = MasterKey.from_passphrase("another passphrase altogether").node_key(stranger).mqtt_password
        assert await refused(house, replace(house.node(stranger), password=wrong)) == 4


async def test_revoking_closes_the_node_that_is_connected(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.watcher(STATUS1) as watcher:
        async with (
            await house.join(house.node(will=Will(STATUS1))) as node,
            await house.join(house.node(RIG2)) as other,
        ):
            house.registry.revoke(RIG1, now=2)
            assert await node.is_closed(timeout=promised(SOON))
            assert (await watcher.receive()).payload == b"lost"
            await other.ping()
        assert await refused(house, house.node()) == 4
        assert await refused(house, house.node(generation=1)) == 4
        house.registry.enroll(RIG1, now=3)
        assert await refused(house, house.node()) == 4
        async with await house.join(house.node(generation=1)) as node:
            await node.ping()


async def test_what_a_revoked_node_left_on_the_broker_is_gone_before_it_is_enrolled_again(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.watcher(STATUS1) as watcher:
        async with await house.join(house.node(will=Will(STATUS1, retain=True))) as node:
            await node.publish(STATUS1, b"birth", qos=1, retain=True)
            assert (await watcher.receive()).payload == b"birth"
            house.registry.revoke(RIG1, now=2)
            house.registry.enroll(RIG1, now=3)
            assert await node.is_closed(timeout=promised(SOON))
            assert (await watcher.receive()).payload == b"lost"
            assert (await watcher.receive()).payload == b""
        async with await house.watcher(STATUS1) as later:
            assert await later.receive_all() == []


async def test_a_session_of_a_revoked_node_is_not_kept(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = replace(house.node(), clean=False)
        async with await house.join(login) as node:
            await node.subscribe(ACK1)
            house.registry.revoke(RIG1, now=2)
            assert await node.is_closed(timeout=promised(SOON))
        house.registry.enroll(RIG1, now=3)
        async with await house.join(replace(house.node(generation=1), clean=False)) as node:
            assert not node.session_present


async def test_rotating_accepts_both_keys_until_the_stated_time(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.node()) as node:
        until = time.time() + 2.5
        house.registry.rotate(RIG1, previous_until=int(until * 1000))
        assert not await node.is_closed(timeout=1.2)
        await node.ping()
        assert await node.is_closed(timeout=promised(SOON) + 1.3)
        assert until <= time.time() <= until + promised(SOON)
        assert await refused(house, house.node()) == 4
        async with await house.join(house.node(generation=1)) as renewed:
            await renewed.ping()


async def test_what_is_denied_is_left_out_of_a_wider_subscription(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.account("ann", Role.ADMIN)) as ann:
        await ann.publish("secret/old", b"hidden", retain=True)
        await ann.publish("open/old", b"seen", retain=True)
        async with await house.join(house.account("bob", Role.ADMIN, deny=("secret/#",))) as bob:
            assert await bob.subscribe("+/old") == 1
            assert await bob.subscribe("+/new") == 1
            await ann.publish("secret/new", b"hidden")
            await ann.publish("open/new", b"seen")
            assert [each.topic for each in await bob.receive_all()] == ["open/old", "open/new"]


async def test_an_account_that_is_removed_is_closed(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("ann", Role.ADMIN)
        async with await house.join(login) as ann:
            house.accounts.remove("ann")
            assert await ann.is_closed(timeout=promised(SOON))
        assert await refused(house, login) == 4
        async with await house.join(house.account("ann", Role.ADMIN)):
            assert await refused(house, login) == 4


async def test_an_account_that_loses_rights_loses_its_subscriptions(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path) as house,
        await house.join(house.node()) as node,
        await house.join(house.account("ann", Role.ADMIN)) as ann,
    ):
        await ann.subscribe_all((REPORT1, 1), ("rigwatch/v1/+/+/state", 1))
        await ann.publish("rigwatch/v1/main/rig1/state", b"still allowed")
        assert [each.payload for each in await ann.receive_all()] == [b"still allowed"]
        text = house.accounts.path.read_text()
        house.accounts.path.write_text(text.replace('"admin"', '"consumer"'))

        async def loses() -> None:
            while True:
                await node.publish(REPORT1, b"secret")
                if not await ann.receive_all():
                    return

        began = time.monotonic()
        await loses()
        assert time.monotonic() - began < promised(SOON)
        await ann.publish("rigwatch/v1/main/rig1/state", b"forged")
        assert await ann.receive_all() == []


async def test_rights_lost_while_away_are_lost_at_the_next_login(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.node()) as node:
        login = replace(house.account("ann", Role.ADMIN), clean=False)
        async with await house.join(login) as ann:
            await ann.subscribe(REPORT1)
            await ann.goodbye()
        house.accounts.path.write_text(house.accounts.path.read_text().replace('"admin"', '"consumer"'))
        async with await house.join(login) as ann:
            assert ann.session_present
            await node.publish(REPORT1, b"secret")
            assert await ann.receive_all() == []


async def test_a_broken_accounts_file_changes_nothing_for_those_who_are_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("ann", Role.ADMIN)
        async with await house.join(login) as ann, await house.join(house.node()) as node:
            house.accounts.path.write_text("not toml at all")
            assert not await ann.is_closed(timeout=1.5)
            await ann.ping()
            await node.ping()
            assert await refused(house, replace(login, client_id="other")) == 3
            house.registry.revoke(RIG1, now=2)
            assert await node.is_closed(timeout=promised(SOON))
            async with await house.join(house.node(RIG2)) as other:
                await other.ping()
    assert caplog.text.count("who may log in cannot be read") == 1


async def test_wrong_passwords_are_answered_ever_later_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with broker_running(tmp_path) as house:
        wrong = replace(house.node(), password="wrong password 1234")
        delays = [await _timed(refused(house, wrong)) for _ in range(6)]
        assert max(delays[:3]) < promised(0.2)
        assert delays[3] > 0.2
        assert delays[5] > 0.9
        # The right password is not slowed down by its neighbours' mistakes.
        began = time.monotonic()
        async with await house.join(house.node()):
            assert time.monotonic() - began < promised(0.2)
    lines = [record.getMessage() for record in caplog.records if record.name == "broker.hub"]
    assert lines == ["login refused address=127.0.0.1 user='main/rig1' reason=wrong password"]
    assert "1234" not in caplog.text


async def _timed(attempt: Awaitable[int]) -> float:
    began = time.monotonic()
    await attempt
    return time.monotonic() - began


async def test_an_account_with_a_slow_hash_is_checked_without_holding_up_others(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("ann", Role.ADMIN)
        stored = house.accounts.all()["ann"].password
        # Work of this thread, which is the loop's, and not time, which others take as well.
        began = time.thread_time()
        assert not verify(stored, b"guess")
        one = time.thread_time() - began
        strangers = [await Peer.open(house.port) for _ in range(20)]
        for number, stranger in enumerate(strangers):
            stranger.send(connect(replace(login, password=f"guess {number}")))
        began = time.thread_time()
        async with await house.join(house.node()) as node:
            await node.ping()
        async with await house.join(login) as ann:
            await ann.ping()
        # Several were checked meanwhile.
        assert time.thread_time() - began < 2 * one


async def test_what_a_client_sends_behind_its_connect_waits_for_a_slow_check(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("ann", Role.ADMIN)
        async with await house.watcher() as watcher, await Peer.open(house.port) as ann:
            topic = "rigwatch/v1/main/rig1/state"
            ann.send(connect(replace(login, will=Will(topic))) + publish(topic, b"first") + publish(topic, b"second"))
            ann._writer.close()
            found = [(await watcher.receive()).payload for _ in range(3)]
            assert found == [b"first", b"second", b"lost"]
