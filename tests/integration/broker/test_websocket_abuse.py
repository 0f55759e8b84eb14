"""WebSocket clients that mean harm: raw bytes over the real port, while others are served without delay."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest

from broker.connection import WRITE_BUFFER_MAX
from broker.service import new_event_loop
from rigwatch.settings.server import BrokerLimits
from tests.integration.broker import peer
from tests.integration.broker.line import BINARY, CLOSE, CONT, PING, REQUEST, frame, opened
from tests.integration.broker.running import House, broker_running, limits
from tests.waiting import eventually_async, promised

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

REPORT1 = "rigwatch/v1/main/rig1/report"


@asynccontextmanager
async def others_are_served(folder: Path, given: BrokerLimits | None = None) -> AsyncIterator[House]:
    """Meanwhile a node's reports reach a watcher; the longest delay is asked of the machine's load only."""
    async with (
        broker_running(folder, given, websocket=True) as house,
        await house.watcher(REPORT1) as watcher,
        await house.join(house.node()) as node,
    ):
        stop, delays = asyncio.Event(), [0.0]

        async def report() -> None:
            while not stop.is_set():
                began = time.monotonic()
                await node.publish(REPORT1)
                await watcher.receive()
                delays.append(time.monotonic() - began)
                await asyncio.sleep(0.01)

        reporting = asyncio.create_task(report())
        try:
            yield house
        finally:
            stop.set()
            await reporting
        assert len(delays) > 1
        assert max(delays) < 5


async def test_pings_of_one_websocket_slow_nobody_down_and_are_limited(tmp_path: Path) -> None:
    async with others_are_served(tmp_path) as house, opened(house) as line:
        await line.login(house)
        ping = frame(PING, b"")
        await line.push(ping * 10_000, 2)
        # Those of two seconds, with the first second's worth at once; each answer is two bytes.
        await asyncio.sleep(0.3)
        answered = len(await line.reader.read(10**6)) / 2
        assert 1000 < answered < 2000 * 6


async def test_a_websocket_that_pings_and_does_not_read_is_closed(tmp_path: Path) -> None:
    given = limits(messages_per_second=100_000, bytes_per_second=100_000_000)
    async with others_are_served(tmp_path, given) as house, opened(house) as line:
        await line.login(house)
        line.reader._transport.pause_reading()  # type: ignore[attr-defined]
        ping = frame(PING, bytes(125)) * 1000

        def is_gone() -> bool:
            transport = line.writer.transport
            if not transport.is_closing() and transport.get_write_buffer_size() < WRITE_BUFFER_MAX:
                transport.write(ping)
            return transport.is_closing()

        assert await eventually_async(is_gone, timeout=30)


@pytest.mark.parametrize("size", [65 * 1024, 2 * 1024 * 1024 - 100])
async def test_before_the_login_a_frame_has_64_kib_here_too(tmp_path: Path, size: int) -> None:
    async with others_are_served(tmp_path) as house, opened(house) as line:
        await line.upgrade()
        line.writer.write(frame(BINARY, bytes(size))[:200])
        assert await line.is_closed()


async def test_before_the_login_a_fragmented_message_has_64_kib_too(tmp_path: Path) -> None:
    async with others_are_served(tmp_path) as house, opened(house) as line:
        await line.upgrade()
        connect = peer.packet(0x10, bytes(60_000))
        line.writer.write(frame(BINARY, connect[:100], fin=False))
        line.writer.write(frame(CONT, bytes(1000), fin=False) * 100)
        assert await line.is_closed()


NEVER_LOGGED_IN = {
    "says nothing": (b"", b"", 0.0),
    "sends its request a byte a moment": (b"", bytes(REQUEST), 0.1),
    "pings": (REQUEST + b"\r\n", frame(PING, b""), 0.05),
    "sends empty frames": (REQUEST + b"\r\n", frame(BINARY, b""), 0.05),
    "sends empty parts": (REQUEST + b"\r\n" + frame(BINARY, b"", fin=False), frame(CONT, b"", fin=False), 0.05),
    "sends its CONNECT a byte a moment": (REQUEST + b"\r\n", frame(BINARY, b"\x10"), 0.05),
}


@pytest.mark.parametrize("name", NEVER_LOGGED_IN)
async def test_the_time_for_a_login_holds_for_a_websocket_that(tmp_path: Path, name: str) -> None:
    first, then, pause = NEVER_LOGGED_IN[name]
    given = limits(connect_timeout=timedelta(seconds=1))
    async with others_are_served(tmp_path, given) as house, opened(house) as line:
        line.writer.write(first)
        began = time.monotonic()
        trickle = chain((bytes((byte,)) for byte in then), repeat(b"x")) if pause == 0.1 else repeat(then)
        closing = asyncio.create_task(line.is_closed())
        while not closing.done():
            if pause and not line.writer.transport.is_closing():
                line.writer.write(next(trickle))
            await asyncio.sleep(pause or 0.05)
            assert time.monotonic() - began < promised(8)
        assert await closing


MALFORMED = {
    "a key that is not ASCII": REQUEST.replace(b"dGhl", b"\xff\xfe\xfd") + b"\r\n",
    "a header that is not ASCII": REQUEST + b"X-\xff: \xfe\r\n\r\n",
    "an empty key": REQUEST.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"") + b"\r\n",
    "two keys": REQUEST + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "a body": REQUEST + b"Content-Length: 10\r\n\r\n0123456789",
    "chunks": REQUEST + b"Transfer-Encoding: chunked\r\n\r\n",
    "a version that is no number": REQUEST.replace(b": 13", b": \xc3\xa9") + b"\r\n",
    "an origin twice": REQUEST + b"Origin: a\r\nOrigin: b\r\n\r\n",
    "a subprotocol of bytes": REQUEST.replace(b"mqtt\r\n", b"\xff\xfe\r\n") + b"\r\n",
    "a thousand headers": REQUEST + b"a: b\r\n" * 1000 + b"\r\n",
    "a line without an end": b"GET /" + b"x" * 100_000,
    "a close before the answer": REQUEST + b"\r\n" + frame(CLOSE, b""),
    "a frame before the answer, without a mask": REQUEST + b"\r\n" + frame(BINARY, b"x", masked=False),
}
ODD = {
    "a path of bytes": REQUEST.replace(b"/mqtt", b"/\xff\x00") + b"\r\n",
    "extensions of bytes": REQUEST + b'Sec-WebSocket-Extensions: \xff;\xfe="\r\n\r\n',
    "cookies of bytes": REQUEST + b"Cookie: \xff\xfe=x\r\n\r\n",
}
MALFORMED_FRAMES = {
    "a compressed frame, which was not offered": frame(BINARY, b"\x4b\x04\x00", reserved=0x40),
    "a frame without a mask": frame(BINARY, b"x", masked=False),
    "a part of nothing": frame(CONT, b"x"),
    "a new message in the middle of one": frame(BINARY, b"\x10", fin=False) + frame(BINARY, b"x"),
    "a ping in parts": frame(PING, b"x", fin=False),
    "a ping of 200 bytes": frame(PING, bytes(200)),
    "a frame of an unknown kind": frame(0x7, b"x"),
    "a close with a wrong code": frame(CLOSE, struct.pack("!H", 1)),
    "a close of one byte": frame(CLOSE, b"x"),
    "a close with broken text": frame(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    "a frame of eight exabytes": b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_request_is_refused_without_a_traceback_that_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    async with others_are_served(tmp_path) as house:
        for _ in range(3):
            async with opened(house) as line:
                line.writer.write(MALFORMED[name])
                assert await line.is_closed()
    assert not [record for record in caplog.records if record.exc_info or record.name.startswith("websockets")]
    assert caplog.text.count("\n") <= 2


@pytest.mark.parametrize("name", MALFORMED_FRAMES)
async def test_a_websocket_is_closed_that_sends(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    async with others_are_served(tmp_path) as house:
        for logged_in in (False, True):
            async with opened(house) as line:
                await (line.login(house) if logged_in else line.upgrade())
                line.writer.write(MALFORMED_FRAMES[name])
                assert await line.is_closed()
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_websocket_that_sends_more_than_its_turn_loses_nothing(tmp_path: Path) -> None:
    given = limits(messages_per_second=100_000, bytes_per_second=100_000_000)
    async with others_are_served(tmp_path, given) as house, opened(house) as line:
        await line.login(house)
        for _ in range(20):
            line.writer.write(frame(BINARY, b"\xc0\x00" * 1000))
        answers = b""
        while answers.count(b"\xd0\x00") < 20_000:
            answers += await asyncio.wait_for(line.reader.read(65_536), 5)
        assert answers.count(b"\xd0\x00") == 20_000


async def test_compression_is_not_offered(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house, opened(house) as line:
        line.writer.write(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
        answer = await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 5)
        assert b" 101 " in answer
        assert b"extensions" not in answer.lower()


async def test_a_websocket_client_that_goes_sends_its_will_though_its_peer_takes_no_goodbye(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path, websocket=True) as house,
        await house.watcher() as watcher,
        opened(house) as line,
    ):
        await line.upgrade()
        login = house.node(will=peer.Will("rigwatch/v1/main/rig1/status"))
        line.writer.write(frame(BINARY, peer.connect(login)) + frame(CLOSE, b""))
        assert (await watcher.receive()).payload == b"lost"
        assert await line.is_closed(timeout=5)


@pytest.mark.parametrize("name", ODD)
async def test_what_nobody_looks_at_may_be_anything(tmp_path: Path, name: str) -> None:
    async with broker_running(tmp_path, websocket=True) as house, opened(house) as line:
        line.writer.write(ODD[name])
        assert b" 101 " in await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 5)


async def test_the_closing_handshake_ends_before_the_socket_is_closed(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house, opened(house) as line:
        await line.login(house)
        line.writer.write(frame(BINARY, b"\xe0\x00"))
        assert await asyncio.wait_for(line.reader.readexactly(4), 5) == b"\x88\x02\x03\xe8"
        assert not await line.is_closed(timeout=0.3)
        line.writer.write(frame(CLOSE, b"\x03\xe8"))
        assert await line.is_closed(timeout=1)


async def test_who_does_not_answer_a_close_is_not_waited_for(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house, opened(house) as line:
        await line.login(house)
        line.writer.write(frame(BINARY, b"\xe0\x00") + frame(BINARY, b"\xc0\x00") * 10)
        assert await line.is_closed(timeout=4)
