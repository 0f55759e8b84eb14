"""A plug on the user's own broker, a real Mosquitto."""

import asyncio
from typing import Any

import pytest

from publisher.sources.reading import SourceError
from publisher.sources.registry import build_sources
from publisher.sources.source import Context, Source
from rigwatch.errors import SettingsError
from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.mosquitto import Mosquitto
from tests.ports import free_port
from tests.waiting import eventually

TOPIC = "zigbee2mqtt/rig-plug"


def _source(url: str, clock: FakeClock, **settings: Any) -> Source:  # noqa: ANN401 - as TOML has them
    raw = {"kind": "mqtt", "url": url, "topic": TOPIC, "figures": {"power": "power W"}, **settings}
    ((_, source),) = build_sources([raw], SettingPlace("publisher.toml"), Context(NodeId("main", "rig07"), clock))
    return source


def _publish(url: str, payload: bytes, *, retain: bool) -> None:
    async def run() -> None:
        connection = await MqttConnection.open(
            Endpoint.parse(url, None), MqttLogin("", "", "plug"), on_message=lambda _: None
        )
        await connection.publish(TOPIC, payload, retain=retain)
        await connection.close()

    asyncio.run(run())


def _power(source: Source) -> float | None:
    try:
        return source.read().power
    except SourceError:
        return None


def test_what_a_plug_publishes_is_read_and_grows_old(mosquitto: Mosquitto) -> None:
    url = f"mqtt://127.0.0.1:{mosquitto.port}"
    clock = FakeClock()
    _publish(url, b'{"power":231.5,"energy":12}', retain=True)
    source = _source(url, clock)
    assert source.read().power == 231.5
    _publish(url, b'{"power":180}', retain=False)
    eventually(lambda: _power(source) == 180, what="the newer message counts")
    clock.move(601)
    with pytest.raises(SourceError, match="zigbee2mqtt/rig-plug: last heard of 601 s ago"):
        source.read()


def test_a_message_that_is_none_is_an_error_that_names_the_topic(mosquitto: Mosquitto) -> None:
    url = f"mqtt://127.0.0.1:{mosquitto.port}"
    _publish(url, b"offline", retain=True)
    with pytest.raises(SourceError, match=r"^zigbee2mqtt/rig-plug: the answer is not JSON"):
        _source(url, FakeClock()).read()


def test_a_broker_that_is_not_there_is_an_error_that_names_it() -> None:
    port = free_port()
    source = _source(f"mqtt://127.0.0.1:{port}", FakeClock(), timeout="1s")
    with pytest.raises(SourceError, match=str(port)):
        source.read()


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"topic": "a/#"}, "one topic, without"), ({"url": "http://h"}, "url should look like mqtt://")],
)
def test_a_setting_that_cannot_be_is_refused_in_words(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        _source(**{"url": "mqtt://127.0.0.1:1883", "clock": FakeClock(), **settings})
