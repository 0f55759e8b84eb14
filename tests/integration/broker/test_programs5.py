"""Programs of others that speak MQTT 5: Mosquitto as clients and as a bridge, mqtt.js by TCP and WebSocket, paho."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from broker.rights import Role
from broker.service import new_event_loop
from tests.chains import node
from tests.integration.broker.bridge import bridge_lines
from tests.integration.broker.peer import Login, Peer
from tests.integration.broker.peer5 import Peer5
from tests.integration.broker.programs import PATIENCE, mqtt_js, run
from tests.integration.broker.running import House, broker_running
from tests.mosquitto import StartMosquitto
from tests.requirements import program
from tests.waiting import eventually_async

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATE1 = "rigwatch/v1/main/rig1/state"


def mosquitto(name: str, house: House, login: Login) -> list[str]:
    address = ["-h", "127.0.0.1", "-p", str(house.port)]
    return [program(name), "-V", "mqttv5", *address, "-u", str(login.user), "-P", str(login.password)]


async def test_mosquittos_clients_exchange_a_message_with_its_properties(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("ann", Role.ADMIN)
        said = ["-t", "t/1", "-q", "2", "-m", "hello", "-r"]
        more = [
            *("-D", "publish", "content-type", "text/plain", "-D", "publish", "message-expiry-interval", "60"),
            *("-D", "publish", "user-property", "k", "v", "-D", "publish", "response-topic", "answers"),
        ]
        await run(*mosquitto("mosquitto_pub", house, login), *said, *more)
        heard = ["-t", "t/#", "-q", "2", "-C", "1", "-F", "%t %q %r %p %C %E %P %R %S"]
        numbered = ["-D", "subscribe", "subscription-identifier", "5", "-i", "sub", "-x", "60"]
        text = (await run(*mosquitto("mosquitto_sub", house, login), *heard, *numbered)).strip()
        assert text in {f"t/1 2 1 hello text/plain {left} k:v answers 5" for left in range(50, 61)}


async def test_mosquittos_clients_name_what_is_refused(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("grafana", Role.CONSUMER)
        publish = [*mosquitto("mosquitto_pub", house, login), "-t", STATE1, "-q", "1", "-m", "forged"]
        assert "Not authorized" in await run(*publish)


async def test_mosquittos_request_finds_its_answer(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("ann", Role.ADMIN)
        async with await Peer5.join(house.port, login) as responder:
            await responder.subscribe("ask/#")
            asking = [*mosquitto("mosquitto_rr", house, login), "-t", "ask/1", "-e", "answers/1", "-m", "how many?"]
            asked = asyncio.create_task(run(*asking))
            question = await responder.receive()
            assert question.response_topic == "answers/1"
            await responder.publish(question.response_topic, b"seven", correlation_data=question.correlation_data)
            assert (await asked).strip() == "seven"


SCRIPT = """
const mqtt = require(process.argv[1]);
const [url, username, password] = process.argv.slice(2);
const client = mqtt.connect(url, {
  protocolVersion: 5, username, password, clean: true, keepalive: 3600, reconnectPeriod: 0,
  properties: {receiveMaximum: 3, sessionExpiryInterval: 30},
});
const got = [];
client.on('error', error => { console.log(error.message); process.exit(1); });
client.on('connect', connack => {
  client.subscribe('t/#', {qos: 2, nl: false, rap: true, properties: {subscriptionIdentifier: 9}}, () => {
    for (let i = 0; i < 20; i++)
      client.publish('t/' + i % 2, '' + i, {qos: i % 3, properties: {userProperties: {n: '' + i}}});
  });
  client.on('message', (topic, payload, packet) => {
    got.push([topic, payload.toString(), packet.properties.userProperties.n, packet.properties.subscriptionIdentifier]);
    if (got.length == 20)
      client.end(false, {}, () => console.log(JSON.stringify({keepAlive: connack.properties.serverKeepAlive, got})));
  });
});
"""


@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
async def test_mqtt_js_gets_all_that_it_sends(tmp_path: Path, scheme: str) -> None:
    async with broker_running(tmp_path, websocket=True) as house:
        login = house.account("ann", Role.ADMIN)
        port = house.port if scheme == "mqtt" else house.websocket_port
        arguments: list[str | Path] = [mqtt_js(), f"{scheme}://127.0.0.1:{port}", str(login.user), str(login.password)]
        found = json.loads(await run(*node(), "-e", SCRIPT, *arguments))
        assert found["keepAlive"] == 60
        got = sorted(found["got"], key=lambda each: int(each[1]))
        assert got == [[f"t/{number % 2}", str(number), str(number), 9] for number in range(20)]


class Paho:
    """paho in MQTT 5, which asks for more than it may have and says more than it may; what Home Assistant does with it
    is in tests/integration/subscriber/feed/."""

    def __init__(self, login: Login) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "ha", protocol=paho.MQTTv5)
        self.client.username_pw_set(str(login.user), str(login.password))
        self.client.will_set("homeassistant/status", "offline")
        self.client.on_connect = self._connected
        self.client.on_message = lambda _c, _u, message: self.got.append(message)
        self.client.on_publish = lambda _c, _u, _mid, reason, _p: self.reasons.append(reason.value)
        self.client.on_disconnect = lambda *_: self.ended.append(1)
        self.got: list[paho.MQTTMessage] = []
        self.reasons: list[int] = []
        self.ended: list[int] = []

    def _connected(self, client: paho.Client, *_: object) -> None:
        properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
        properties.SubscriptionIdentifier = 3
        client.subscribe("#", options=SubscribeOptions(1, retainAsPublished=True), properties=properties)
        client.publish("homeassistant/status", "online", qos=1)


@asynccontextmanager
async def on_its_thread(client: paho.Client, port: int) -> AsyncIterator[None]:
    client.connect_async("127.0.0.1", port, 60)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


async def test_paho_hears_what_it_may_and_is_told_what_not(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        assistant = Paho(house.account("assistant", Role.CONSUMER))
        async with on_its_thread(assistant.client, house.port):
            assert await eventually_async(lambda: assistant.reasons == [0x87], timeout=PATIENCE)
            for number in range(3):
                await subscriber.publish(STATE1, b"%d" % number, retain=True)
            await subscriber.publish("rigwatch/v1/main/rig1/ack", b"not for you")
            assert await eventually_async(lambda: len(assistant.got) >= 3, timeout=PATIENCE)
            found = [(each.topic, each.payload, each.retain) for each in assistant.got]
            assert found == [(STATE1, b"%d" % number, True) for number in range(3)]
            assert assistant.ended == []


async def test_a_mosquitto_bridge_in_mqtt_5_takes_the_plain_tree_along_and_clears_what_is_cleared(
    tmp_path: Path, start_mosquitto: StartMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with broker_running(tmp_path / "house") as house, await house.join(house.service()) as subscriber:
        login = house.account("bridge", Role.CONSUMER)
        await subscriber.publish(STATE1, b"kept before", retain=True)
        lines = bridge_lines(house.port, login, "bridge_protocol_version mqttv50")
        other = await asyncio.to_thread(start_mosquitto, lines=lines)
        for payload in (b"kept before", b"kept after", b""):
            await subscriber.publish(STATE1, payload, retain=True)
            assert await eventually_async(partial(_is_kept, other.port, payload), timeout=PATIENCE)
        await asyncio.to_thread(other.stop)
    assert "login refused" not in caplog.text


async def _is_kept(port: int, wanted: bytes) -> bool:
    """Whether whoever comes later finds just that; nothing, where it is empty."""
    async with await Peer.join(port, Login(None, None, "look")) as look:
        await look.subscribe(STATE1)
        found = [each.payload for each in await look.receive_all() if each.retain]
    return found == ([wanted] if wanted else [])
