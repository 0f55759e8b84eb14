"""A broker that answers each packet as a test tells it to, for the answers that no real broker gives on request."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14
ACCEPTED = b"\x20\x02\x00\x00"

Script: TypeAlias = Callable[["Packet"], bytes]


@dataclass(frozen=True, slots=True)
class Packet:
    """A whole MQTT packet: its type, its first byte's flags, and what follows the length."""

    kind: int
    flags: int
    body: bytes


@dataclass(slots=True)
class ScriptedBroker:
    """What came in so far. `open` counts the connections that neither side has ended."""

    port: int = 0
    connections: int = 0
    open: int = 0
    received: list[Packet] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def kinds(self) -> list[int]:
        return [packet.kind for packet in self.received]

    def send(self, data: bytes) -> None:
        """To the newest connection, unasked."""
        self.writers[-1].write(data)


@asynccontextmanager
async def scripted_broker(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedBroker]:
    """Listens on loopback and sends what `script` returns for each packet; nothing for b""."""
    broker = ScriptedBroker()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        broker.connections += 1
        broker.open += 1
        broker.writers.append(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    packet = await _packet(reader)
                    broker.received.append(packet)
                    writer.write(script(packet))
                    await writer.drain()
        finally:
            broker.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _packet(reader: asyncio.StreamReader) -> Packet:
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return Packet(first >> 4, first & 0x0F, await reader.readexactly(length))
