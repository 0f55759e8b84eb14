"""Clients that mean harm, or are broken: each is refused or closed, memory stays bounded, all others are served."""

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from broker.rights import Role
from broker.service import new_event_loop
from rigwatch.settings.server import BrokerLimits
from tests.integration.broker.peer import Closed, Peer, Will, connect, packet, publish, text
from tests.integration.broker.running import RIG2, House, broker_running, limits
from tests.requirements import missing
from tests.waiting import eventually_async, promised

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

REPORT1 = "rigwatch/v1/main/rig1/report"
STATUS1 = "rigwatch/v1/main/rig1/status"
MEGABYTE = 1024 * 1024


@asynccontextmanager
async def others_are_served(folder: Path, given: BrokerLimits | None = None) -> AsyncIterator[House]:
    """A broker; at the end a node's report still reaches a watcher that was there all the time, without delay."""
    async with broker_running(folder, given) as house, await house.watcher(REPORT1) as watcher:
        yield house
        async with await house.join(house.node()) as node:
            began = time.monotonic()
            await node.publish(REPORT1, b"served")
            while (await watcher.receive()).payload != b"served":
                pass
            assert time.monotonic() - began < promised(1)


@contextmanager
def memory_bounded(by: int) -> Iterator[None]:
    """This process, the broker in it included, grows by no more than so many bytes."""
    before = psutil.Process().memory_info().rss
    yield
    assert psutil.Process().memory_info().rss - before < by


HOSTILE = {
    "something that is not MQTT": b"GET / HTTP/1.1\r\n\r\n",
    "a packet before CONNECT": b"\xc0\x00",
    "a CONNECT of 256 MB": b"\x10\xff\xff\xff\x7f",
    "a length without an end": b"\x10\xff\xff\xff\xff\xff",
    "an empty CONNECT": b"\x10\x00",
    "a TLS hello on the plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
HOSTILE_WHEN_IN = {
    "a PUBLISH of 256 MB": b"\x32\xff\xff\xff\x7f",
    "broken UTF-8 in a topic": packet(0x30, b"\x00\x02\xc3\x28x"),
    "a null character in a topic": publish("a\0b"),
    "a wildcard in a topic": publish("rigwatch/v1/+/rig1/report"),
    "a hash in a topic": publish("#"),
    "no topic": publish(""),
    "a topic of a thousand levels": publish("/" * 1000),
    "a SUBSCRIBE with 10,000 filters": packet(0x82, b"\x00\x01" + (text("a/+/b") + b"\x01") * 10_000),
    "an UNSUBSCRIBE with 10,000 filters": packet(0xA2, b"\x00\x01" + text("a/+/b") * 10_000),
    "a SUBSCRIBE to nothing": packet(0x82, b"\x00\x01"),
    "broken UTF-8 in a filter": packet(0x82, b"\x00\x01\x00\x01\xff\x00"),
    "QoS 3": packet(0x36, text("a") + b"\x00\x01x"),
    "a reserved packet": packet(0xF0, b""),
    "a packet only a broker sends": packet(0x90, b"\x00\x01\x00"),
    "wrong flags": packet(0x80, b"\x00\x01" + text("a") + b"\x00"),
    "a PUBACK of no message's length": packet(0x40, b"\x00"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_it_closes_a_stranger_who_sends(tmp_path: Path, name: str) -> None:
    async with others_are_served(tmp_path) as house, await Peer.open(house.port) as stranger:
        stranger.send(HOSTILE[name])
        assert await stranger.is_closed(timeout=1)


@pytest.mark.parametrize("name", HOSTILE_WHEN_IN)
async def test_it_closes_a_client_that_sends(tmp_path: Path, name: str) -> None:
    async with others_are_served(tmp_path) as house, await house.join(house.node(RIG2)) as client:
        client.send(HOSTILE_WHEN_IN[name])
        assert await client.is_closed(timeout=1)


async def test_a_malformed_filter_is_refused_by_itself(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.account("ann", Role.ADMIN)) as ann:
        wanted = [(each, 1) for each in ("a/#/b", "a+", "a#", "good/+", "/" * 1000)]
        assert await ann.subscribe_all(*wanted) == b"\x80\x80\x80\x01\x80"


async def test_ten_thousand_silent_sockets_shut_nobody_out(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 12_000:
        missing("12,000 open files are needed; raise the hard limit (ulimit -Hn)")
    given = limits(pending=300, connections_per_address=20_000)
    silent: list[socket.socket] = []
    with memory_bounded(60 * MEGABYTE):
        async with others_are_served(tmp_path, given) as house:
            loop = asyncio.get_running_loop()
            try:
                for _ in range(100):
                    opened = [socket.socket() for _ in range(100)]
                    for each in opened:
                        each.setblocking(False)
                    await asyncio.gather(*(loop.sock_connect(each, ("127.0.0.1", house.port)) for each in opened))
                    silent += opened
                # In the middle of it, with all of them open, somebody comes.
                async with await house.join(house.node(RIG2)) as node:
                    await node.ping()
                ended = sum(_is_closed(each) for each in silent)
                assert ended >= 10_000 - 300 - 10
            finally:
                for each in silent:
                    each.close()


def _is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


async def test_silent_tls_handshakes_are_counted_and_closed(tmp_path: Path) -> None:
    async with broker_running(tmp_path, limits(pending=5, connect_timeout=timedelta(seconds=1)), tls=True) as house:
        strangers = [await Peer.open(house.tls_port) for _ in range(20)]
        closed = await asyncio.gather(*(stranger.is_closed(timeout=0.5) for stranger in strangers))
        assert closed.count(True) >= 15
        assert await strangers[-1].is_closed(timeout=2)
        node = await Peer.join(house.tls_port, house.node(), tls=house.client_tls())
        assert node.code == 0
        node.drop()


async def test_connections_of_one_address_are_limited(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with broker_running(tmp_path, limits(connections_per_address=2)) as house:
        one, _ = await house.join(house.node()), await house.join(house.node(RIG2))
        async with await Peer.open(house.port) as third:
            assert await third.is_closed()
        one.drop()

        async def room_again() -> bool:
            try:
                return (await Peer.join(house.port, house.node())).code == 0
            except Closed:
                return False

        assert await eventually_async(room_again)
    assert "address=127.0.0.1 reason=too many connections from one address" in caplog.text


async def test_a_client_that_does_not_read_holds_up_nobody_and_loses_the_oldest(tmp_path: Path) -> None:
    async with others_are_served(
        tmp_path, limits(queue_bytes=2 * MEGABYTE, queue_messages=100, bytes_per_second=100_000_000)
    ) as house:
        login = house.account("ann", Role.ADMIN)
        slow, node = await house.join(replace(login, client_id="slow")), await house.join(house.node(RIG2))
        topic = "rigwatch/v1/main/rig2/report"
        await slow.subscribe(topic, 1)
        slow._reader._transport.pause_reading()  # type: ignore[attr-defined]
        with memory_bounded(40 * MEGABYTE):
            for number in range(200):
                await node.publish(topic, b"%d " % number + bytes(100_000))
        async with await house.join(login) as admin:
            await admin.subscribe("$SYS/broker/#", 0)
            figures = {each.topic: each.payload for each in await admin.receive_all()}
        assert figures["$SYS/broker/clients/connected"]
        slow._reader._transport.resume_reading()  # type: ignore[attr-defined]
        found = [int((await slow.receive()).payload.split()[0])]
        while found[-1] != 199:
            found.append(int((await slow.receive()).payload.split()[0]))
        assert found == sorted(found)
        assert len(found) < 200


async def test_a_client_that_asks_without_reading_the_answers_is_closed(tmp_path: Path) -> None:
    given = limits(messages_per_second=1_000_000, bytes_per_second=100_000_000)
    async with others_are_served(tmp_path, given) as house:
        greedy = await joined_with_small_buffers(house)
        greedy._reader._transport.pause_reading()  # type: ignore[attr-defined]
        pings = b"\xc0\x00" * 100_000

        def is_gone() -> bool:
            transport = greedy._writer.transport
            if not transport.is_closing() and transport.get_write_buffer_size() < MEGABYTE:
                greedy.send(pings)
            return transport.is_closing()

        with memory_bounded(60 * MEGABYTE):
            assert await eventually_async(is_gone, timeout=60)


async def joined_with_small_buffers(house: House) -> Peer:
    """So that what the broker sends stays with the broker, and not in the system's buffers."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", house.port))
    peer = Peer(*await asyncio.open_connection(sock=line))
    peer.send(connect(house.node(RIG2)))
    assert await peer.connack() == 0
    return peer


async def test_a_flood_from_one_client_is_slowed_down_and_not_lost(tmp_path: Path) -> None:
    async with (
        others_are_served(tmp_path, limits(messages_per_second=100)) as house,
        await house.join(house.node(RIG2, keep_alive=1)) as node,
    ):
        began = time.monotonic()
        for number in range(250):
            node.send(publish("rigwatch/v1/main/rig2/report", qos=1, packet_id=number + 1))
        for number in range(250):
            assert (await node.packet(4))[1] == (number + 1).to_bytes(2)
        # The first second's worth goes at once.
        assert 1.0 < time.monotonic() - began < promised(3.5)


async def test_unfinished_qos_2_messages_are_limited(tmp_path: Path) -> None:
    async with (
        others_are_served(tmp_path, limits(messages_per_second=100_000)) as house,
        await house.join(house.node(RIG2)) as node,
    ):
        for number in range(1, 1100):
            node.send(publish("rigwatch/v1/main/rig2/report", qos=2, packet_id=number))
        assert await node.is_closed()


async def test_subscriptions_of_one_client_are_limited(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path, limits(subscriptions=3)) as house,
        await house.join(house.account("ann", Role.ADMIN)) as ann,
    ):
        assert await ann.subscribe_all(*((f"t/{n}", 0) for n in range(5))) == b"\0\0\0\x80\x80"
        await ann.unsubscribe("t/0")
        assert await ann.subscribe("t/9", 1) == 1


async def test_retained_messages_are_limited(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        broker_running(tmp_path, limits(retained=3)) as house,
        await house.join(house.account("ann", Role.ADMIN)) as ann,
    ):
        for number in range(5):
            await ann.publish(f"t/{number}", b"kept", retain=True)
        await ann.publish("t/0", b"changed", retain=True)
        await ann.subscribe("t/+")
        found = {each.topic: each.payload for each in await ann.receive_all()}
        assert found == {"t/0": b"changed", "t/1": b"kept", "t/2": b"kept"}
    assert caplog.text.count("retained messages at their limit") == 1


async def test_sessions_left_behind_by_one_account_are_limited(tmp_path: Path) -> None:
    async with broker_running(tmp_path, limits(sessions_per_account=3)) as house:
        login = replace(house.account("ann", Role.ADMIN), clean=False)
        for number in range(6):
            async with await house.join(replace(login, client_id=f"c{number}")) as peer:
                await peer.goodbye()
        present = []
        for number in (5, 4, 3, 0):
            async with await house.join(replace(login, client_id=f"c{number}")) as peer:
                present.append(peer.session_present)
                await peer.goodbye()
        assert present == [True, True, True, False]


async def test_clients_of_one_account_are_limited(tmp_path: Path) -> None:
    async with broker_running(tmp_path, limits(sessions_per_account=3)) as house:
        login = house.account("ann", Role.ADMIN)
        peers = [await house.join(replace(login, client_id=f"c{number}")) for number in range(3)]
        async with await Peer.join(house.port, replace(login, client_id="c3")) as fourth:
            assert fourth.code == 3
        async with await house.join(replace(login, client_id="c0")) as again:
            await again.ping()
            assert await peers[0].is_closed()
        async with await house.join(house.node()) as node:
            await node.ping()


async def test_sockets_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    async with broker_running(tmp_path, tls=True, websocket=True) as house:
        # A loop opens some descriptors of its own when they are first needed.
        (await Peer.open(house.tls_port)).drop()
        before, tasks = psutil.Process().num_fds(), len(asyncio.all_tasks())
        for turn in range(30):
            (await house.join(house.node(will=Will(STATUS1)))).drop()
            (await Peer.open(house.port)).drop()
            (await Peer.open(house.tls_port)).drop()
            (await Peer.open(house.websocket_port)).drop()
            stranger = await Peer.open(house.port)
            # The answers to more wrong passwords than these are held back for seconds.
            stranger.send(connect(replace(house.node(), password="wrong" if turn < 3 else house.node().password)))
            stranger.drop()
            stranger = await Peer.open(house.tls_port)
            stranger.send(b"not TLS at all, sir")
            assert await stranger.is_closed()
            stranger.drop()

        def nothing_left() -> bool:
            return psutil.Process().num_fds() <= before and len(asyncio.all_tasks()) <= tasks

        assert await eventually_async(nothing_left)
