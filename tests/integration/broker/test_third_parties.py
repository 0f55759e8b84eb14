"""Programs of others that say more than they may: a real Mosquitto bridge, and paho as Home Assistant uses it."""

import asyncio
import logging
import re
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from broker.rights import Role
from broker.service import new_event_loop
from broker.topics import covers
from tests.integration.broker.bridge import bridge_lines
from tests.integration.broker.peer import Got, Login, Peer, Will, connect, publish
from tests.integration.broker.running import House, broker_running
from tests.mosquitto import StartMosquitto
from tests.processes import ROOT
from tests.waiting import eventually_async

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATE1 = "rigwatch/v1/main/rig1/state"
LEFT_OUT = "will left out, it is outside the account's rights"


class HomeAssistant:
    """paho as Home Assistant 2024.3 uses it (homeassistant/components/mqtt/client.py): a made-up client id, the will
    and the birth on `homeassistant/status`, and at once a subscription to its discovery."""

    def __init__(self, login: Login, client_id: str) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True)
        self.client.username_pw_set(login.user, str(login.password))
        self.client.will_set("homeassistant/status", "offline", qos=0, retain=False)
        self.client.on_connect = self._connected
        self.client.on_message = lambda _c, _u, message: self.got.append((message.topic, bytes(message.payload)))
        self.client.on_disconnect = lambda *_: self.ended.append(1)
        self.code = -1
        self.got: list[tuple[str, bytes]] = []
        self.ended: list[int] = []

    def _connected(self, client: paho.Client, _userdata: object, _flags: object, reason: object, _p: object) -> None:
        self.code = reason.value  # type: ignore[attr-defined]
        client.subscribe([("homeassistant/+/+/config", 0), ("homeassistant/device/+/config", 0)])
        client.subscribe([(STATE1, 0), ("tasmota/discovery/#", 0)])
        client.publish("homeassistant/status", "online", qos=0, retain=False)


@asynccontextmanager
async def running(assistant: HomeAssistant, port: int) -> AsyncIterator[None]:
    """On a thread of its own, as it runs there."""
    assistant.client.connect_async("127.0.0.1", port, 60)
    assistant.client.loop_start()
    try:
        yield
    finally:
        assistant.client.disconnect()
        await asyncio.to_thread(assistant.client.loop_stop)


async def is_at_home(house: House, login: Login, subscriber: Peer, payload: bytes) -> None:
    """It comes, hears, and goes without having been thrown out."""
    assistant = HomeAssistant(login, client_id=f"6zQUJwbGD2zvOlX8Kk7v{payload.decode()}")
    async with running(assistant, house.port):
        await subscriber.publish(STATE1, payload, retain=True)
        assert await eventually_async(lambda: assistant.got and assistant.got[-1] == (STATE1, payload))
        assert assistant.ended == []


async def test_home_assistant_with_its_will_is_let_in_and_reads_what_it_may(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        broker_running(tmp_path) as house,
        await house.join(house.service()) as subscriber,
        await house.join(house.account("admin", Role.ADMIN)) as admin,
    ):
        assert await admin.subscribe("#") == 1
        login = house.account("assistant", Role.CONSUMER)
        for number in range(3):
            await is_at_home(house, login, subscriber, b"%d" % number)
        assert {each.topic for each in await admin.receive_all()} == {STATE1}
    assert caplog.text.count(LEFT_OUT) == 1
    assert "topic='homeassistant/status'" in caplog.text
    assert caplog.text.count("not allowed") == 1


async def test_what_a_consumer_may_not_say_costs_it_the_message_and_not_the_connection(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.watcher() as watcher:
        login = house.account("grafana", Role.CONSUMER)
        async with await house.join(login) as consumer:
            for qos in (0, 1, 2):
                await consumer.publish(STATE1, b"forged", qos=qos)
            await consumer.publish("rigwatch/v1/main/rig1/report", b"forged")
            await consumer.ping()
        assert await watcher.receive_all() == []


async def test_a_will_outside_a_consumers_rights_is_not_sent(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.watcher() as watcher:
        login = house.account("grafana", Role.CONSUMER)
        consumer = await house.join(Login(login.user, login.password, "x", will=Will(STATE1)))
        consumer.drop()
        async with await house.join(house.service()) as subscriber:
            await subscriber.publish(STATE1, b"after")
        assert [each.payload for each in await _until(watcher, b"after")] == [b"after"]


async def test_a_will_is_judged_by_the_rights_at_its_time(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.account("bob", Role.ADMIN)) as watcher:
        await watcher.subscribe("#")
        login = house.account("ann", Role.ADMIN)
        peer = await house.join(Login(login.user, login.password, "x", will=Will("t/will")))
        stored = house.accounts.path.read_text("utf-8")
        house.accounts.path.write_text(stored.replace('"admin"', '"consumer"', 1), "utf-8")
        await peer.ping()
        await eventually_async(lambda: _refused(peer), timeout=5)
        peer.drop()
        assert await watcher.receive_all() == []


async def _refused(peer: Peer) -> bool:
    return await peer.subscribe("t/other") == 0x80


async def _until(watcher: Peer, payload: bytes) -> list[Got]:
    found = [await watcher.receive()]
    while found[-1].payload != payload:
        found.append(await watcher.receive())
    return found


async def test_telegraf_as_the_documents_set_it_up_reads_the_tree_and_tells_nodes_apart(tmp_path: Path) -> None:
    """As plugins/inputs/mqtt_consumer/mqtt_consumer.go asks: 3.1.1, all topics in one SUBSCRIBE, no will. Telegraf
    itself is in no registry that the tests reach."""
    (block,) = re.findall(
        r"```toml\n(\[\[inputs.*?)```", (ROOT / "docs" / "consumers.md").read_text("utf-8"), re.DOTALL
    )
    (wanted,) = tomllib.loads(block)["inputs"]["mqtt_consumer"]
    (parsing,) = wanted["topic_parsing"]
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        await subscriber.publish(STATE1, b"{}", retain=True)
        login = house.account(wanted["username"], Role.CONSUMER)
        telegraf = Login(login.user, login.password, "Telegraf-Consumer-Rk3fZ", keep_alive=60)
        async with await house.join(telegraf) as peer:
            assert await peer.subscribe_all(*((topic, wanted["qos"]) for topic in wanted["topics"])) == b"\1"
            got = await peer.receive()
    assert (got.topic, got.payload, got.retain) == (STATE1, b"{}", True)
    assert covers(parsing["topic"], got.topic)
    tags = zip(parsing["tags"].split("/"), got.topic.split("/"), strict=True)
    assert {tag: value for tag, value in tags if tag != "_"} == {"site": "main", "node": "rig1"}


async def test_a_mosquitto_bridge_with_its_defaults_takes_the_plain_tree_along(
    tmp_path: Path, start_mosquitto: StartMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with broker_running(tmp_path / "house") as house, await house.join(house.service()) as subscriber:
        login = house.account("bridge", Role.CONSUMER)
        await subscriber.publish(STATE1, b"kept before", retain=True)
        mosquitto = await asyncio.to_thread(start_mosquitto, lines=bridge_lines(house.port, login))
        # Retained there as well: whoever subscribes later at the other broker finds it.
        assert await eventually_async(lambda: _kept(mosquitto.port, STATE1, b"kept before"), timeout=20)
        await subscriber.publish(STATE1, b"kept after", retain=True)
        assert await eventually_async(lambda: _kept(mosquitto.port, STATE1, b"kept after"), timeout=20)
        await asyncio.to_thread(mosquitto.stop)
    assert caplog.text.count(LEFT_OUT) == 1
    assert "$SYS/broker/connection/" in caplog.text
    assert "login refused" not in caplog.text


async def _kept(port: int, topic: str, payload: bytes) -> bool:
    async with await Peer.join(port, Login(None, None, "look")) as look:
        await look.subscribe(topic)
        found = await look.receive_all()
    return any(each.payload == payload and each.retain for each in found)


async def test_a_bridge_does_not_get_back_what_it_brought(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("admin", Role.ADMIN)
        async with await _bridge(house, login) as bridge, await house.join(login) as other:
            assert await bridge.subscribe("t/#") == 1
            await other.subscribe("t/#")
            bridge.send(publish("t/1", b"from there", retain=True))
            assert (await other.receive()).payload == b"from there"
            await other.publish("t/2", b"from here", retain=True)
            # What is cleared here is cleared there as well.
            await other.publish("t/2", b"", retain=True)
            await other.publish("t/3", b"once")
            found = [(each.topic, each.payload, each.retain) for each in await bridge.receive_all()]
            assert found == [("t/2", b"from here", True), ("t/2", b"", True), ("t/3", b"once", False)]


async def _bridge(house: House, login: Login) -> Peer:
    peer = await Peer.open(house.port)
    peer.send(connect(Login(login.user, login.password, "bridge"), level=0x84))
    assert await peer.connack() == 0
    return peer
