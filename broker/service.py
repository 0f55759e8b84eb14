"""Puts the broker together from settings, runs it until it is told to stop, and cleans up; decides nothing itself."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from broker.access import Access
from broker.accounts import AccountFile
from broker.certificates import Certificate
from broker.counters import Counters
from broker.embedded import EmbeddedBroker
from broker.housekeeping import Housekeeping, RightsChanges
from broker.hub import Hub
from broker.listener import Listener
from broker.prometheus import metrics_served
from broker.websocket import WebSocket
from rigwatch.address import is_loopback
from rigwatch.clock import Clock
from rigwatch.first import first_of
from rigwatch.home import Home
from rigwatch.listening import bind
from rigwatch.master import master_key, node_access
from rigwatch.process import raise_file_limit
from rigwatch.registry import Registry
from rigwatch.settings.server import BrokerSettings, ServerSettings

Job: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

log = logging.getLogger(__name__)

_AMQTT: Final = "0.12."


@dataclass(frozen=True, slots=True)
class Bound:
    """The ports that are open; 0 for one that is off."""

    port: int
    plain_port: int
    websocket_port: int
    metrics_port: int


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
    raise_file_limit()
    _quiet_amqtt()
    hub, housekeeping = _assemble(home, settings, clock)
    with ExitStack() as held:
        jobs = [housekeeping.run, *_listen(hub, home, settings.broker, held)]
        held.enter_context(metrics_served(hub.counters, settings.broker.metrics_port))
        await hub.broker.start()
        try:
            await _run(jobs, stop, lambda: _announce(settings.broker, ready))
        finally:
            await hub.close()
            await hub.broker.shutdown()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop that carries most connections: uvloop where it exists; on Windows the one that may watch over 512."""
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    import uvloop  # noqa: PLC0415 - not there on Windows

    return uvloop.new_event_loop()


def _assemble(home: Home, settings: ServerSettings, clock: Clock) -> tuple[Hub, Housekeeping]:
    accounts = AccountFile.of(home)
    master = master_key(home, settings)
    access = Access(master, node_access(home, settings, master), accounts, clock)
    limits = settings.broker.limits
    hub = Hub(EmbeddedBroker(limits=limits, counters=Counters(), clock=clock), access, limits, clock)
    return hub, Housekeeping(hub, RightsChanges(home.nodes_json, Registry(home.nodes_json), accounts), clock)


def _listen(hub: Hub, home: Home, settings: BrokerSettings, held: ExitStack) -> list[Job]:
    """Binds every port that is on, for as long as `held` is; returns what has to run for them."""
    jobs: list[Job] = []
    tls = None
    if settings.port or (settings.websocket_port and settings.websocket_tls):
        certificate = Certificate(home, settings, hub.clock)
        tls = certificate.context
        jobs.append(certificate.keep_fresh)
    if settings.port:
        listening = held.enter_context(bind(settings.host, settings.port, setting="[broker] port"))
        jobs.append(Listener(hub, listening, tls=tls).serve)
    if settings.plain_port:
        _warn_plain(settings)
        listening = held.enter_context(bind(settings.plain_host, settings.plain_port, setting="[broker] plain_port"))
        jobs.append(Listener(hub, listening).serve)
    if settings.websocket_port:
        # Without TLS it belongs behind a proxy on this machine, like plain MQTT.
        host, tls = (settings.host, tls) if settings.websocket_tls else (settings.plain_host, None)
        listening = held.enter_context(bind(host, settings.websocket_port, setting="[broker] websocket_port"))
        wrap = partial(WebSocket, server=hub, limits=settings.limits)
        jobs.append(Listener(hub, listening, tls=tls, wrap=wrap).serve)
    return jobs


def _warn_plain(settings: BrokerSettings) -> None:
    if not is_loopback(settings.plain_host):
        log.warning(
            "plain MQTT is open to other machines, passwords travel unencrypted host=%s port=%s",
            settings.plain_host, settings.plain_port,
        )  # fmt: skip


def _announce(settings: BrokerSettings, ready: Callable[[Bound], None] | None) -> None:
    bound = Bound(settings.port, settings.plain_port, settings.websocket_port, settings.metrics_port)
    log.info("broker ready port=%s plain_port=%s websocket_port=%s", *astuple(bound)[:3])
    if ready is not None:
        ready(bound)


async def _run(jobs: list[Job], stop: asyncio.Event, begun: Callable[[], None]) -> None:
    tasks = [asyncio.create_task(job(), name=job.__qualname__) for job in jobs]
    try:
        begun()
        # Each should run for ever; what makes one fail is raised.
        await first_of(stop.wait(), *tasks)
    finally:
        await _end(tasks)


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
