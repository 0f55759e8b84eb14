"""A topic of the user's own MQTT broker: what a plug, a sensor or a script publishes, and where figures stand in it.

rigwatch's own topics are not meant, and are sealed.
"""

import asyncio
import os
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from msgspec import Meta

from publisher.sources.custom import ChartSettings, ChartSource
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context, Stale
from rigwatch.clock import Millis, in_millis
from rigwatch.errors import RigwatchError
from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin, MqttMessage
from rigwatch.settings.loader import Secret

_PAYLOAD_MAX: Final = 256 * 1024
_AGAIN: Final = 5.0
"""Seconds between two tries to connect."""


class MqttSettings(ChartSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`topic` is one topic, without wildcards; a message older than `stale` counts no more."""

    url: str = "mqtt://127.0.0.1:1883"
    topic: Annotated[str, Meta(min_length=1, max_length=1024)]
    username: str = ""
    password: Secret = Secret("")
    stale: Stale = timedelta(minutes=10)

    def __post_init__(self) -> None:
        super().__post_init__()
        if "+" in self.topic or "#" in self.topic:
            raise ValueError("topic should be one topic, without + or #")
        try:
            Endpoint.parse(self.url, None)
        except RigwatchError:
            raise ValueError("url should look like mqtt://127.0.0.1:1883, or mqtts://… for TLS") from None


@dataclass(frozen=True, slots=True)
class _Told:
    at: Millis
    payload: bytes


class MqttSource(ChartSource):
    """Stays connected from its first read on. Of a message only the newest counts; a retained one that is older than
    the connection counts from when it came, since nobody says when it was sent.
    """

    def __init__(self, settings: MqttSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._endpoint = Endpoint.parse(settings.url, None)
        self._topic = settings.topic
        self._login = MqttLogin(
            settings.username, str(settings.password), f"rigwatch-{context.node.node}-{os.getpid()}"[:64]
        )
        self._stale = settings.stale
        self._told: _Told | None = None
        self._trouble = ""
        self._came = threading.Event()
        self._thread: threading.Thread | None = None

    def read(self) -> Reading:
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name="mqtt-topic", daemon=True)
            self._thread.start()
        # A retained message comes at once; the next one of a plug may take minutes.
        self._came.wait(self.timeout_s * 0.8)
        told = self._told
        if told is None:
            raise SourceError(self._trouble or f"{self._endpoint}: nothing was published on {self._topic} yet")
        if (age := self.clock.now() - told.at) > in_millis(self._stale):
            why = f" ({self._trouble})" if self._trouble else ""
            raise SourceError(f"{self._topic}: last heard of {age / 1000:.0f} s ago{why}")
        try:
            return self.reading(told.payload)
        except SourceError as exc:
            raise SourceError(f"{self._topic}: {exc}") from None

    def _listen(self) -> None:
        # A loop that offers `add_reader`, which Windows' usual one does not.
        loop = asyncio.SelectorEventLoop()
        try:
            loop.run_until_complete(self._stay_connected())
        finally:
            loop.close()

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._connected()
            except RigwatchError as exc:
                self._trouble = str(exc)
            except Exception as exc:  # noqa: BLE001 - the boundary of a thread: its defect is the source's error, and it goes on
                self._trouble = f"{self._endpoint}: defect: {type(exc).__name__}: {exc}"
            await asyncio.sleep(_AGAIN)

    async def _connected(self) -> None:
        def take(message: MqttMessage) -> None:
            if len(message.payload) <= _PAYLOAD_MAX:
                self._told = _Told(self.clock.now(), message.payload)
                self._came.set()

        connection = await MqttConnection.open(
            self._endpoint, self._login, on_message=take, keepalive=30, timeout=self.timeout_s
        )
        try:
            await connection.subscribe(self._topic)
            self._trouble = ""
            self._trouble = f"{self._endpoint}: {await connection.lost}"
        finally:
            await connection.close()
