"""Nodes that report: sealed beforehand, sent with a window each, and counted by the subscriber's acks.

Run as a process of its own (`python -m benchmarks.report_load`): one JSON order on standard input, one JSON answer.
`reports` are rigwatch's own; `plain` is the same figures as plain JSON, for programs that take anybody's.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import uvloop

from benchmarks.mqtt_load import Client, open_clients, packet, text
from rigwatch.envelope import HEADER_LENGTH, NONCE_LENGTH, TAG_LENGTH, SealKey
from rigwatch.keys import NodeKey
from rigwatch.messages import Ack, NodeState, Report, Sample, Status, decode, encode

_SEALED = HEADER_LENGTH + NONCE_LENGTH + TAG_LENGTH
_STALLED_S = 15.0
"""Without an ack for so long, the rest is not coming."""


@dataclass(slots=True)
class Node:
    """One node's connection, what it has yet to send, and when it sent what is not acked."""

    client: Client
    login: dict[str, Any]
    key: SealKey
    session: int
    packets: deque[bytes] = field(default_factory=deque)
    sent_at: deque[float] = field(default_factory=deque)
    acks: list[bytes] = field(default_factory=list)

    def prepare(self, count: int, first: int) -> None:
        """Seals `count` reports of one sample each."""
        for number in range(count):
            body = encode(Report(self.session, first + number, (sample(first + number, number),)))
            self.packets.append(publish(self.login["topic"], self.key.seal(self.login["topic"], body)))

    def send(self, count: int) -> None:
        out = [self.packets.popleft() for _ in range(min(count, len(self.packets)))]
        self.sent_at.extend([time.perf_counter()] * len(out))
        if out:
            self.client.write(b"".join(out))

    def acked(self) -> set[int]:
        """The numbers that were acked, looked at after the run."""
        found: set[int] = set()
        for ack in self.acks:
            found.update(decode(self.key.open(self.login["filter"], ack), Ack).n)
        return found


class Run:
    """Every node keeps `window` reports unacked until all are sent."""

    def __init__(self, nodes: list[Node], *, window: int) -> None:
        self._window = window
        self._nodes = nodes
        self._one = len(encode(Ack(nodes[0].session, (nodes[0].session,)))) + _SEALED
        self._more = len(f",{nodes[0].session}")
        self.total = sum(len(node.packets) for node in nodes)
        self.left = self.total
        self.delays: list[float] = []
        self.finished = asyncio.Event()
        self.last = 0.0
        for node in nodes:
            node.client.on_message = self._on_ack(node)

    def _on_ack(self, node: Node) -> Callable[[bytes], None]:
        def acknowledged(payload: bytes) -> None:
            # All numbers have as many digits, so that the length tells how many they are, and nothing is opened now.
            count = 1 + (len(payload) - self._one) // self._more
            now = self.last = time.perf_counter()
            node.acks.append(payload)
            self.delays.extend(now - node.sent_at.popleft() for _ in range(min(count, len(node.sent_at))))
            node.send(count)
            self.left -= count
            if self.left <= 0:
                self.finished.set()

        return acknowledged

    async def run(self) -> None:
        self.last = time.perf_counter()
        for node in self._nodes:
            node.send(self._window)
        while not self.finished.is_set() and time.perf_counter() - self.last < _STALLED_S:
            try:
                async with asyncio.timeout(1):
                    await self.finished.wait()
            except TimeoutError:
                continue


async def reports(order: dict[str, Any]) -> dict[str, Any]:
    """Births, then `count` reports of each node; the answer counts the samples that were acked."""
    clients, _ = await open_clients(order, order["nodes"])
    session = time.time_ns() // 1_000_000
    nodes = [
        Node(client, login, NodeKey.decode(login["key"]).seal_key, session)
        for client, login in zip(clients, order["nodes"], strict=True)
    ]
    for node in nodes:
        await node.client.subscribe(node.login["filter"])
    await _births(nodes)
    first = session + 1000
    for node in nodes:
        node.prepare(order["count"], first)
    run = Run(nodes, window=order["window"])
    print("begin", flush=True)
    sys.stdin.readline()
    began, used = time.perf_counter(), time.process_time()
    await run.run()
    seconds, used = run.last - began, time.process_time() - used
    acked = sum(len(node.acked()) for node in nodes)
    return {"sent": run.total, "acked": acked, "seconds": seconds, "cpu": used, **spread(run.delays)}


async def plain(order: dict[str, Any]) -> dict[str, Any]:
    """`count` messages of each node, `window` of them without the broker's acknowledgement."""
    clients, _ = await open_clients(order, order["nodes"])
    left = order["count"] * len(clients)
    done = asyncio.Event()

    def start(client: Client, topic: str) -> None:
        waiting = deque(publish(topic, encode_plain(number)) for number in range(order["count"]))

        def acknowledged() -> None:
            nonlocal left
            left -= 1
            if waiting:
                client.write(waiting.popleft())
            elif left <= 0:
                done.set()

        client.on_puback = acknowledged
        for _ in range(min(order["window"], len(waiting))):
            client.write(waiting.popleft())

    print("begin", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for client, login in zip(clients, order["nodes"], strict=True):
        start(client, login["topic"])
    async with asyncio.timeout(120):
        await done.wait()
    return {"sent": order["count"] * len(clients), "seconds": time.perf_counter() - began}


def sample(n: int, number: int) -> Sample:
    """A miner's figures; they move from one report to the next."""
    return Sample(
        n=n, at=n, hashrate=27_123_456.789 + 1000.5 * number, peers=20 + number % 9, block=500_000 + number,
        accepted=1000 + number, rejected=number // 50, temperature=58.5 + number % 7, power=118.2, fan=55.0,
    )  # fmt: skip


def encode_plain(number: int) -> bytes:
    """About as many bytes as a sealed report has."""
    figures = json.loads(encode(Report(1, 1, (sample(1_790_000_000_000 + number, number),))))["samples"][0]
    return json.dumps({**figures, "pad": "x" * 100}).encode()


def publish(topic: str, payload: bytes) -> bytes:
    """The packet number is always the same: a broker does not mind, and nobody here looks at it."""
    return packet(0x32, text(topic) + b"\x00\x01" + payload)


def spread(delays: list[float]) -> dict[str, float]:
    delays.sort()
    return {"p50": delays[len(delays) // 2], "p99": delays[int(len(delays) * 0.99)]} if delays else {}


async def _births(nodes: list[Node]) -> None:
    done = [asyncio.Event() for _ in nodes]
    for node, confirmed in zip(nodes, done, strict=True):
        topic = node.login["status"]
        body = encode(Status(NodeState.ONLINE, node.session, host=node.login["user"]))
        node.client.on_puback = confirmed.set
        node.client.write(packet(0x33, text(topic) + b"\x00\x01" + node.key.seal(topic, body)))
    async with asyncio.timeout(60):
        await asyncio.gather(*(each.wait() for each in done))
    for node in nodes:
        node.client.on_puback = lambda: None


_ORDERS: dict[str, Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]] = {
    "reports": reports,
    "plain": plain,
}

if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_ORDERS[given["do"]](given))), flush=True)
