"""What 200 quiet nodes notice of one that does its worst: seconds until their births and deaths are known.

`python -m benchmarks.hostile [--short] [--write] [--only NAME]`, with the limits that the broker has by default. Births
count from the beginning of the connection, deaths from the end of the socket: to an account that reads everything, and
through a subscriber to the stored row.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.brokers import Measured, ours
from benchmarks.hostile_load import ATTACKS, packet
from benchmarks.mqtt_load import text
from benchmarks.subscribers import sqlite, subscribing
from benchmarks.tables import replace_between, table
from broker.frames import FrameReader
from broker.packets import split_publish
from rigwatch.home import Home
from rigwatch.messages import NodeState, Status, encode
from rigwatch.topics import NodeId, TopicLevel, topic_of
from store import Store, alerts, open_store, reader

NODES: Final = 200
PROBERS: Final = 4
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.05
_PING_EVERY: Final = 5.0
_QUIET: Final = "nothing"
_LOST: Final = "lost"
_ALERTS: Final = '[alerts]\nhold="0s"\ngroup_wait="0s"\ngrace="0s"\n'

Known = Callable[["Node"], float | None]


@dataclass(slots=True)
class Node:
    """A quiet node: what it says in its present session, and its socket."""

    id: NodeId
    broker: Measured
    session: int = 0
    line: asyncio.StreamWriter | None = None
    said: dict[NodeState, bytes] = field(default_factory=dict)

    async def come(self) -> None:
        """CONNECT with a will, and the birth."""
        self.session = max(self.session + 1, time.time_ns() // 1_000_000)
        key, topic = self.broker.master.node_key(self.id), topic_of(self.id, TopicLevel.STATUS)
        for state in (NodeState.ONLINE, NodeState.LOST):
            self.said[state] = key.seal_key.seal(topic, encode(Status(state, self.session, host="bench")))
        will = self.said[NodeState.LOST]
        body = text("MQTT") + bytes((4, 0xC2 | 0x2C, 0, 30)) + text(str(self.id))
        body += text(topic) + len(will).to_bytes(2) + will + text(str(self.id)) + text(key.mqtt_password)
        reader, self.line = await asyncio.open_connection("127.0.0.1", self.broker.port)
        self.line.write(packet(0x10, body))
        answer = await reader.readexactly(4)
        if answer[3]:
            raise SystemExit(f"{self.id}: refused with {answer[3]}")
        self.line.write(packet(0x33, text(topic) + b"\x00\x01" + self.said[NodeState.ONLINE]))

    def ping(self) -> None:
        if self.line is not None:
            self.line.write(b"\xc0\x00")

    def die(self) -> None:
        if self.line is not None:
            self.line.transport.abort()
            self.line = None


class Watcher(asyncio.Protocol):
    """An account that reads everything; remembers when it first saw each payload on a status topic."""

    def __init__(self, broker: Measured) -> None:
        self._broker = broker
        self._frames = FrameReader(8 * 1024 * 1024)
        self._line: asyncio.Transport | None = None
        self.seen: dict[bytes, float] = {}
        self.bytes = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = transport  # type: ignore[assignment]
        password = self._broker.master.service_password("watch")
        body = text("MQTT") + bytes((4, 0xC2, 0, 0)) + text("watch") + text("watch") + text(password)
        self.send(packet(0x10, body) + packet(0x82, b"\0\1" + text("rigwatch/v1/#") + b"\1"))

    def send(self, data: bytes) -> None:
        assert self._line is not None
        self._line.write(data)

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self._frames.feed(data)
        answers = bytearray()
        while frame := self._frames.next():
            first, body = frame
            if first & 0xF0 == 0x30:
                topic, number, payload = split_publish(first, body)
                if number:
                    answers += b"\x40\x02" + number.to_bytes(2)
                if topic.endswith(b"/status"):
                    self.seen.setdefault(payload, time.monotonic())
            elif first == 0x90 and not self.ready.done():
                self.ready.set_result(None)
        if answers:
            self.send(bytes(answers))


class Rows:
    """The subscriber's database, looked at from a thread; remembers when it first saw what."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.online: dict[tuple[NodeId, int], float] = {}
        self.lost: dict[tuple[NodeId, int], float] = {}

    async def look_on(self) -> None:
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(_LOOK_EVERY)

    def _look(self) -> None:
        sessions = {}
        with self._store.read() as tx:
            nodes, incidents = reader.nodes(tx), alerts.live(tx)
        for facts in nodes:
            sessions[facts.id] = facts.session
            if facts.connected:
                self.online.setdefault((facts.id, facts.session), time.monotonic())
        for each in incidents:
            node = (each.subject.site, each.subject.name)
            if each.rule.value == _LOST and each.holding and each.fired_at is not None:
                known = next((found for found in sessions if (found.site, found.node) == node), None)
                if known is not None:
                    self.lost.setdefault((known, sessions[known]), time.monotonic())


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds; a probe that found nothing within the patience counts with that. `born` and `died` know when a node's
    present session was seen to begin and to end."""

    born: Known
    died: Known
    births: list[float] = field(default_factory=list)
    deaths: list[float] = field(default_factory=list)


async def probe(nodes: Iterator[Node], until: float, delays: Delays) -> None:
    """Kills one node after the other, and has it come back."""
    while time.monotonic() < until:
        node = next(nodes)
        began = time.monotonic()
        node.die()
        delays.deaths.append(await _after(began, node, delays.died))
        began = time.monotonic()
        await node.come()
        delays.births.append(await _after(began, node, delays.born))
        await asyncio.sleep(0.05)


async def _after(began: float, node: Node, known: Known) -> float:
    while time.monotonic() - began < _PATIENCE:
        at = known(node)
        if at is not None:
            return max(0.0, at - began)
        await asyncio.sleep(0.002)
    return _PATIENCE


@asynccontextmanager
async def fleet(broker: Measured) -> AsyncIterator[list[Node]]:
    nodes = [Node(NodeId("bench", f"q{number}"), broker) for number in range(NODES)]
    for node in nodes:
        await node.come()

    async def keep_alive() -> None:
        while True:
            await asyncio.sleep(_PING_EVERY)
            for node in nodes:
                node.ping()

    task = asyncio.create_task(keep_alive())
    try:
        yield nodes
    finally:
        task.cancel()
        for node in nodes:
            node.die()


@contextmanager
def attacked(broker: Measured, attack: str) -> Iterator[None]:
    """The hostile node, as a process of its own."""
    if attack == _QUIET:
        yield
        return
    node = NodeId("bench", "hostile")
    login = {
        "user": str(node), "client_id": str(node), "password": broker.master.node_key(node).mqtt_password,
        "topic": topic_of(node, TopicLevel.REPORT), "filter": topic_of(node, TopicLevel.ACK),
        "status": topic_of(node, TopicLevel.STATUS), "key": broker.master.node_key(node).encoded,
    }  # fmt: skip
    order = {
        "attack": attack, "port": broker.port, "websocket_port": broker.websocket_port, "login": login,
        "session": time.time_ns() // 1_000_000,
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.hostile_load"], stdin=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.close()
        yield
    finally:
        process.kill()
        process.wait()


async def at_the_broker(broker: Measured, attack: str, seconds: float) -> Delays:
    async with fleet(broker) as nodes:
        loop = asyncio.get_running_loop()
        _, watcher = await loop.create_connection(lambda: Watcher(broker), "127.0.0.1", broker.port)
        await watcher.ready

        def known(state: NodeState) -> Known:
            return lambda node: watcher.seen.get(node.said[state])

        delays = Delays(known(NodeState.ONLINE), known(NodeState.LOST))
        with attacked(broker, attack):
            await _probe_all(nodes, seconds, delays)
    return delays


async def in_the_store(broker: Measured, store: Store, attack: str, seconds: float) -> Delays:
    rows = Rows(store)
    delays = Delays(lambda node: _row(rows.online, node), lambda node: _row(rows.lost, node))
    looking = asyncio.create_task(rows.look_on())
    try:
        async with fleet(broker) as nodes:
            await asyncio.gather(*(_after(time.monotonic(), node, delays.born) for node in nodes))
            with attacked(broker, attack):
                await _probe_all(nodes, seconds, delays)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    return delays


def _row(seen: dict[tuple[NodeId, int], float], node: Node) -> float | None:
    return seen.get((node.id, node.session))


async def _probe_all(nodes: list[Node], seconds: float, delays: Delays) -> None:
    # What it has sealed beforehand, it sends now.
    await asyncio.sleep(2.0)
    turns = cycle(nodes)
    until = time.monotonic() + seconds
    await asyncio.gather(*(probe(turns, until, delays) for _ in range(PROBERS)))


def measure(attack: str, seconds: float) -> list[tuple[str, ...]]:
    rows = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        with ours(limits="", websocket=True) as broker:
            before = broker.cpu()
            delays = runner.run(at_the_broker(broker, attack, seconds))
            used = (broker.cpu() - before) / (seconds + 2)
            rows.append((attack, "broker", *_row_of(delays), f"{100 * used:.0f} %"))
        with ExitStack() as stack:
            broker = stack.enter_context(ours(limits="", websocket=True))
            subscriber = stack.enter_context(subscribing(broker, stack.enter_context(sqlite()), more=_ALERTS))
            store = stack.enter_context(
                contextlib.closing(open_store("sqlite:///rigwatch.db", Home(Path(subscriber.home))))
            )
            delays = runner.run(in_the_store(broker, store, attack, seconds))
            rows.append((attack, "stored row", *_row_of(delays), ""))
    return rows


def _row_of(delays: Delays) -> tuple[str, ...]:
    return (str(len(delays.deaths)), *_spread(delays.births), *_spread(delays.deaths))


def _spread(found: list[float]) -> tuple[str, str, str]:
    ordered = sorted(found)
    at = (ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], ordered[-1])
    return tuple(f"{each * 1000:.0f}" for each in at)  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="five seconds each instead of twenty")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--only", default="", help="comma-separated names of attacks")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    names = options.only.split(",") if options.only else [_QUIET, *ATTACKS]
    rows = []
    for name in names:
        for row in measure(name, 5.0 if options.short else 20.0):
            print(" | ".join(row), file=sys.stderr, flush=True)
            rows.append(row)
    births, deaths = ("births p50 ms", "p99", "most"), ("deaths p50 ms", "p99", "most")
    head = ("one node sends", "known at the", "probes", *births, *deaths, "broker's core")
    lines = table(head, rows)
    print(lines)
    if options.write:
        replace_between("hostile", lines)


if __name__ == "__main__":
    main()
