"""A fleet of simulated nodes over real connections in one process: for trying rigwatch out and for measuring it."""

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from publisher.census import Census
from publisher.node import run_node
from publisher.outbox import Limits, Outbox
from publisher.plan import Plan
from publisher.session import NodeAccount
from publisher.sources.simulated import SimulatedSettings, SimulatedSource
from publisher.sources.source import Context
from rigwatch.clock import Clock
from rigwatch.first import first_of
from rigwatch.keys import NodeKey
from rigwatch.mqtt import Endpoint
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)

TAG: Final = "simulated"
_LIMITS: Final = Limits(samples=2000, bytes=2_000_000)
_NODES_PER_HOST: Final = 8
_SPREAD_MOST: Final = timedelta(seconds=10)
_FILES_PER_NODE: Final = 2
_FILES_OTHERWISE: Final = 200


@dataclass(frozen=True, slots=True)
class Simulation:
    """A fleet; the same seed gives the same one. `key_of` gives the key that the broker knows a node by."""

    endpoint: Endpoint
    key_of: Callable[[NodeId], NodeKey]
    nodes: int = 10
    sites: int = 1
    seed: int = 0
    interval: timedelta = timedelta(seconds=60)
    keepalive: timedelta = timedelta(seconds=10)


def fleet(simulation: Simulation) -> tuple[NodeId, ...]:
    """Who takes part: `sim-001` and on, in sites `sim-1`, `sim-2`, … of about the same size; for enrolling them."""
    width = max(3, len(str(simulation.nodes)))
    per_site = -(-simulation.nodes // max(1, simulation.sites))
    return tuple(NodeId(_site(at // per_site), f"sim-{at + 1:0{width}}") for at in range(simulation.nodes))


async def simulate(simulation: Simulation, *, clock: Clock, stop: asyncio.Event) -> None:
    """Runs the fleet until `stop` is set, then says goodbye for each node. Starting is spread over 10 s at most.

    Refused or unreachable brokers are tried again, as real nodes do; nothing is kept on disk.
    """
    allow_files(simulation.nodes * _FILES_PER_NODE + _FILES_OTHERWISE)
    nodes = fleet(simulation)
    spread = min(simulation.interval, _SPREAD_MOST, timedelta(milliseconds=10) * len(nodes)).total_seconds()
    log.info("simulation starts nodes=%s broker=%s", len(nodes), simulation.endpoint)
    census = Census(len(nodes))
    counting = asyncio.create_task(census.run(clock), name="census")
    try:
        async with asyncio.TaskGroup() as group:
            for at, node in enumerate(nodes):
                work = _one(simulation, node, census, host=_host(node, at), clock=clock, stop=stop)
                group.create_task(work, name=f"node {node}")
                await first_of(clock.sleep(spread / len(nodes)), stop.wait())
                if stop.is_set():
                    break
    finally:
        counting.cancel()
        census.say()


async def _one(
    simulation: Simulation, node: NodeId, census: Census, *, host: str, clock: Clock, stop: asyncio.Event
) -> None:
    random = Random(f"{simulation.seed} {node} jitter")  # noqa: S311 - a simulation, not a secret
    with Outbox(None, node, limits=_LIMITS, clock=clock) as outbox:
        plan = _plan(simulation, node, clock)
        journal = census.journal(node)
        await run_node(plan, outbox, host=host, clock=clock, random=random, stop=stop, journal=journal)


def _plan(simulation: Simulation, node: NodeId, clock: Clock) -> Plan:
    settings = SimulatedSettings(seed=simulation.seed)
    source = SimulatedSource(settings, Context(node, clock))
    keepalive = round(simulation.keepalive.total_seconds())
    account = NodeAccount(node, simulation.key_of(node), simulation.endpoint, keepalive)
    return Plan(account, node.node, simulation.interval, (TAG,), (("simulated", source),))


def _site(at: int) -> str:
    return f"sim-{at + 1}"


def _host(node: NodeId, at: int) -> str:
    """Rigs of eight cards."""
    return f"{node.site}-rig-{at // _NODES_PER_HOST + 1:03}"


def allow_files(count: int) -> None:
    """Raises the limit of open files where the platform has one and allows it; Windows has none of this kind."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is no such module on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < count:
        log.warning(
            "too few open files allowed for so many nodes, raise 'ulimit -n' allowed=%s needed=%s", wanted, count
        )
