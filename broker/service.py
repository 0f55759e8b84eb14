"""Puts the broker together from settings, runs it until it is told to stop, and cleans up; decides nothing itself."""

import asyncio
import logging
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from broker.access import Access
from broker.accounts import AccountFile
from broker.counters import Counters
from broker.embedded import EmbeddedBroker
from broker.housekeeping import Housekeeping, RightsChanges
from broker.hub import Hub
from broker.limits import Limits
from broker.listener import Listener, bind
from rigwatch.clock import Clock
from rigwatch.home import Home
from rigwatch.master import master_key, node_access
from rigwatch.registry import Registry
from rigwatch.settings.server import BrokerSettings, ServerSettings
from rigwatch.tls import server_context

log = logging.getLogger(__name__)

_AMQTT = "0.12."


@dataclass(frozen=True, slots=True)
class Bound:
    """The ports that are open; 0 for one that is off."""

    port: int
    plain_port: int


async def serve(
    home: Home,
    settings: ServerSettings,
    *,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[Bound], None] | None = None,
) -> None:
    """Runs the broker until `stop`; `ready` is called when clients can connect.

    Raises `RigwatchError` when a port, the key or the certificate cannot be had.
    """
    _check_amqtt()
    _raise_file_limit()
    _quiet_amqtt()
    accounts = AccountFile.of(home)
    master = master_key(home, settings)
    access = Access(master, node_access(home, settings, master), accounts, clock)
    limits = Limits()
    hub = Hub(EmbeddedBroker(limits=limits, counters=Counters(), clock=clock), access, limits, clock)
    listeners, bound = _listen(hub, home, settings.broker, clock)
    housekeeping = Housekeeping(hub, RightsChanges(home.nodes_json, Registry(home.nodes_json), accounts), clock)
    await hub.broker.start()
    tasks = [asyncio.create_task(listener.serve(), name="listener") for listener in listeners]
    tasks.append(asyncio.create_task(housekeeping.run(), name="housekeeping"))
    log.info("broker ready port=%s plain_port=%s", bound.port, bound.plain_port)
    if ready is not None:
        ready(bound)
    try:
        await _until(stop, tasks)
    finally:
        await _end(tasks)
        await hub.close()
        await hub.broker.shutdown()


def _listen(
    hub: Hub, home: Home, settings: BrokerSettings, clock: Clock
) -> tuple[list[Listener], Bound]:
    listeners = []
    if settings.port:
        context: ssl.SSLContext = server_context(home, [settings.advertise] if settings.advertise else [], clock.now())
        listening = bind(settings.host, settings.port, setting="[broker] port")
        listeners.append(Listener(hub, listening, clock, tls=context))
    if settings.plain_port:
        listening = bind(settings.plain_host, settings.plain_port, setting="[broker] plain_port")
        listeners.append(Listener(hub, listening, clock))
    return listeners, Bound(settings.port, settings.plain_port)


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Until `stop`, or until a task that should run for ever has failed, which is raised."""
    waiting = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        task.result()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _check_amqtt() -> None:
    found = version("amqtt")
    if not found.startswith(_AMQTT):
        log.warning("amqtt is not the version that this broker was built on found=%s expected=%sx", found, _AMQTT)


def _quiet_amqtt() -> None:
    """Its own state changes say nothing that this broker does not say as well."""
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _raise_file_limit() -> None:
    """Each client is an open file, and the usual soft limit of 1024 is far below the hard one."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
