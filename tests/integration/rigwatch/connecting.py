"""How the tests of the MQTT connection reach a broker, and what they hear."""

import asyncio
from dataclasses import dataclass, field

from rigwatch.mqtt import Endpoint, LastWill, MqttConnection, MqttLogin, MqttMessage

LOGIN = MqttLogin("main/rig1", "password", "main/rig1")


@dataclass(slots=True)
class Heard:
    """What a connection received, in order."""

    messages: list[MqttMessage] = field(default_factory=list)

    def __call__(self, message: MqttMessage) -> None:
        self.messages.append(message)

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]


def as_client(name: str) -> MqttLogin:
    """Whoever this is; two connections with one client id would throw each other out."""
    return MqttLogin(name, "password", name)


async def connect(
    port: int,
    name: str = "main/rig1",
    *,
    heard: Heard | None = None,
    will: LastWill | None = None,
    keepalive: int = 10,
    timeout: float = 10,
    ca: str | None = None,
) -> MqttConnection:
    """Over TLS when there is an authority to trust."""
    return await MqttConnection.open(
        Endpoint("127.0.0.1", port, tls=ca is not None, ca=ca),
        as_client(name),
        on_message=heard or Heard(),
        will=will,
        keepalive=keepalive,
        timeout=timeout,
    )


async def in_time(future: "asyncio.Future[str] | asyncio.Future[None]", seconds: float = 10) -> str | None:
    """The future's result, or a failure of the test instead of an endless wait."""
    async with asyncio.timeout(seconds):
        return await future


def reached(messages: list[MqttMessage], count: int) -> bool:
    """Whether exactly so many have come."""
    return len(messages) == count
