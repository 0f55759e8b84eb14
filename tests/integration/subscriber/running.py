"""A subscriber on a real broker, in this process or in one of its own that can be killed, and nodes that talk to it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from broker.service import serve
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.messages import Ack, Report, Status, decode
from rigwatch.mqtt import Endpoint, LastWill, MqttConnection, MqttLogin, MqttMessage
from rigwatch.process import run
from rigwatch.registry import Registry
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import BrokerSettings, DatabaseSettings, ServerSettings
from rigwatch.topics import TopicLevel, topic_of
from subscriber.service import subscribe
from tests.rigs import MASTER, Rig, birth, will


def settings(port: int, database_url: str = "sqlite:///rigwatch.db") -> ServerSettings:
    return ServerSettings(
        broker=BrokerSettings(port=0, plain_port=port), database=DatabaseSettings(url=Secret(database_url))
    )


def prepare(home: Home, *rigs: Rig) -> None:
    """The key and the list of enrolled nodes, as `rigwatch init` and `rigwatch enroll` leave them."""
    MASTER.save(home.secret_key)
    for each in rigs:
        Registry(home.nodes_json).enroll(each.id, 1)


@asynccontextmanager
async def subscribing(home: Home, wanted: ServerSettings) -> AsyncIterator[asyncio.Event]:
    """The subscriber beside the test; it is stopped in order at the end, or when the test sets the event."""
    stop = asyncio.Event()
    task = asyncio.create_task(subscribe(home, wanted, clock=SystemClock(), stop=stop))
    try:
        yield stop
    finally:
        stop.set()
        await task


@asynccontextmanager
async def broker_at(home: Home, port: int) -> AsyncIterator[None]:
    """The embedded broker beside the test."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(
        serve(home, settings(port), clock=SystemClock(), stop=stop, ready=lambda _bound: ready.set())
    )
    await ready.wait()
    try:
        yield
    finally:
        stop.set()
        await task


@contextmanager
def subscriber_process(home: Home, port: int, database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", __name__, str(home.path), str(port), database_url]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "error"})
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


@dataclass(slots=True)
class Node:
    """A connected node: it sends what it is told to and keeps the acks it gets."""

    rig: Rig
    connection: MqttConnection
    acks: list[Ack] = field(default_factory=list)

    @classmethod
    async def connect(cls, rig: Rig, port: int, session: int = 1) -> "Node":
        """Connects with its will and says that it is there."""
        acks: list[Ack] = []

        def receive(message: MqttMessage) -> None:
            acks.append(decode(rig.key.seal_key.open(message.topic, message.payload), Ack))

        status, sealed = topic_of(rig.id, TopicLevel.STATUS), rig.sealed(will(session))
        connection = await MqttConnection.open(
            Endpoint("127.0.0.1", port),
            MqttLogin(str(rig.id), rig.key.mqtt_password, str(rig.id)),
            on_message=receive,
            will=LastWill(status, sealed.payload),
        )
        await connection.subscribe(topic_of(rig.id, TopicLevel.ACK))
        node = cls(rig, connection, acks)
        await node.say(birth(session))
        return node

    async def say(self, body: Status | Report) -> None:
        message = self.rig.sealed(body)
        await self.connection.publish(message.topic, message.payload, retain=isinstance(body, Status))

    def acked(self) -> set[int]:
        return {n for ack in self.acks for n in ack.n}


def _main() -> None:
    path, port, url = sys.argv[1:]
    home = Home.find(path, {})
    run(lambda stop: subscribe(home, settings(int(port), url), clock=SystemClock(), stop=stop))


if __name__ == "__main__":
    _main()
