"""Runs one node: its sampler fills the outbox, its session empties it. Which nodes there are is decided elsewhere."""

import asyncio
import socket
from pathlib import Path
from random import Random

from publisher.addresses import Addresses
from publisher.dispatch import Dispatch
from publisher.journal import Journal
from publisher.outbox import Outbox
from publisher.plan import Plan
from publisher.presence import presence_of
from publisher.sampler import Sampler
from publisher.session import PublisherSession
from publisher.summary import UnnumberedSample
from rigwatch import __version__
from rigwatch.clock import Clock
from rigwatch.figures import LINE_MAX
from rigwatch.messages import NodeState, Status


async def run_node(
    plan: Plan,
    outbox: Outbox,
    *,
    host: str,
    clock: Clock,
    random: Random,
    stop: asyncio.Event,
    journal: Journal | None = None,
    servers: Path | None = None,
) -> None:
    """Returns after the goodbye, once `stop` is set; what is not delivered by then stays in the outbox.

    `servers` is where the addresses are kept that the server announces; None: in memory.
    """
    dispatch = Dispatch(outbox, clock=clock)
    device = presence_of(plan.sources)
    heard = {} if device is None else {"on_read": device.note}
    sampler = Sampler(plan.node, plan.sources, interval=plan.interval, clock=clock, phase=plan.phase, **heard)
    session = PublisherSession(
        plan.account, about(plan, host), dispatch, clock=clock, random=random, journal=journal, device=device,
        addresses=Addresses(plan.node, plan.account.endpoint, servers),
    )  # fmt: skip

    async def keep(summary: UnnumberedSample) -> None:
        # Nothing is to be said of a machine that is not there but that, and the session says it.
        if device is None or device.is_here:
            await dispatch.keep(summary)

    async with asyncio.TaskGroup() as group:
        sampling = group.create_task(sampler.run(keep), name=f"sample {plan.node}")
        await session.run(stop)
        sampling.cancel()


def about(plan: Plan, host: str) -> Status:
    """What the node says of itself; the session puts in its state and number."""
    return Status(
        state=NodeState.ONLINE,
        session=1,
        host=host[:LINE_MAX],
        name=plan.name,
        version=__version__,
        interval=plan.interval.total_seconds(),
        sources=tuple(label for label, _ in plan.sources),
        tags=plan.tags,
    )


def host_name() -> str:
    """This machine's own name, without its domain."""
    return socket.gethostname().partition(".")[0] or "unknown"
