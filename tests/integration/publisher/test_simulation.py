import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from publisher.simulation import TAG, Simulation, fleet, simulate
from rigwatch.clock import Clock, SystemClock
from rigwatch.keys import MasterKey
from rigwatch.messages import NodeState
from rigwatch.mqtt import Endpoint
from tests.fake_clock import FakeClock
from tests.integration.publisher.server import serving
from tests.mosquitto import Mosquitto
from tests.waiting import eventually_async

MASTER = MasterKey(bytes(range(32)))


@asynccontextmanager
async def simulating(simulation: Simulation, clock: Clock | None = None) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(simulate(simulation, clock=clock or SystemClock(), stop=stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await task


async def test_a_fleet_connects_reports_and_says_goodbye(mosquitto: Mosquitto) -> None:
    endpoint = Endpoint("127.0.0.1", mosquitto.port)
    simulation = Simulation(endpoint, MASTER.node_key, nodes=20, sites=2, seed=7, interval=timedelta(seconds=1))
    keys = {node: MASTER.node_key(node) for node in fleet(simulation)}
    async with serving(endpoint, keys) as server:
        async with simulating(simulation):
            await eventually_async(lambda: all(len(server.samples(node)) >= 2 for node in keys))
        await eventually_async(lambda: all(server.states(node)[-1] is NodeState.OFFLINE for node in keys))
    births = {node: status for node, status, _ in server.statuses if status.state is NodeState.ONLINE}
    assert births.keys() == keys.keys()
    assert all(status.tags == (TAG,) for status in births.values())
    assert {status.host for status in births.values()} == {
        "sim-1-rig-001",
        "sim-1-rig-002",
        "sim-2-rig-002",
        "sim-2-rig-003",
    }
    samples = [server.samples(node)[0] for node in keys]
    assert len({sample.hashrate for sample in samples}) == 20, "no two cards are alike"
    heights = {sample.block or 0 for sample in samples}
    assert max(heights) - min(heights) <= 1
    assert not any(sample.errors for sample in samples)


async def test_it_ends_at_once_when_stopped_while_it_starts(mosquitto: Mosquitto) -> None:
    simulation = Simulation(Endpoint("127.0.0.1", mosquitto.port), MASTER.node_key, nodes=500)
    # The clock stands still, so the second node's turn never comes.
    async with simulating(simulation, FakeClock()):
        await eventually_async(lambda: "New client connected" in mosquitto.log())
    assert mosquitto.log().count("New client connected") == 1
