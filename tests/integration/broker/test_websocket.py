"""MQTT over WebSocket, spoken by the websockets library's own client."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from broker.service import new_event_loop
from tests.integration.broker import peer
from tests.integration.broker.peer import Peer, Will
from tests.integration.broker.running import House, broker_running, limits

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

REPORT1 = "rigwatch/v1/main/rig1/report"
STATUS1 = "rigwatch/v1/main/rig1/status"
MQTT = [Subprotocol("mqtt")]


def opened(house: House, *, tls: bool = False) -> connect:
    if tls:
        return connect(f"wss://localhost:{house.websocket_port}/mqtt", subprotocols=MQTT, ssl=house.client_tls())
    return connect(f"ws://127.0.0.1:{house.websocket_port}/mqtt", subprotocols=MQTT)


async def answer(line: ClientConnection) -> bytes:
    found = await asyncio.wait_for(line.recv(), 5)
    assert isinstance(found, bytes)
    return found


@pytest.mark.parametrize("tls", [False, True])
async def test_a_client_in_a_browser_publishes_and_hears(tmp_path: Path, *, tls: bool) -> None:
    async with broker_running(tmp_path, websocket=True, tls=tls) as house, await house.watcher() as watcher:
        async with opened(house, tls=tls) as line:
            assert line.subprotocol == "mqtt"
            await line.send(peer.connect(house.node(will=Will(STATUS1))))
            assert await answer(line) == b"\x20\x02\x00\x00"
            await line.send(peer.publish(REPORT1, b"x" * 50_000, qos=1, packet_id=7))
            assert await answer(line) == b"\x40\x02\x00\x07"
            assert (await watcher.receive()).payload == b"x" * 50_000
        assert (await watcher.receive()).payload == b"lost"


async def test_packets_need_not_fit_the_frames(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house, opened(house) as line:
        both = peer.connect(house.node()) + b"\xc0\x00"
        for byte in both:
            await line.send(bytes([byte]))
        found = b""
        while len(found) < 6:
            found += await answer(line)
        assert found == b"\x20\x02\x00\x00\xd0\x00"
        await line.send([b"\xc0", b"\x00"])
        assert await answer(line) == b"\xd0\x00"


async def test_a_goodbye_closes_the_websocket_properly(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house, await house.watcher() as watcher:
        async with opened(house) as line:
            await line.send(peer.connect(house.node(will=Will(STATUS1))) + b"\xe0\x00")
            assert await answer(line) == b"\x20\x02\x00\x00"
            await asyncio.wait_for(line.wait_closed(), 5)
            assert line.close_code == 1000
        assert await watcher.receive_all() == []


async def test_text_is_not_mqtt(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house, opened(house) as line:
        await line.send("hello")
        with pytest.raises(ConnectionClosed):
            await answer(line)
        assert line.close_code == 1003


async def test_a_message_over_the_limit_is_refused(tmp_path: Path) -> None:
    async with broker_running(tmp_path, limits(packet_size=2000), websocket=True) as house, opened(house) as line:
        await line.send(bytes(3000))
        with pytest.raises(ConnectionClosed):
            await answer(line)
        assert line.close_code == 1009


async def test_a_websocket_for_something_else_is_refused(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house:
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with connect(f"ws://127.0.0.1:{house.websocket_port}/", subprotocols=[Subprotocol("chat")]) as line:
                await answer(line)


async def test_what_is_not_http_is_closed(tmp_path: Path) -> None:
    async with broker_running(tmp_path, websocket=True) as house:
        for said in (b"\x10\x0c\x00\x04MQTT\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000, b"\r\n\r\n\r\n"):
            async with await Peer.open(house.websocket_port) as stranger:
                stranger.send(said)
                assert await closes(stranger)


async def closes(stranger: Peer) -> bool:
    async with asyncio.timeout(2):
        try:
            while await stranger._reader.read(1000):
                pass
        except ConnectionError:
            return True
        return True


async def test_a_silent_websocket_is_closed(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path, limits(connect_timeout=timedelta(seconds=1)), websocket=True) as house,
        opened(house) as line,
    ):
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(line.recv(), 2.5)
