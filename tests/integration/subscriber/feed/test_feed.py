"""The plain state tree on a real broker: what a third party reads while nodes live and die, and who publishes it."""

import asyncio
import json

from msgspec.structs import replace

from rigwatch.home import Home
from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin
from rigwatch.settings.server import FeedSettings, ServerSettings
from rigwatch.topics import SERVER_STATUS
from store import Store
from subscriber.feed.publisher import Feed, FeedTarget
from subscriber.feed.reader import FeedReader
from subscriber.worker import StoreWorker
from tests.fake_clock import FakeClock
from tests.integration.subscriber.feed.reader import reading
from tests.integration.subscriber.running import Node, prepare, settings, subscribing
from tests.mosquitto import Mosquitto
from tests.rigs import report, rig, sample
from tests.waiting import eventually_async

STATE, AVAILABILITY = "rigwatch/v1/main/rig1/state", "rigwatch/v1/main/rig1/availability"
DEVICE = "homeassistant/device/rigwatch_4_main_rig1/config"


class Mine:
    """There is no other subscriber."""

    drives = True


def fed(port: int, *, homeassistant: bool = False) -> ServerSettings:
    return replace(settings(port), feed=FeedSettings(state=True, homeassistant=homeassistant))


async def test_a_third_party_reads_figures_deaths_and_the_end_of_the_server(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1"))
    async with reading(mosquitto.port) as reader:
        async with subscribing(home, fed(mosquitto.port, homeassistant=True)):
            await eventually_async(lambda: reader.tree.get(SERVER_STATUS) == b"online", what="the server says hello")
            node = await Node.connect(rig("rig1"), mosquitto.port)
            await node.say(report(sample(hashrate=1234.5)))
            await eventually_async(lambda: reader.state().get("hashrate_hs") == 1234.5, what="the figure is read")
            assert reader.tree[AVAILABILITY] == b"online"
            assert json.loads(reader.tree[DEVICE])["stat_t"] == STATE
            assert json.loads(reader.tree["rigwatch/v1/server/state"])["nodes_up"] == 1
            node.connection.abort()
            await eventually_async(lambda: reader.tree[AVAILABILITY] == b"offline", what="the death is read")
            await eventually_async(lambda: reader.state()["status"] == "lost", what="and how it went")
            assert "hashrate_hs" not in reader.state()
        await eventually_async(lambda: reader.tree[SERVER_STATUS] == b"offline", what="the server says goodbye")


async def test_what_is_kept_of_nodes_that_are_gone_is_cleared_and_of_others_is_not(
    home: Home, mosquitto: Mosquitto
) -> None:
    prepare(home)
    gone, foreign = "rigwatch/v1/main/gone/state", "homeassistant/device/zigbee_1/config"
    async with reading(mosquitto.port) as reader:
        other = await MqttConnection.open(
            Endpoint("127.0.0.1", mosquitto.port), MqttLogin("", "", "other"), on_message=lambda _message: None
        )
        for topic in (gone, foreign):
            await other.publish(topic, b"{}", retain=True)
        await other.close()
        async with subscribing(home, fed(mosquitto.port)):
            await eventually_async(lambda: reader.tree.get(gone) == b"", what="the tree forgets the node")
    assert reader.tree[foreign] == b"{}"


async def test_all_that_is_kept_is_seen_however_much_it_is(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home)
    # More than Mosquitto keeps for a client at QoS 1.
    gone = [f"rigwatch/v1/main/gone{number}/state" for number in range(1500)]
    other = await MqttConnection.open(
        Endpoint("127.0.0.1", mosquitto.port), MqttLogin("", "", "other"), on_message=lambda _message: None
    )
    await asyncio.gather(*(other.publish(topic, b"{}", retain=True) for topic in gone))
    async with subscribing(home, fed(mosquitto.port)), reading(mosquitto.port, SERVER_STATUS) as reader:
        await eventually_async(lambda: reader.tree.get(SERVER_STATUS) == b"online", what="the tree is as it should be")
    await other.close()
    async with reading(mosquitto.port, "rigwatch/v1/+/+/state", SERVER_STATUS) as late:
        # What is kept comes in the order in which it was asked for.
        await eventually_async(lambda: SERVER_STATUS in late.tree, what="all that is kept has come")
        assert set(late.tree) == {SERVER_STATUS}


async def test_the_late_will_of_its_forerunner_does_not_stay(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home)
    async with reading(mosquitto.port) as reader, subscribing(home, fed(mosquitto.port)):
        await eventually_async(lambda: reader.tree.get(SERVER_STATUS) == b"online", what="the server says hello")
        late = await MqttConnection.open(
            Endpoint("127.0.0.1", mosquitto.port), MqttLogin("", "", "late"), on_message=lambda _message: None
        )
        await late.publish(SERVER_STATUS, b"offline", retain=True)
        await late.close()
        await eventually_async(lambda: reader.tree[SERVER_STATUS] == b"online", what="it says that it is there")


async def test_it_ends_at_once_and_connects_to_nothing_where_nobody_asked(local: Store) -> None:
    async def never(_on_message: object, _will: object) -> MqttConnection:
        raise AssertionError("it connects")

    feed = Feed(
        FeedSettings(),
        StoreWorker(local),
        FeedTarget(never),
        reader=FeedReader(),
        turn=Mine(),
        clock=FakeClock(),
        link="",
    )
    await asyncio.wait_for(feed.run(), timeout=5)
