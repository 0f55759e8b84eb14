"""A client that hangs, or whose cable is pulled, tells nobody that it is gone; still its will arrives in time."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from broker.access import Access
from broker.accounts import AccountFile
from broker.connection import State
from broker.counters import Counters
from broker.embedded import EmbeddedBroker
from broker.hub import Hub
from broker.service import new_event_loop
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.registry import NodeAccess, Registry
from rigwatch.settings.server import BrokerLimits, BrokerSettings, ServerSettings
from tests.fake_clock import FakeClock
from tests.integration.broker.peer import Login, Peer, Will, connect
from tests.integration.broker.running import RIG2, House, broker_running, prepare_house, serving
from tests.network import cable
from tests.ports import free_port
from tests.waiting import promised

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATUS1 = "rigwatch/v1/main/rig1/status"
KEEP_ALIVE = 2
IN_TIME = 1.5 * KEEP_ALIVE + 1

# A process of its own, since it is going to be stopped: says CONNECT, and then a ping every half second.
_CLIENT = """
import json, socket, sys, time
host, port, connect = json.loads(sys.argv[1])
line = socket.create_connection((host, port))
line.sendall(bytes.fromhex(connect))
assert line.recv(4) == b"\\x20\\x02\\x00\\x00"
print("up", flush=True)
while True:
    time.sleep(0.5)
    line.sendall(b"\\xc0\\x00")
    line.recv(100)
"""


@asynccontextmanager
async def client(
    login: Login, port: int, *, host: str = "127.0.0.1", wrapper: Sequence[str] = ()
) -> AsyncIterator[int]:
    """The client's process id, once it is connected."""
    order = json.dumps([host, port, connect(login).hex()])
    process = await asyncio.create_subprocess_exec(
        *wrapper, sys.executable, "-c", _CLIENT, order, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"up\n"
        yield process.pid
    finally:
        process.kill()
        await process.wait()


async def will_after(watcher: Peer, began: float) -> float:
    """Seconds until the will comes."""
    assert (await watcher.receive(timeout=promised(IN_TIME) + 2)).payload == b"lost"
    return time.monotonic() - began


async def test_the_will_of_a_stopped_process_arrives_in_time(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path) as house,
        await house.watcher(STATUS1) as watcher,
        client(house.node(keep_alive=KEEP_ALIVE, will=Will(STATUS1)), house.port) as pid,
    ):
        os.kill(pid, signal.SIGSTOP)
        assert await will_after(watcher, time.monotonic()) <= promised(IN_TIME)


async def test_the_will_of_a_client_behind_a_pulled_cable_arrives_in_time(tmp_path: Path) -> None:
    with cable() as there:
        house = prepare_house(tmp_path, ServerSettings(broker=BrokerSettings(port=0, plain_port=free_port())))
        settings = ServerSettings(broker=BrokerSettings(port=0, plain_host=there.here, plain_port=house.port))
        async with serving(house.home, settings):
            watcher = await watch_from(there.here, house)
            login = house.node(keep_alive=KEEP_ALIVE, will=Will(STATUS1))
            async with watcher, client(login, house.port, host=there.here, wrapper=there.wrapper):
                there.pull()
                assert await will_after(watcher, time.monotonic()) <= promised(IN_TIME)


async def watch_from(host: str, house: House) -> Peer:
    watcher = await Peer.open(house.port, host=host)
    watcher.send(connect(house.service()))
    assert await watcher.connack() == 0
    assert await watcher.subscribe("rigwatch/v1/+/+/status") == 1
    return watcher


async def test_half_a_packet_is_no_sign_of_life(tmp_path: Path) -> None:
    async with (
        broker_running(tmp_path) as house,
        await house.watcher(STATUS1) as watcher,
        await house.join(house.node(keep_alive=1, will=Will(STATUS1))) as node,
    ):
        node.send(b"\x30\x40")
        dribble = asyncio.create_task(drip(node))
        assert (await watcher.receive(timeout=2.6)).payload == b"lost"
        dribble.cancel()


async def drip(node: Peer) -> None:
    while True:
        node.send(b"x")
        await asyncio.sleep(0.1)


async def test_a_client_that_pings_is_not_closed(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.join(house.node(keep_alive=1)) as node:
        # Together longer than the broker waits; each pause shorter.
        for _ in range(3):
            assert not await node.is_closed(timeout=0.9)
            await node.ping()


async def test_a_will_is_sent_when_a_client_closes_right_after_its_connect(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.watcher(STATUS1) as watcher:
        node = await Peer.open(house.port)
        node.send(connect(house.node(will=Will(STATUS1))))
        node._writer.close()
        assert (await watcher.receive()).payload == b"lost"


async def test_a_will_is_not_sent_after_a_goodbye(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.watcher(STATUS1) as watcher:
        await (await house.join(house.node(will=Will(STATUS1)))).goodbye()
        assert await watcher.receive_all() == []


async def test_a_will_is_sent_when_the_client_breaks_the_protocol(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house, await house.watcher(STATUS1) as watcher:
        node = await house.join(house.node(will=Will(STATUS1)))
        node.send(b"\x00\x00")
        assert (await watcher.receive()).payload == b"lost"


async def test_a_retained_will_is_there_for_later_subscribers(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        (await house.join(house.node(RIG2, will=Will("rigwatch/v1/main/rig2/status", retain=True)))).drop()
        async with await house.watcher("rigwatch/v1/x/x/status") as watcher:

            async def found() -> bool:
                await watcher.subscribe("rigwatch/v1/main/rig2/status")
                return bool(await watcher.receive_all())

            async with asyncio.timeout(5):
                while not await found():
                    pass


async def test_nobody_is_called_silent_because_the_broker_itself_was_stopped(tmp_path: Path) -> None:
    clock = FakeClock()
    hub = _hub(tmp_path, clock)
    connection = hub.enter("somewhere")
    assert connection is not None

    def states(pause: float, times: int) -> set[State]:
        found = set()
        for _ in range(times):
            clock.move(pause)
            hub.sweep()
            found.add(connection.state)
        return found

    connection.timeout = 10
    assert states(0.25, 35) == {State.SILENT}
    assert states(3600, 1) == {State.SILENT}
    assert State.ENDED in states(0.25, 8)
    hub.access.close()


def _hub(folder: Path, clock: FakeClock) -> Hub:
    home, master = Home(folder), MasterKey.random()
    nodes = NodeAccess(master, Registry(home.nodes_json), open_enrollment=False)
    access = Access(master, nodes, AccountFile.of(home), clock)
    limits = BrokerLimits()
    return Hub(EmbeddedBroker(limits=limits, counters=Counters(), clock=clock), access, limits, clock)
