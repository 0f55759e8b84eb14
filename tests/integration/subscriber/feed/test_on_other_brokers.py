"""The tree on a broker of the user's own, on which there is a lot besides: Home Assistant, zigbee2mqtt."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigwatch.home import Home
from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import FeedSettings, ServerSettings
from tests.certificates import authority
from tests.integration.subscriber.feed.reader import reading
from tests.integration.subscriber.running import Node, prepare, settings, subscribing
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.rigs import report, rig, sample
from tests.waiting import eventually_async

PREFIX = "mining/rigs"
ZIGBEE = "homeassistant/sensor/0x00158d/power/config"
ACL = f"""user tree
topic readwrite {PREFIX}/#
topic readwrite home/#
user hass
topic read #
"""


def fed(port: int, broker: str, **more: object) -> ServerSettings:
    feed = FeedSettings(
        state=True, homeassistant=True, broker=Secret(broker), topic_prefix=PREFIX, discovery_prefix="home", **more  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(settings(port), feed=feed, alerts=AlertSettings(hold=timedelta(0), grace=timedelta(0)))


async def say(port: int, topic: str, payload: bytes) -> None:
    other = await MqttConnection.open(
        Endpoint("127.0.0.1", port), MqttLogin("", "", "somebody"), on_message=lambda _message: None
    )
    await other.publish(topic, payload, retain=True)
    await other.close()


async def test_it_goes_there_over_tls_with_its_account_and_its_prefixes(
    home: Home, mosquitto: Mosquitto, start_mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    prepare(home, rig("rig1"))
    trusted = authority(tmp_path / "trusted", "127.0.0.1")
    (home.path / "broker-ca.pem").write_text(trusted.pem)
    lines = [f"certfile {trusted.certificate}", f"keyfile {trusted.key}"]
    there = start_mosquitto(passwords={"tree": "p@ss", "hass": "x"}, acl=ACL, lines=lines)
    wanted = fed(mosquitto.port, f"mqtts://tree:p%40ss@127.0.0.1:{there.port}", broker_ca="broker-ca.pem")
    endpoint, login = Endpoint("127.0.0.1", there.port, tls=True, ca=trusted.pem), MqttLogin("hass", "x", "hass")
    async with reading(mosquitto.port) as here, reading(0, "#", endpoint=endpoint, login=login) as reader:
        async with subscribing(home, wanted):
            await eventually_async(lambda: reader.tree.get(f"{PREFIX}/server/status") == b"online", what="hello")
            node = await Node.connect(rig("rig1"), mosquitto.port)
            await node.say(report(sample(hashrate=1234.5)))
            await eventually_async(lambda: reader.state(prefix=PREFIX).get("hashrate_hs") == 1234.5, what="read there")
            device = json.loads(reader.tree["home/device/rigwatch-mining-rigs_4_main_rig1/config"])
            assert device["stat_t"] == f"{PREFIX}/main/rig1/state"
            await eventually_async(lambda: here.state().get("hashrate_hs") == 1234.5, what="and here")
            node.connection.abort()
            await eventually_async(lambda: reader.tree[f"{PREFIX}/main/rig1/availability"] == b"offline", what="dead")
        await eventually_async(lambda: reader.tree[f"{PREFIX}/server/status"] == b"offline", what="the server's end")
    # What the rigs sealed stays where it was.
    assert {topic.split("/")[0] for topic in reader.tree} == {"mining", "home"}
    assert not any(topic.endswith(("/status", "/report", "/ack")) for topic in reader.tree if "server" not in topic)


async def test_an_authority_that_is_gone_costs_that_broker_alone(
    home: Home, mosquitto: Mosquitto, start_mosquitto: StartMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(home, rig("rig1"))
    trusted = authority(home.path / "trusted", "127.0.0.1")
    there = start_mosquitto(lines=[f"certfile {trusted.certificate}", f"keyfile {trusted.key}"])
    wanted = fed(mosquitto.port, f"mqtts://127.0.0.1:{there.port}", broker_ca="broker-ca.pem")
    async with reading(mosquitto.port) as here, subscribing(home, wanted):
        await eventually_async(lambda: here.tree.get("rigwatch/v1/server/status") == b"online", what="here")
        await eventually_async(lambda: "broker-ca.pem cannot be read" in caplog.text, what="it is said")
        (home.path / "broker-ca.pem").write_text(trusted.pem)
        endpoint = Endpoint("127.0.0.1", there.port, tls=True, ca=trusted.pem)
        async with reading(0, "#", endpoint=endpoint) as reader:
            await eventually_async(lambda: reader.tree.get(f"{PREFIX}/server/status") == b"online", what="there")


async def test_that_broker_may_come_and_go_and_loses_nothing(
    home: Home, mosquitto: Mosquitto, start_mosquitto: StartMosquitto
) -> None:
    prepare(home, rig("rig1"))
    there = start_mosquitto()
    async with subscribing(home, fed(mosquitto.port, there.url)):
        node = await Node.connect(rig("rig1"), mosquitto.port)
        async with reading(there.port, "#") as reader:
            await eventually_async(lambda: reader.state(prefix=PREFIX).get("up") == 1, what="the node is there")
        there.kill()
        node.connection.abort()
        again = start_mosquitto(port=there.port)
        async with reading(again.port, "#") as reader:
            await eventually_async(lambda: reader.state(prefix=PREFIX).get("status") == "lost", what="as it is now")


async def test_what_somebody_writes_over_or_deletes_is_put_right_and_what_is_others_is_left(
    home: Home, mosquitto: Mosquitto
) -> None:
    prepare(home, rig("rig1"))
    await say(mosquitto.port, ZIGBEE, b"{}")
    wanted = replace(settings(mosquitto.port), feed=FeedSettings(state=True, homeassistant=True, discovery="component"))
    peers = "homeassistant/sensor/rigwatch_4_main_rig1/peers/config"
    async with reading(mosquitto.port) as reader, subscribing(home, wanted):
        await Node.connect(rig("rig1"), mosquitto.port)
        await eventually_async(lambda: peers in reader.tree, what="it is announced")
        before = dict(reader.tree)
        for topic, payload in ((peers, b""), ("rigwatch/v1/main/rig1/availability", b"nonsense"), (ZIGBEE, b"{1}")):
            await say(mosquitto.port, topic, payload)
            await eventually_async(lambda: (topic, payload) in reader.heard, what="it is changed")  # noqa: B023 - awaited at once
        await say(mosquitto.port, "rigwatch/v1/main/ghost/state", b"{}")
        await eventually_async(lambda: reader.tree.get("rigwatch/v1/main/ghost/state") == b"", what="a ghost goes")
        for topic in (peers, "rigwatch/v1/main/rig1/availability"):
            await eventually_async(lambda: reader.tree[topic] == before[topic], what="it is put right")  # noqa: B023 - awaited at once
        assert reader.tree[ZIGBEE] == b"{1}"


async def test_the_other_form_takes_over_what_was_announced(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1"))
    parts = replace(settings(mosquitto.port), feed=FeedSettings(state=True, homeassistant=True, discovery="component"))
    whole = replace(settings(mosquitto.port), feed=FeedSettings(state=True, homeassistant=True))
    peers, device = (
        "homeassistant/sensor/rigwatch_4_main_rig1/peers/config", "homeassistant/device/rigwatch_4_main_rig1/config",
    )  # fmt: skip
    async with reading(mosquitto.port) as reader:
        async with subscribing(home, parts):
            await Node.connect(rig("rig1"), mosquitto.port)
            await eventually_async(lambda: peers in reader.tree, what="each entity by itself")
        reader.heard.clear()
        async with subscribing(home, whole):
            await eventually_async(lambda: reader.tree.get(peers) == b"", what="the old form goes")
    order = [(topic, payload) for topic, payload in reader.heard if topic in (peers, device)]
    assert [topic for topic, _ in order] == [peers, device, peers]
    assert (order[0][1], order[2][1]) == (b'{"migrate_discovery":true}', b"")


async def test_incidents_are_events_also_those_of_a_time_without_a_server(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1"))
    wanted = replace(
        settings(mosquitto.port),
        feed=FeedSettings(state=True),
        alerts=AlertSettings(hold=timedelta(0), group_wait=timedelta(0), grace=timedelta(0)),
    )
    async with reading(mosquitto.port) as reader:
        async with subscribing(home, wanted):
            node = await Node.connect(rig("rig1"), mosquitto.port)
            await node.say(report(sample(hashrate=1.0)))
            await eventually_async(lambda: reader.state().get("up") == 1, what="the node is there")
            node.connection.abort()
            await eventually_async(lambda: reader.said("opened") == ["lost"], what="it is told that it is lost")
            (event,) = reader.events
            assert (event["topic"], event["node"], event["severity"]) == (
                "rigwatch/v1/main/rig1/incident",
                "rig1",
                "critical",
            )
            await eventually_async(lambda: reader.state()["open_incidents"] == 1, what="and counted")
            assert reader.state()["problem"] == 1
        again = await Node.connect(rig("rig1"), mosquitto.port, session=2)
        async with subscribing(home, wanted):
            await eventually_async(lambda: reader.said("closed") == ["lost"], what="it is told that it is over")
            await again.connection.close()
        assert reader.said("opened") == ["lost"]
        assert reader.events[-1]["id"] == event["id"]
        assert reader.events[-1]["closed_at_ms"] >= event["opened_at_ms"]
