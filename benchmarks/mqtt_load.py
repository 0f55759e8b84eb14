"""Load on an MQTT broker: many raw clients in one process, cheap enough to be the faster side.

Run as a process of its own (`python -m benchmarks.mqtt_load`), it reads one JSON order from standard input and prints
one JSON answer; `crowd` keeps its clients until it is killed.
"""

import asyncio
import json
import ssl
import struct
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

SIZE = 300
_PATIENCE = 120
"""Seconds for whatever is waited for; a broker that takes longer has failed."""
_STAMP = struct.Struct("!d")


class Client(asyncio.Protocol):
    """Connects, and then answers what comes with as little work as there can be."""

    def __init__(self, connect: bytes, version: int) -> None:
        self._connect = connect
        # What MQTT 5 has more: the length of properties that there are not.
        self.properties = b"\x00" if version == 5 else b""
        self._rest = b""
        self.transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_suback: asyncio.Future[None] | None = None
        self.on_puback: Callable[[], None] = lambda: None
        self.on_message: Callable[[bytes], None] = lambda _payload: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.write(self._connect)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(str(exc)))
        if not self.lost.done():
            self.lost.set_result(None)

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        answers: list[bytes] = []
        while end - at >= 2:
            length, body = data[at + 1], at + 2
            if length & 0x80:
                if end - at < 3:
                    break
                length, body = (length & 0x7F) | data[at + 2] << 7, at + 3
            if body + length > end:
                break
            self._take(data[at], data[body : body + length], answers)
            at = body + length
        self._rest = data[at:]
        if answers:
            self.write(b"".join(answers))

    def _take(self, first: int, body: bytes, answers: list[bytes]) -> None:
        if first == 0x40:
            self.on_puback()
        elif first & 0xF0 == 0x30:
            payload = 2 + (body[0] << 8 | body[1])
            if first & 0x06:
                answers.append(b"\x40\x02" + body[payload : payload + 2])
                payload += 2
            self.on_message(body[payload + len(self.properties) :])
        elif first == 0x20:
            if body[1]:
                self.ready.set_exception(ConnectionError(f"refused with {body[1]}"))
            else:
                self.ready.set_result(None)
        elif first == 0x90 and self.on_suback is not None:
            self.on_suback.set_result(None)

    async def subscribe(self, topic_filter: str) -> None:
        self.on_suback = asyncio.get_running_loop().create_future()
        self.write(packet(0x82, b"\x00\x01" + self.properties + text(topic_filter) + b"\x01"))
        await self.on_suback


async def open_clients(order: dict[str, Any], logins: list[dict[str, Any]]) -> tuple[list[Client], float]:
    """All of them connected, at most `order["at_once"]` connecting at a time; and the seconds it took."""
    context = ssl.create_default_context(cadata=order["ca"]) if order.get("ca") else None
    loop, version = asyncio.get_running_loop(), order.get("version", 4)
    gate = asyncio.Semaphore(order.get("at_once", 200))
    began = time.perf_counter()

    async def one(number: int, login: dict[str, Any]) -> Client:
        async with gate:
            # One loopback address has some 28,000 ports to connect from; spread them when they would not do.
            local = (f"127.0.0.{1 + number // 20_000}", 0) if number >= 20_000 else None
            while True:
                try:
                    _, client = await loop.create_connection(
                        lambda: Client(_connect(login, version), version), "127.0.0.1", order["port"],
                        ssl=context, server_hostname="localhost" if context else None, local_addr=local,
                    )  # fmt: skip
                    await client.ready
                    return client
                except (ConnectionResetError, ConnectionRefusedError, ConnectionAbortedError):
                    await asyncio.sleep(0.05)

    async with asyncio.timeout(_PATIENCE):
        clients = await asyncio.gather(*(one(number, login) for number, login in enumerate(logins)))
    return list(clients), time.perf_counter() - began


async def flood(order: dict[str, Any]) -> dict[str, Any]:
    """Every publisher sends `count` messages, each after the acknowledgement of the last; one subscriber gets all."""
    subscribers, _ = await open_clients(order, [order["subscriber"]])
    await subscribers[0].subscribe(order["filter"])
    clients, _ = await open_clients(order, order["publishers"])
    total = order["count"] * len(clients)
    delays: list[float] = []
    everything: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def delivered(payload: bytes) -> None:
        delays.append(time.perf_counter() - _STAMP.unpack_from(payload)[0])
        if len(delays) == total:
            everything.set_result(None)

    subscribers[0].on_message = delivered
    print("begin", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for client, login in zip(clients, order["publishers"], strict=True):
        _publish_all(client, login["topic"], order["count"])
    async with asyncio.timeout(_PATIENCE):
        await everything
    seconds = time.perf_counter() - began
    delays.sort()
    return {"delivered": total, "seconds": seconds, "p50": delays[total // 2], "p99": delays[int(total * 0.99)]}


def _publish_all(client: Client, topic: str, count: int) -> None:
    left = count
    head = text(topic) + b"\x00\x01" + client.properties
    padding = bytes(SIZE - _STAMP.size)

    def send() -> None:
        nonlocal left
        if left:
            left -= 1
            client.write(packet(0x32, head + _STAMP.pack(time.perf_counter()) + padding))

    client.on_puback = send
    send()


async def crowd(order: dict[str, Any]) -> dict[str, Any]:
    """Connects clients that stay, and says how long that took; with `filters` each subscribes to its own."""
    clients, seconds = await open_clients(order, order["clients"])
    if order.get("subscribe"):
        await asyncio.gather(
            *(client.subscribe(login["filter"]) for client, login in zip(clients, order["clients"], strict=True))
        )
    print(json.dumps({"connected": len(clients), "seconds": seconds}), flush=True)
    every = order.get("ping_every", 0)
    while True:
        if not every:
            await asyncio.sleep(3600)
            continue
        for part in range(100):
            for client in clients[part::100]:
                client.write(b"\xc0\x00")
            await asyncio.sleep(every / 100)


async def retain(order: dict[str, Any]) -> dict[str, Any]:
    """Each client leaves one retained message on its status topic, and goes."""
    clients, seconds = await open_clients(order, order["clients"])
    done = [asyncio.Event() for _ in clients]
    for client, login, acknowledged in zip(clients, order["clients"], done, strict=True):
        client.on_puback = acknowledged.set
        client.write(packet(0x33, text(login["status"]) + b"\x00\x01" + bytes(SIZE)))
    async with asyncio.timeout(_PATIENCE):
        await asyncio.gather(*(each.wait() for each in done))
    for client in clients:
        client.write(b"\xe0\x00")
    await asyncio.gather(*(client.lost for client in clients))
    return {"retained": len(clients), "seconds": seconds}


async def wills(order: dict[str, Any]) -> dict[str, Any]:
    """Tells when the last of `count` messages had come."""
    (client,), _ = await open_clients(order, [order["subscriber"]])
    everything: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = order["count"]

    def delivered(_payload: bytes) -> None:
        nonlocal left
        left -= 1
        if not left:
            everything.set_result(None)

    client.on_message = delivered
    await client.subscribe(order["filter"])
    print("begin", flush=True)
    async with asyncio.timeout(_PATIENCE):
        await everything
    return {"at": time.time()}


def _connect(login: dict[str, Any], version: int) -> bytes:
    flags, properties = 0xC2, b"\x00" if version == 5 else b""
    body = properties + text(login["client_id"])
    if "will" in login:
        flags |= 0x04 | 0x08
        body += properties + text(login["will"]) + text("lost")
    body += text(login["user"]) + text(login["password"])
    return packet(0x10, text("MQTT") + bytes((version, flags)) + login.get("keep_alive", 0).to_bytes(2) + body)


def packet(first: int, body: bytes) -> bytes:
    size = len(body)
    length = bytes((size,)) if size < 128 else bytes((size & 0x7F | 0x80, size >> 7))
    return bytes((first,)) + length + body


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2) + data


_ORDERS: dict[str, Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]] = {
    "flood": flood,
    "crowd": crowd,
    "retain": retain,
    "wills": wills,
}

if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_ORDERS[given["do"]](given))), flush=True)
