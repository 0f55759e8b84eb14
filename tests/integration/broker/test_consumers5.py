"""Programs that read the plain tree in MQTT 5: aiomqtt, and mqtt.js as Node-RED uses it."""

import json
import sys
from pathlib import Path

import pytest

from broker.rights import Role
from broker.service import new_event_loop
from tests.chains import node
from tests.integration.broker.peer import Login
from tests.integration.broker.programs import Talker, aiomqtt, mqtt_js, talking
from tests.integration.broker.running import House, broker_running
from tests.processes import ROOT

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATE1 = "rigwatch/v1/main/rig1/state"
INCIDENT1 = "rigwatch/v1/main/rig1/incident"

AIOMQTT = """
import asyncio, json, sys
from aiomqtt import Client, NegativeAckError, QoS, Will

STATES, STATE1 = "rigwatch/v1/+/+/state", "rigwatch/v1/main/rig1/state"


async def refused(call):
    try:
        return repr(await call)
    except NegativeAckError as error:
        return str(error)


async def main(port, user, password, first):
    reader = Client(
        hostname="127.0.0.1", port=int(port), username=user, password=password.encode(), identifier="reader",
        session_expiry_interval=100, keep_alive=300, receive_max=2,
        will=Will(topic="reader/status", payload=b"gone"), user_properties=[("of", "the house")],
    )
    async with reader:
        connack = await reader.connected()
        said = {"present": connack.session_present, "keep_alive": connack.server_keep_alive}
        if first:
            await reader.subscribe(STATES, max_qos=QoS.AT_LEAST_ONCE, subscription_id=7)
            said["secret"] = await refused(reader.subscribe("rigwatch/v1/main/rig1/report"))
            forged = reader.publish(STATE1, b"forged", qos=QoS.AT_LEAST_ONCE, packet_id=next(reader.packet_ids))
            said["forged"] = await refused(forged)
        print(json.dumps(said), flush=True)
        async for message in reader.messages():
            await reader.puback(message.packet_id)
            print(json.dumps([message.topic, message.payload.decode(), message.retain]), flush=True)
            if message.payload == b"last":
                return


asyncio.run(main(*sys.argv[1:]))
"""


async def reads(program: Talker, count: int) -> list[object]:
    return [await program.json() for _ in range(count)]


async def test_aiomqtt_reads_what_it_may_is_told_what_not_and_finds_its_session_again(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        login = house.account("reader", Role.CONSUMER)
        command: list[str | Path] = [
            sys.executable, "-c", AIOMQTT, str(house.port), str(login.user), str(login.password),
        ]  # fmt: skip
        only_its_own = {"PYTHONPATH": str(aiomqtt())}
        async with talking(*command, "first", environment=only_its_own) as program:
            said = await program.json()
            assert said.pop("secret") == "Negative SubAckPacket: NOT_AUTHORIZED"
            assert said.pop("forged") == "Negative PubAckPacket: NOT_AUTHORIZED"
            assert said == {"present": False, "keep_alive": 60}
            for number in range(5):
                await subscriber.publish(STATE1, b"%d" % number, retain=True)
            await subscriber.publish(STATE1, b"last")
            assert await reads(program, 5) == [[STATE1, str(number), True] for number in range(5)]
            assert await program.json() == [STATE1, "last", False]
            await program.rest()
        for number in range(3):
            await subscriber.publish(STATE1, b"%d meanwhile" % number)
        await subscriber.publish(STATE1, b"last")
        async with talking(*command, "", environment=only_its_own) as program:
            assert await program.json() == {"present": True, "keep_alive": 60}
            assert await reads(program, 3) == [[STATE1, f"{number} meanwhile", False] for number in range(3)]
            await program.rest()


# As `@node-red/nodes` 5.0.7 does it (core/network/10-mqtt.js): the options of the connection, those of a subscription
# with its number, and which node a message is for. The whole Node-RED is 117 MB; it was tried by hand.
NODE_RED = """
const [mqtt, fs] = [require(process.argv[1]), require('fs')];
const [file, version, port, username, password, ...more] = process.argv.slice(2);
const flows = JSON.parse(fs.readFileSync(file));
const inputs = flows.filter(each => each.type == 'mqtt in').concat(more.map(topic => ({topic, qos: '1'})));
const broker = flows.find(each => each.type == 'mqtt-broker');
const options = {
  username, password, keepalive: Number(broker.keepalive), clean: broker.cleansession, clientId: 'nodered1f2e3d4c5b6a',
  reconnectPeriod: 5000, rejectUnauthorized: false,
};
if (version == '5') {
  options.protocolVersion = 5;
  options.properties = {requestResponseInformation: true, requestProblemInformation: true};
}
const pattern = filter => new RegExp('^' + filter.replace(/[+]/g, '[^/]+').replace(/[/]#$/, '(/.*)?') + '$');
const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, options);
client.on('error', error => { console.log(error.message); process.exit(1); });
client.on('connect', async connack => {
  const numbered = version == '5' && (connack.properties || {}).subscriptionIdentifiersAvailable !== false;
  for (const [index, {topic: filter, qos}] of inputs.entries()) {
    const wanted = {qos: Number(qos)};
    if (version == '5') Object.assign(wanted, {rh: 0, properties: numbered ? {subscriptionIdentifier: index + 1} : {}});
    client.on('message', (topic, payload, packet) => {
      const number = (packet.properties || {}).subscriptionIdentifier;
      if (numbered && number && number !== index + 1) return;
      if (pattern(filter).test(topic)) console.log(JSON.stringify([filter, topic, payload.toString()]));
    });
    await client.subscribeAsync(filter, wanted);
  }
  console.log('"subscribed"');
});
"""
FLOWS = ROOT / "docs" / "examples" / "node-red.json"
INCIDENTS = "rigwatch/v1/+/+/incident"


def node_red(house: House, login: Login, version: str, *more: str) -> list[str | Path]:
    """With the flow that docs/consumers.md has imported, and inputs for `more` filters."""
    return [*node(), "-e", NODE_RED, mqtt_js(), FLOWS, version, str(house.port), str(login.user), str(login.password),
            *more]  # fmt: skip


@pytest.mark.parametrize("version", ["4", "5"])
async def test_node_red_is_told_of_an_incident_in_both_versions(tmp_path: Path, version: str) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        login = house.account("nodered", Role.CONSUMER)
        async with talking(*node_red(house, login, version, "rigwatch/v1/+/+/state")) as program:
            assert await program.json() == "subscribed"
            await subscriber.publish(INCIDENT1, b"{}")
            await subscriber.publish(STATE1, b"[]")
            assert await reads(program, 2) == [
                [INCIDENTS, INCIDENT1, "{}"], ["rigwatch/v1/+/+/state", STATE1, "[]"],
            ]  # fmt: skip


async def test_each_input_of_node_red_gets_what_several_filters_match_once_in_3_1_1(tmp_path: Path) -> None:
    (broker,) = (each for each in json.loads(FLOWS.read_text("utf-8")) if each["type"] == "mqtt-broker")
    assert broker["protocolVersion"] == "4"
    async with broker_running(tmp_path) as house, await house.join(house.service()) as subscriber:
        login = house.account("nodered", Role.CONSUMER)
        async with talking(*node_red(house, login, "4", "rigwatch/v1/main/rig1/#")) as program:
            assert await program.json() == "subscribed"
            for payload in (b"1", b"2"):
                await subscriber.publish(INCIDENT1, payload)
            assert await reads(program, 4) == [
                [topic_filter, INCIDENT1, payload]
                for payload in ("1", "2")
                for topic_filter in (INCIDENTS, "rigwatch/v1/main/rig1/#")
            ]
