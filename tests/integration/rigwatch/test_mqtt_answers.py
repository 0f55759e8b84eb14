"""The MQTT connection against answers that a broker gives only in trouble, or not at all."""

import asyncio
from functools import partial

import pytest

from rigwatch.mqtt import LastWill, MqttError, MqttRefused, Unreachable
from tests.integration.rigwatch.connecting import Heard, connect, in_time, reached
from tests.scripted_broker import ACCEPTED, CONNECT, DISCONNECT, PINGREQ, PUBLISH, SUBSCRIBE, Packet, scripted_broker
from tests.waiting import eventually_async


def accepting(packet: Packet) -> bytes:
    """Lets everybody in, and says no more."""
    return ACCEPTED if packet.kind == CONNECT else b""


def message(topic: bytes, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + payload
    return bytes([PUBLISH << 4, len(body)]) + body


async def test_connect_says_what_the_protocol_asks_for() -> None:
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port, keepalive=7, will=LastWill("w", b"x"))
        await connection.close()
        await eventually_async(lambda: broker.kinds() == [CONNECT, DISCONNECT])
    # MQTT 3.1.1, §3.1: name, level 4, flags (user, password, retained will of QoS 1, clean session), keep-alive.
    expected = b"\0\x04MQTT\x04\xee\0\x07" + b"\0\x09main/rig1" + b"\0\x01w" + b"\0\x01x"
    assert broker.received[0].body == expected + b"\0\x09main/rig1" + b"\0\x08password"


async def test_a_message_counts_as_published_only_at_its_puback() -> None:
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port)
        first, second = connection.publish("a", b"1"), connection.publish("a", b"2")
        await eventually_async(lambda: broker.kinds().count(PUBLISH) == 2)
        assert not first.done()
        identifier = broker.received[-1].body[3:5]
        broker.send(b"\x40\x02" + identifier)
        await in_time(second)
        assert not first.done()
        connection.abort()
        with pytest.raises(MqttError, match="closed"):
            await in_time(first)


async def test_a_cancelled_publication_may_still_be_confirmed() -> None:
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port)
        connection.publish("a", b"1").cancel()
        await eventually_async(lambda: broker.kinds().count(PUBLISH) == 1)
        broker.send(b"\x40\x02" + broker.received[-1].body[3:5])
        second = connection.publish("a", b"2")
        await eventually_async(lambda: broker.kinds().count(PUBLISH) == 2)
        broker.send(b"\x40\x02" + broker.received[-1].body[3:5])
        await in_time(second)
        await connection.close()


async def test_a_refused_filter_is_named_and_the_granted_one_is_not() -> None:
    def answer(packet: Packet) -> bytes:
        return b"\x90\x04" + packet.body[:2] + b"\x01\x80" if packet.kind == SUBSCRIBE else accepting(packet)

    async with scripted_broker(answer) as broker:
        connection = await connect(broker.port)
        with pytest.raises(MqttRefused, match=r"^not allowed to subscribe to theirs$") as refusal:
            await connection.subscribe("ours", "theirs")
        await connection.close()
    assert not refusal.value.login


@pytest.mark.parametrize(("code", "login"), [(2, True), (3, False), (4, True), (5, True)])
async def test_a_refusal_tells_whether_the_login_was_meant(code: int, *, login: bool) -> None:
    async with scripted_broker(lambda _: bytes([0x20, 2, 0, code])) as broker:
        with pytest.raises(MqttRefused) as refusal:
            await connect(broker.port)
        assert refusal.value.login is login
        await eventually_async(lambda: broker.open == 0, timeout=3)
        assert broker.connections == 1


async def test_a_broker_of_another_protocol_is_asked_once() -> None:
    async with scripted_broker(lambda _: b"\x20\x02\x00\x01") as broker:
        with pytest.raises(MqttError):
            await connect(broker.port, timeout=2)
        await eventually_async(lambda: broker.open == 0, timeout=3)
        assert broker.connections == 1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00", b"\xff\xff\xff\xff\xff\xff"])
async def test_what_is_no_broker_is_unreachable(answer: bytes) -> None:
    async with scripted_broker(lambda _: answer) as broker:
        with pytest.raises(Unreachable):
            await connect(broker.port, timeout=0.5)
        await eventually_async(lambda: broker.open == 0, timeout=3)


async def test_a_server_that_never_answers_times_out_and_is_left() -> None:
    async with scripted_broker(lambda _: b"") as broker:
        with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
            await connect(broker.port, timeout=0.3)
        await eventually_async(lambda: broker.open == 0, timeout=3)
        assert broker.connections == 1


async def test_a_server_that_falls_silent_is_noticed_by_the_keep_alive() -> None:
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port, keepalive=1)
        pending = connection.publish("a", b"x")
        assert "keep" in str(await in_time(connection.lost, 5)).lower()
        assert PINGREQ in broker.kinds()
        with pytest.raises(MqttError):
            await pending
        await eventually_async(lambda: broker.open == 0, timeout=3)


async def test_a_server_that_hangs_up_is_noticed_at_once() -> None:
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port)
        broker.writers[-1].close()
        assert await in_time(connection.lost, 2)


async def test_cancelling_while_connecting_leaves_no_socket_and_no_timer() -> None:
    async with scripted_broker(lambda _: b"") as broker:
        connecting = asyncio.create_task(connect(broker.port))
        await eventually_async(lambda: broker.received)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await eventually_async(lambda: broker.open == 0, timeout=3)


async def test_closing_while_the_server_reads_nothing_ends_all_the_same() -> None:
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port)
        broker.writers[-1].transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
        pending = [connection.publish("a", bytes(1_000_000)) for _ in range(20)]
        async with asyncio.timeout(5):
            await connection.close()
        with pytest.raises(MqttError):
            await in_time(pending[-1])


async def test_closing_that_is_cancelled_still_lets_the_socket_go() -> None:
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port)
        broker.writers[-1].transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
        pending = [connection.publish("a", bytes(1_000_000)) for _ in range(20)]
        closing = asyncio.create_task(connection.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(MqttError):
            await in_time(pending[-1], 2)  # the keep-alive would end it later


async def test_a_pause_from_within_a_message_holds_the_next_one() -> None:
    heard = Heard()
    async with scripted_broker(accepting) as broker:
        connection = await connect(broker.port, heard=heard)

        def hear_and_pause(received: object) -> None:
            heard.messages.append(received)  # type: ignore[arg-type]
            connection.pause()

        connection._on_message = hear_and_pause
        broker.send(message(b"a", b"1") + message(b"a", b"2"))
        for count in (1, 2):
            await eventually_async(partial(reached, heard.messages, count))
            await asyncio.sleep(0)
            assert len(heard.messages) == count
            connection.resume()
        await connection.close()
