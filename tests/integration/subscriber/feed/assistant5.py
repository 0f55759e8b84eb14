"""What Home Assistant 2026.11.0 asks of a broker in MQTT 5, its default, request by request and in its order.

Read from its wheel on PyPI, `homeassistant/components/mqtt/`, which wants a newer Python than this: `client.py` (the
client, its will, the subscriptions and their identifiers), `config_flow.py` (`try_connection`), `discovery.py` (the
filters), `entity.py` (availability), `const.py` (the defaults), and `homeassistant/generated/mqtt.py` (the filters of
other integrations). It uses paho 2.1.0, and so does this.
"""

import asyncio
import json
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.matcher import MQTTMatcher
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tests.integration.broker.peer import Login

PREFIX: Final = "homeassistant"
KEEP_ALIVE: Final = 60
WAIT: Final = 10
"""Seconds for an acknowledgement (`TIMEOUT_ACK`)."""
COMPONENTS: Final = (
    "alarm_control_panel", "binary_sensor", "button", "camera", "climate", "cover", "date", "datetime",
    "device_automation", "device_tracker", "event", "fan", "humidifier", "image", "infrared", "lawn_mower", "light",
    "lock", "notify", "number", "scene", "siren", "select", "sensor", "switch", "tag", "text", "time", "update",
    "vacuum", "valve", "water_heater",
)  # fmt: skip
DISCOVERY: Final = (
    *(f"{PREFIX}/{component}/+/config" for component in COMPONENTS),
    *(f"{PREFIX}/{component}/+/+/config" for component in COMPONENTS),
    f"{PREFIX}/device/+/config",
    f"{PREFIX}/device/+/+/config",
)
OTHERS: Final = (
    "drop_connect/discovery/#", "dsmr/#", "esphome/discover/#", "fully/deviceInfo/+", "inels/status/#",
    "pglab/discovery/#", "cloudapp/QBUSMQTTGW/+/state", "tasmota/discovery/#",
)  # fmt: skip
OTHERS_SIMPLE: Final = (
    "/greencell/broadcast/device", "cloudapp/QBUSMQTTGW/state", "cloudapp/QBUSMQTTGW/config", "prism/hello",
)  # fmt: skip


class Assistant5:
    """Connected by `start`, which asks for all that it asks for; `stop` goes as it goes, without a DISCONNECT."""

    def __init__(self, login: Login, port: int, client_id: str = "2NCfV1mEd7kZ9sTb0QwXyA") -> None:
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, asyncio.Future[list[int]]] = {}
        self.identifiers = {topic: number for number, topic in enumerate((*DISCOVERY, *OTHERS), 2)}
        self.granted: dict[str, int] = {}
        self.got: list[paho.MQTTMessage] = []
        self.devices: dict[str, dict[str, Any]] = {}
        self.connects: list[int] = []
        self.ended: list[int] = []
        self.client = client_of(login, client_id)
        self.client.will_set(f"{PREFIX}/status", "offline", qos=0, retain=False)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.connects.append(reason.value)
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.ended.append(reason.value)
        self.client.on_message = lambda _c, _u, message: self._take(message)
        self.client.on_subscribe = self._subscribed

    async def start(self) -> None:
        await asyncio.to_thread(
            self.client.connect, host="127.0.0.1", port=self._port, keepalive=KEEP_ALIVE, clean_start=True
        )
        self.client.loop_start()
        # One by one, each with a number of its own, and when it is answered the next; what has no wildcard all
        # together as number 1, and then the birth.
        for topic, number in self.identifiers.items():
            await self._subscribe({topic: 0}, number)
        await self._subscribe(dict.fromkeys(OTHERS_SIMPLE, 0), 1)
        self.client.publish(f"{PREFIX}/status", "online", 0, False, Properties(PacketTypes.PUBLISH))  # type: ignore[no-untyped-call]

    async def read_devices(self) -> None:
        """What discovery has told of so far is subscribed to, as the entities that it makes do."""
        topics: dict[str, int] = {}
        for payload in self.devices.values():
            for part in payload["cmps"].values():
                whole = {**payload, **part}
                for topic in (whole.get("stat_t"), *(each["t"] for each in whole["avty"])):
                    topics[topic] = max(topics.get(topic, 0), whole["qos"])
        await self._subscribe({topic: qos for topic, qos in topics.items() if topic not in self.granted}, 1)

    def values(self, topic: str) -> list[bytes]:
        return [bytes(message.payload) for message in self.got if message.topic == topic]

    def wrongly_numbered(self) -> list[tuple[str, list[int]]]:
        """Messages that would reach no subscription of its, or one twice: it finds them by their numbers."""
        found = [(each.topic, getattr(each.properties, "SubscriptionIdentifier", [])) for each in self.got]
        return [(topic, numbers) for topic, numbers in found if sorted(numbers) != self._numbers(topic)]

    async def stop(self) -> None:
        """The socket closes, and the broker is to send the will."""
        self.client.on_disconnect = None
        await asyncio.to_thread(self.client.loop_stop)
        self.client.socket().close()  # type: ignore[union-attr]

    def _numbers(self, topic: str) -> list[int]:
        matcher = MQTTMatcher()  # type: ignore[no-untyped-call]
        for topic_filter, number in self.identifiers.items():
            matcher[topic_filter] = number
        return sorted([*matcher.iter_match(topic), *([1] if topic in self.granted else [])])  # type: ignore[no-untyped-call]

    async def _subscribe(self, wanted: dict[str, int], number: int) -> None:
        properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
        properties.SubscriptionIdentifier = number
        _, mid = self.client.subscribe(list(wanted.items()), properties=properties)
        assert mid is not None
        codes = await asyncio.wait_for(self._future(mid), WAIT)
        self.granted |= dict(zip(wanted, codes, strict=True))

    def _future(self, mid: int) -> asyncio.Future[list[int]]:
        return self._pending.setdefault(mid, self._loop.create_future())

    def _subscribed(self, _client: paho.Client, _u: Any, mid: int, reasons: list[ReasonCode], _p: Properties) -> None:  # noqa: ANN401 - paho's
        codes = [each.value for each in reasons]
        self._loop.call_soon_threadsafe(lambda: self._future(mid).set_result(codes))

    def _take(self, message: paho.MQTTMessage) -> None:
        self.got.append(message)
        if message.topic.startswith(f"{PREFIX}/device/") and message.payload:
            self.devices[message.topic] = json.loads(message.payload)


def client_of(login: Login, client_id: str) -> paho.Client:
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, transport="tcp", reconnect_on_failure=False
    )
    client.username_pw_set(str(login.user), str(login.password))
    return client
