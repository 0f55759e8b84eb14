"""A raw MQTT 5 client that does only what it is told, right or wrong; its packets are the library `mqtt5`'s."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Self, TypeVar

import mqtt5

from tests.integration.broker.peer import PATIENCE, Closed, Login

P = TypeVar("P")
_QOS = (mqtt5.QoS.AT_MOST_ONCE, mqtt5.QoS.AT_LEAST_ONCE, mqtt5.QoS.EXACTLY_ONCE)


class Peer5:
    """`acknowledges`: whether it answers what it is sent at QoS 1 and 2."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._inbox: deque[mqtt5.PublishPacket] = deque()
        self._last_id = 0
        self.acknowledges = True
        self.connack = mqtt5.ConnAckPacket()

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def join(cls, port: int, login: Login, **changed: Any) -> Self:  # noqa: ANN401 - whatever a CONNECT may have
        """Connected and answered; look at `connack`."""
        peer = await cls.open(port)
        peer.write(connect5(login, **changed))
        try:
            peer.connack = await peer.packet(mqtt5.ConnAckPacket)
        except BaseException:
            peer.drop()
            raise
        return peer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    def drop(self) -> None:
        """Away without a word."""
        self._writer.transport.abort()

    def write(self, packet: mqtt5.Packet) -> None:
        self.send(packet.write())

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        """Until the broker has taken most of what was sent."""
        async with asyncio.timeout(PATIENCE):
            await self._writer.drain()

    async def subscribe(self, topic_filter: str, qos: int = 1, *, number: int | None = None, **options: Any) -> int:  # noqa: ANN401 - whatever the packet has
        """The code in the SUBACK; `number` is the subscription identifier."""
        options.setdefault("retain_as_published", False)
        wanted = mqtt5.TopicFilter(topic_filter, max_qos=_QOS[qos], **options)
        self.write(mqtt5.SubscribePacket(self.next_id(), [wanted], subscription_id=number))
        answer = await self.packet(mqtt5.SubAckPacket)
        assert answer.packet_id == self._last_id
        return answer.reason_codes[0]

    async def unsubscribe(self, topic_filter: str) -> int:
        self.write(mqtt5.UnsubscribePacket(self.next_id(), [topic_filter]))
        return (await self.packet(mqtt5.UnsubAckPacket)).reason_codes[0]

    async def publish(self, topic: str, payload: bytes = b"x", qos: int = 1, **more: Any) -> int:  # noqa: ANN401 - whatever the packet has
        """Until the exchange is complete; the reason code, 0 at QoS 0."""
        packet_id = self.next_id() if qos else None
        self.write(mqtt5.PublishPacket(topic, payload, qos=_QOS[qos], packet_id=packet_id, **more))
        if packet_id is None:
            return 0
        if qos == 1:
            return int((await self.packet(mqtt5.PubAckPacket)).reason_code)
        refused = int((await self.packet(mqtt5.PubRecPacket)).reason_code)
        if refused:
            return refused
        self.write(mqtt5.PubRelPacket(packet_id))
        return int((await self.packet(mqtt5.PubCompPacket)).reason_code)

    async def receive(self) -> mqtt5.PublishPacket:
        while not self._inbox:
            await self._next()
        return self._inbox.popleft()

    async def receive_all(self) -> list[mqtt5.PublishPacket]:
        """What has been sent before now: an answered ping is the proof that nothing of it is still under way."""
        self.write(mqtt5.PingReqPacket())
        await self.packet(mqtt5.PingRespPacket)
        found = list(self._inbox)
        self._inbox.clear()
        return found

    async def farewell(self) -> int:
        """The reason with which the broker closes, which it does then."""
        reason = (await self.packet(mqtt5.DisconnectPacket)).reason_code
        assert await self.is_closed()
        return reason

    async def is_closed(self) -> bool:
        try:
            while True:
                await self._next()
        except Closed:
            return True
        except TimeoutError:
            return False

    async def finish(self) -> None:
        """Says that nothing more will come, and waits until the broker closes, whatever it sends until then."""
        try:
            self._writer.write_eof()
            async with asyncio.timeout(PATIENCE):
                while await self._reader.read(65_536):
                    pass
        except (ConnectionError, OSError):
            return

    async def goodbye(self, **more: Any) -> None:  # noqa: ANN401 - whatever the packet has
        self.write(mqtt5.DisconnectPacket(**more))
        assert await self.is_closed()

    async def packet(self, kind: type[P]) -> P:
        """The next one of this kind; PUBLISH packets before it go to the inbox, others are an error."""
        while True:
            found = await self._next()
            if isinstance(found, kind):
                return found
            assert isinstance(found, mqtt5.PublishPacket | mqtt5.PubRelPacket | mqtt5.PubRecPacket), found

    def next_id(self) -> int:
        self._last_id = self._last_id % 65535 + 1
        return self._last_id

    async def _next(self) -> mqtt5.Packet:
        async with asyncio.timeout(PATIENCE):
            try:
                found, size = mqtt5.read(memoryview(data := await self._read()))
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Closed from None
        assert size == len(data)
        if isinstance(found, mqtt5.PublishPacket):
            self._take(found)
        elif isinstance(found, mqtt5.PubRelPacket) and self.acknowledges:
            self.write(mqtt5.PubCompPacket(found.packet_id))
        return found

    async def _read(self) -> bytes:
        data = await self._reader.readexactly(2)
        while data[-1] & 0x80:
            data += await self._reader.readexactly(1)
        length = sum((byte & 0x7F) << 7 * index for index, byte in enumerate(data[1:]))
        return data + await self._reader.readexactly(length)

    def _take(self, found: mqtt5.PublishPacket) -> None:
        self._inbox.append(found)
        if found.packet_id and self.acknowledges:
            kind = mqtt5.PubAckPacket if found.qos == mqtt5.QoS.AT_LEAST_ONCE else mqtt5.PubRecPacket
            self.write(kind(found.packet_id))


def connect5(login: Login, **changed: Any) -> mqtt5.ConnectPacket:  # noqa: ANN401 - whatever the packet has
    password = login.password.encode() if isinstance(login.password, str) else login.password
    fields = {
        "username": login.user, "password": password, "clean_start": login.clean, "keep_alive": login.keep_alive,
    } | changed  # fmt: skip
    return mqtt5.ConnectPacket(fields.pop("client_id", login.client_id), **fields)
