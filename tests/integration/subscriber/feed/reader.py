"""A third party that reads the plain tree on a real broker."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin, MqttMessage


class Reader:
    """The last content of each topic, and all that was said on those that keep nothing."""

    def __init__(self) -> None:
        self.tree: dict[str, bytes] = {}
        self.events: list[dict[str, Any]] = []
        self.heard: list[tuple[str, bytes]] = []

    def take(self, message: MqttMessage) -> None:
        self.tree[message.topic] = message.payload
        self.heard.append((message.topic, message.payload))
        if message.topic.endswith("/incident"):
            assert not message.retained
            self.events.append({"topic": message.topic, **json.loads(message.payload)})

    def state(self, of: str = "main/rig1", prefix: str = "rigwatch/v1") -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.tree.get(f"{prefix}/{of}/state") or b"{}")
        return read

    def said(self, kind: str) -> list[str]:
        """The rules of the incidents of which this was said."""
        return [event["rule"] for event in self.events if event["event_type"] == kind]


@asynccontextmanager
async def reading(
    port: int, *filters: str, endpoint: Endpoint | None = None, login: MqttLogin | None = None
) -> AsyncIterator[Reader]:
    reader = Reader()
    connection = await MqttConnection.open(
        endpoint or Endpoint("127.0.0.1", port), login or MqttLogin("", "", "third-party"), on_message=reader.take
    )
    try:
        await connection.subscribe(*(filters or ("rigwatch/v1/#", "homeassistant/#")))
        yield reader
    finally:
        await connection.close()
