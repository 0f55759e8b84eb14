"""Messages in pieces and in heaps: what was received in one read, and what is written in one, are many packets."""

import asyncio
import socket

from tests.integration.rigwatch.connecting import Heard, connect, in_time
from tests.scripted_broker import ACCEPTED, CONNECT, PUBLISH, Packet, scripted_broker
from tests.waiting import eventually_async

PUBACK = 4


def answering(packet: Packet) -> bytes:
    """Lets everybody in, and confirms what is published at QoS 1."""
    if packet.kind == CONNECT:
        return ACCEPTED
    if packet.kind == PUBLISH and packet.flags & 0x06:
        at = 2 + int.from_bytes(packet.body[:2])
        return b"\x40\x02" + packet.body[at : at + 2]
    return b""


def message(number: int, size: int = 3, *, again: bool = False, retained: bool = False) -> bytes:
    """A PUBLISH at QoS 1 to the topic "a", with this packet id."""
    body = b"\x00\x01a" + number.to_bytes(2) + bytes([number % 256]) * size
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 0x80, len(body) // 128])
    return bytes([PUBLISH << 4 | 0x02 | again << 3 | retained]) + length + body


async def test_messages_that_come_in_one_piece_are_all_heard_and_confirmed_in_order() -> None:
    heard = Heard()
    async with scripted_broker(answering) as broker:
        connection = await connect(broker.port, heard=heard)
        broker.send(b"".join(message(number, 200) for number in range(1, 1001)))
        await eventually_async(lambda: broker.kinds().count(PUBACK) == 1000, timeout=20)
        await connection.close()
    assert [each.payload[:1] for each in heard.messages] == [bytes([number % 256]) for number in range(1, 1001)]
    confirmed = [int.from_bytes(packet.body) for packet in broker.received if packet.kind == PUBACK]
    assert confirmed == list(range(1, 1001))


async def test_a_message_may_be_cut_anywhere() -> None:
    heard = Heard()
    stream = message(1) + message(2, 150, retained=True) + message(3, again=True)
    async with scripted_broker(answering) as broker:
        connection = await connect(broker.port, heard=heard)
        for cut in range(1, len(stream)):
            broker.send(stream[:cut])
            # Until the client has it: what comes together is read together.
            await broker.writers[-1].drain()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            broker.send(stream[cut:])
            await eventually_async(lambda cut=cut: len(heard.messages) == 3 * cut)  # type: ignore[misc]
        await connection.close()
    assert {(each.topic, each.payload, each.retained) for each in heard.messages} == {
        ("a", b"\x01" * 3, False),
        ("a", b"\x02" * 150, True),
        ("a", b"\x03" * 3, False),
    }


async def test_a_topic_that_is_no_text_neither_ends_the_connection_nor_stops_the_rest() -> None:
    heard = Heard()
    async with scripted_broker(answering) as broker:
        connection = await connect(broker.port, heard=heard)
        broker.send(b"\x30\x04\x00\x01\xffx" + b"\x30\x04\x00\x01bx")
        await eventually_async(lambda: len(heard.messages) == 2)
        await connection.close()
    assert [each.topic for each in heard.messages] == ["\ufffd", "b"]


async def test_a_topic_longer_than_its_packet_ends_the_connection() -> None:
    async with scripted_broker(answering) as broker:
        connection = await connect(broker.port)
        broker.send(b"\x30\x04\x00\x09ab")
        assert await in_time(connection.lost)


async def test_what_is_published_at_once_arrives_whole_and_in_order_also_where_the_broker_is_slow() -> None:
    async with scripted_broker(answering) as broker:
        connection = await connect(broker.port)
        broker.writers[-1].transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
        for number in range(2999):
            connection.publish("t", number.to_bytes(2) * 1000, qos=int(number % 1000 == 999))
        sent = connection.publish("t", (2999).to_bytes(2) * 1000)
        broker.writers[-1].transport.resume_reading()  # type: ignore[attr-defined]
        await in_time(sent)
        await connection.close()
    published = [packet for packet in broker.received if packet.kind == PUBLISH]
    payloads = [packet.body[5 if packet.flags & 0x06 else 3 :] for packet in published]
    assert payloads == [number.to_bytes(2) * 1000 for number in range(3000)]


async def test_what_is_written_does_not_wait_for_the_other_side_to_confirm_what_went_before() -> None:
    async with scripted_broker(answering) as broker:
        connection = await connect(broker.port)
        sock = connection._client.socket()
        assert isinstance(sock, socket.socket)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await connection.close()
