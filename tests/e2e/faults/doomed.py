"""Nodes that are there to die, each once: bare connections of the harness's own, so that there can be many.

What is said of their deaths comes to a webhook; `told` asks whether each was.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from rigwatch.keys import MasterKey, NodeKey
from rigwatch.messages import NodeState, Report, Sample, Status, encode
from rigwatch.mqtt import Endpoint, LastWill, MqttConnection, MqttError, MqttLogin
from rigwatch.topics import NodeId, TopicLevel, topic_of
from tests.e2e.faults.told import Death
from tests.waiting import eventually

PREFIX: Final = "doomed"
SITE: Final = "main"
THEFTS: Final = 20
"""Reports of 500 samples that a thief sends."""
_A_DAY: Final = 86_400_000

T = TypeVar("T")


@dataclass(slots=True)
class Doomed:
    """Connects to the broker on this machine; `join` and `die` return when it is done."""

    master: MasterKey
    port: int
    deaths: list[Death] = field(default_factory=list)
    _alive: dict[str, MqttConnection] = field(default_factory=dict)
    _count: int = 0
    _session: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._do(self._abort(*self._alive.values()))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def born(self) -> str:
        """The name of one more, which is connected; tried for as long as a broker may need to start."""
        self._count += 1
        name = f"{PREFIX}{self._count}"
        self.join(name)
        return name

    def join(self, name: str, generation: int = 0) -> None:
        eventually(lambda: self._do(self._join(name, generation)), timeout=30, what=f"{name} is connected")

    def die(self, *names: str) -> list[Death]:
        """Of those that are still connected: what the broker's own death has ended is none."""
        found = []
        for name in names:
            connection = self._alive.pop(name)
            if connection.lost.done():
                continue
            found.append(Death(name, time.time()))
            self._do(self._abort(connection))
        self.deaths += found
        return found

    def rob(self, name: str) -> None:
        """Somebody with its key takes its place: a session that no clock has, numbers of tomorrow, and much history."""
        self._do(self._rob(name))
        self._alive.pop(name, None)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _join(self, name: str, generation: int) -> bool:
        self._session = max(self._session + 1, time.time_ns() // 1_000_000)
        key = self.master.node_key(NodeId(SITE, name), generation)
        try:
            self._alive[name] = await self._connect(name, key, self._session)
        except MqttError as exc:
            raise AssertionError(str(exc)) from exc
        return True

    async def _connect(self, name: str, key: NodeKey, session: int) -> MqttConnection:
        node = NodeId(SITE, name)
        topic = topic_of(node, TopicLevel.STATUS)

        def sealed(state: NodeState) -> bytes:
            return key.seal_key.seal(topic, encode(Status(state, session, host=name, interval=86_400)))

        connection = await MqttConnection.open(
            Endpoint("127.0.0.1", self.port),
            MqttLogin(str(node), key.mqtt_password, str(node)),
            on_message=lambda _message: None,
            will=LastWill(topic, sealed(NodeState.LOST)),
        )
        async with asyncio.timeout(10):
            await connection.publish(topic, sealed(NodeState.ONLINE), retain=True)
        return connection

    async def _rob(self, name: str) -> None:
        node = NodeId(SITE, name)
        key, topic = self.master.node_key(node), topic_of(node, TopicLevel.REPORT)
        for session in (2**53, 2**42):
            try:
                connection = await self._connect(name, key, session)
                for number in range(THEFTS):
                    now = time.time_ns() // 1_000_000
                    first = now + _A_DAY if number % 2 else now - _A_DAY + number * 500
                    samples = tuple(Sample(n=n, at=n, hashrate=6.66) for n in range(first, first + 500))
                    report = encode(Report(session, now, samples))
                    connection.publish(topic, key.seal_key.seal(topic, report))
                await connection.close()
            except (MqttError, TimeoutError):
                continue

    async def _abort(self, *connections: MqttConnection) -> None:
        for connection in connections:
            connection.abort()
