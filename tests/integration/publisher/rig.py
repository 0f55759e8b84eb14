"""A node under test: its session and outbox on a real broker, and a task that can be stopped or killed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from publisher.addresses import Addresses
from publisher.dispatch import Dispatch
from publisher.outbox import Limits, Outbox
from publisher.session import NodeAccount, PublisherSession
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.clock import Clock, SystemClock
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.messages import NodeState, Status
from rigwatch.mqtt import Endpoint
from rigwatch.topics import NodeId

MASTER = MasterKey(bytes(range(32)))
NODE = NodeId("main", "rig07")
KEY = MASTER.node_key(NODE)
LIMITS = Limits(samples=10_000, bytes=8_000_000)
ABOUT = Status(state=NodeState.ONLINE, session=1, host="rig", name="Rig 7", version="0.1.0", interval=60.0)


@dataclass(slots=True)
class Rig:
    outbox: Outbox
    dispatch: Dispatch
    stop: asyncio.Event
    task: "asyncio.Task[None]"

    async def measure(self, hashrate: float) -> None:
        """One sample, as the sampler gives it."""
        await self.dispatch.keep(UnnumberedSample(Reading(hashrate=hashrate)))


@asynccontextmanager
async def rigging(
    endpoint: Endpoint,
    *,
    node: NodeId = NODE,
    key: NodeKey = KEY,
    outbox: Outbox | None = None,
    clock: Clock | None = None,
    keepalive: int = 10,
    settled: bool = True,
    others: Sequence[str] = (),
) -> AsyncIterator[Rig]:
    """Runs the node's session; at the end of the block it is stopped and, when `settled`, must have ended by itself.

    `others` are addresses that its server has announced before.
    """
    clock = clock or SystemClock()
    own = outbox or Outbox(None, node, limits=LIMITS, clock=clock)
    dispatch = Dispatch(own, clock=clock)
    account = NodeAccount(node, key, endpoint, keepalive)
    addresses = Addresses(node, endpoint)
    addresses.learn(others)
    random = Random(1)  # noqa: S311 - jitter
    session = PublisherSession(account, ABOUT, dispatch, clock=clock, random=random, addresses=addresses)
    stop = asyncio.Event()
    rig = Rig(own, dispatch, stop, asyncio.create_task(session.run(stop), name="session"))
    try:
        yield rig
    finally:
        stop.set()
        try:
            async with asyncio.timeout(10):
                await rig.task
        except asyncio.CancelledError:
            if settled:
                raise
        if outbox is None:
            own.close()
