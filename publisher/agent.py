"""The publisher of one machine: all its nodes in one process, each with its own connection, will and outbox."""

import asyncio
import logging
from contextlib import ExitStack
from random import Random

from publisher import addresses
from publisher.boot import Boot
from publisher.node import host_name, run_node
from publisher.outbox import Limits, Outbox
from publisher.outbox_file import path_of
from publisher.plan import Plan, plans_of
from rigwatch.clock import Clock
from rigwatch.home import Home
from rigwatch.process import ready
from rigwatch.settings.publisher import OutboxSettings, PublisherSettings

log = logging.getLogger(__name__)


async def publish(home: Home, settings: PublisherSettings, *, clock: Clock, stop: asyncio.Event) -> None:
    """Publishes until `stop` is set, then says goodbye for each node.

    Raises SettingsError, TokenError, or an outbox's error (another process has it), all before anything is started.
    """
    plans = plans_of(settings, home, clock=clock)
    with ExitStack() as outboxes:
        running = [(plan, outboxes.enter_context(_outbox(plan, home, settings.outbox, clock))) for plan in plans]
        log.info("publisher starts nodes=%s", len(running))
        ready()
        async with asyncio.TaskGroup() as group:
            for plan, outbox in running:
                servers, random = addresses.path_of(home.outbox, plan.node), Random()  # noqa: S311 - jitter
                work = run_node(plan, outbox, host=host_name(), clock=clock, random=random, stop=stop, servers=servers)
                group.create_task(work, name=f"node {plan.node}")


def _outbox(plan: Plan, home: Home, settings: OutboxSettings, clock: Clock) -> Outbox:
    limits = Limits(settings.samples, round(settings.megabytes * 1_000_000))
    # A dot is not allowed in names, so no two nodes share a file.
    path, boot = path_of(home.outbox, plan.node), Boot.of_machine(clock)
    return Outbox(path, plan.node, limits=limits, clock=clock, boot=boot, interval=plan.interval)
