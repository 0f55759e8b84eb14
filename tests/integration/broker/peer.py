"""A raw MQTT 3.1.1 client that does only what it is told, right or wrong, and encodes by itself to judge the broker."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Login:
    """What a CONNECT carries. `keep_alive` 0: the broker may not expect anything."""

    user: str | None
    password: str | bytes | None
    client_id: str
    clean: bool = True
    keep_alive: int = 0
    will: "Will | None" = None


@dataclass(frozen=True, slots=True)
class Will:
    topic: str
    payload: bytes = b"lost"
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Got:
    """A PUBLISH as it came."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    again: bool = False
    packet_id: int = 0


class Closed(Exception):
    """The broker closed the connection."""


class Peer:
    """Reads only while it waits for something; so it can also be a client that does not read at all."""

    _opened: ClassVar[set["Peer"]] = set()

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._opened.add(self)
        self._reader = reader
        self._writer = writer
        self._inbox: deque[Got] = deque()
        self._last_id = 0
        self.code = -1
        self.session_present = False
        self.acknowledges = True

    @classmethod
    async def open(cls, port: int, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Self:
        """A socket that has said nothing yet."""
        name = "localhost" if tls else None
        return cls(*await asyncio.open_connection(host, port, ssl=tls, server_hostname=name))

    @classmethod
    async def join(cls, port: int, login: Login, *, tls: ssl.SSLContext | None = None) -> Self:
        """Connected and answered; look at `code`."""
        peer = await cls.open(port, tls=tls)
        peer.send(connect(login))
        await peer.connack()
        return peer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def connack(self) -> int:
        _, body = await self.packet(2)
        self.session_present, self.code = bool(body[0]), body[1]
        return self.code

    async def subscribe(self, topic_filter: str, qos: int = 1) -> int:
        """The code in the SUBACK."""
        return (await self.subscribe_all((topic_filter, qos)))[0]

    async def subscribe_all(self, *wanted: tuple[str, int]) -> bytes:
        packet_id = self.next_id()
        body = b"".join(text(topic_filter) + bytes([qos]) for topic_filter, qos in wanted)
        self.send(packet(0x82, packet_id.to_bytes(2) + body))
        _, answer = await self.packet(9)
        assert answer[:2] == packet_id.to_bytes(2)
        return answer[2:]

    async def unsubscribe(self, topic_filter: str) -> None:
        packet_id = self.next_id()
        self.send(packet(0xA2, packet_id.to_bytes(2) + text(topic_filter)))
        _, answer = await self.packet(11)
        assert answer == packet_id.to_bytes(2)

    async def publish(self, topic: str, payload: bytes = b"x", *, qos: int = 1, retain: bool = False) -> None:
        """Until the exchange is complete; at QoS 0 until it is sent."""
        packet_id = self.next_id() if qos else 0
        self.send(publish(topic, payload, qos=qos, retain=retain, packet_id=packet_id))
        if qos == 1:
            assert (await self.packet(4))[1] == packet_id.to_bytes(2)
        elif qos == 2:
            assert (await self.packet(5))[1] == packet_id.to_bytes(2)
            self.send(packet(0x62, packet_id.to_bytes(2)))
            assert (await self.packet(7))[1] == packet_id.to_bytes(2)

    async def receive(self, *, timeout: float = PATIENCE) -> Got:
        """The next PUBLISH, acknowledged if `acknowledges`."""
        while not self._inbox:
            await self._next(timeout)
        return self._inbox.popleft()

    async def receive_all(self) -> list[Got]:
        """What has been sent before now: an answered ping is the proof that nothing of it is still under way."""
        await self.ping()
        found = list(self._inbox)
        self._inbox.clear()
        return found

    async def ping(self) -> None:
        self.send(b"\xc0\x00")
        await self.packet(13)

    async def is_closed(self, *, timeout: float = PATIENCE) -> bool:
        """Whether the broker closes within the time; what it sends before does not matter."""
        try:
            while True:
                await self._next(timeout)
        except Closed:
            return True
        except TimeoutError:
            return False

    async def goodbye(self) -> None:
        self.send(b"\xe0\x00")
        assert await self.is_closed()
        self.drop()

    def drop(self) -> None:
        """Away without a word."""
        self._opened.discard(self)
        self._writer.transport.abort()

    @classmethod
    def drop_all(cls) -> None:
        """For the end of a test, which may have failed before it came to closing what it opened."""
        for peer in list(cls._opened):
            peer.drop()

    async def packet(self, kind: int, *, timeout: float = PATIENCE) -> tuple[int, bytes]:
        """The next packet of this kind; PUBLISH packets before it go to the inbox, others are an error."""
        while True:
            first, body = await self._next(timeout)
            if first >> 4 == kind:
                return first, body
            assert first >> 4 in {3, 6, 7}, f"unexpected packet {first:#x}"

    def next_id(self) -> int:
        self._last_id = self._last_id % 65535 + 1
        return self._last_id

    async def _next(self, timeout: float) -> tuple[int, bytes]:
        async with asyncio.timeout(timeout):
            try:
                first, body = await self._read()
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Closed from None
        if first >> 4 == 3:
            self._take(first, body)
        elif first >> 4 == 6 and self.acknowledges:
            self.send(packet(0x70, body))
        return first, body

    async def _read(self) -> tuple[int, bytes]:
        first = (await self._reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self._reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, await self._reader.readexactly(length)

    def _take(self, first: int, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2])
        topic, qos, packet_id = body[2:end].decode(), first >> 1 & 3, 0
        if qos:
            packet_id = int.from_bytes(body[end : end + 2])
            end += 2
        self._inbox.append(Got(topic, body[end:], qos, bool(first & 1), bool(first & 8), packet_id))
        if qos and self.acknowledges:
            self.send(packet(0x40 if qos == 1 else 0x50, packet_id.to_bytes(2)))


def connect(login: Login, *, name: bytes = b"MQTT", level: int = 4, reserved: int = 0) -> bytes:
    flags = reserved | 0x02 * login.clean | 0x80 * (login.user is not None) | 0x40 * (login.password is not None)
    body = text(login.client_id)
    if login.will is not None:
        flags |= 0x04 | login.will.qos << 3 | 0x20 * login.will.retain
        body += text(login.will.topic) + binary(login.will.payload)
    if login.user is not None:
        body += text(login.user)
    if login.password is not None:
        body += binary(login.password.encode() if isinstance(login.password, str) else login.password)
    return packet(0x10, binary(name) + bytes([level, flags]) + login.keep_alive.to_bytes(2) + body)


def publish(topic: str, payload: bytes = b"x", *, qos: int = 0, retain: bool = False, packet_id: int = 0) -> bytes:
    number = packet_id.to_bytes(2) if qos else b""
    return packet(0x30 | qos << 1 | retain, text(topic) + number + payload)


def packet(first: int, body: bytes) -> bytes:
    length, size = bytearray(), len(body)
    while True:
        size, low = divmod(size, 128)
        length.append(low | 0x80 * (size > 0))
        if not size:
            return bytes([first]) + bytes(length) + body


def text(value: str) -> bytes:
    return binary(value.encode())


def binary(value: bytes) -> bytes:
    return len(value).to_bytes(2) + value
