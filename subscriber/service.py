"""The subscriber as a process: the store, the connection and the pipeline between them, wired together."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from alerts.quota import Quota
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.layers import ServerLayers
from rigwatch.master import master_key, node_access
from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin, MqttMessage
from rigwatch.process import ready
from rigwatch.registry import Registry
from rigwatch.servers import ServersFile
from rigwatch.settings.fingerprint import FINGERPRINTS
from rigwatch.settings.server import DatabaseSettings, ServerSettings
from rigwatch.topics import ENDINGS, TAKEOVERS
from rigwatch.validity import expiring
from store import open_store, page_settings
from subscriber.alert_service import AlertService, link_of
from subscriber.announcement import Announcement
from subscriber.chores import Chores
from subscriber.feed.setup import Broker, feeds_of
from subscriber.login import endpoint_of, login_of
from subscriber.notify.unending import unending
from subscriber.outage import Outage
from subscriber.pipeline import Pipeline
from subscriber.plugs import PlugIntake
from subscriber.renewal import Renewal, SettingsSource
from subscriber.session import SubscriberSession
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

_FINISH_S = 5.0
_OF_THE_BROKER = (TAKEOVERS, ENDINGS)
_LIST_AGE_S = 0.05
_LOOK_S = 0.1
# A thread that wants to go on waits this long for one that computes. Of two that often ask the disk or the network,
# each would otherwise wait 5 ms after every question, and both do nothing most of the time.
_SWITCH_S = 0.0005
_OBJECTS_BETWEEN_LOOKS = 50_000


async def subscribe(
    home: Home,
    settings: ServerSettings,
    *,
    clock: Clock,
    stop: asyncio.Event,
    layers: ServerLayers | None = None,
) -> None:
    """Runs until `stop`. Raises `RigwatchError` when the database or the key cannot be used at the start.

    `layers` is where the settings come from: what was set in the page counts from the start, and what is changed is
    taken over as far as it can be. None: they stay as they are.

    A broker that is away is waited for, and so is a database that goes away later.
    """
    _tune()
    master = master_key(home, settings)
    registry = Registry(home.nodes_json)
    access = node_access(home, settings, master, max_age=_LIST_AGE_S)
    endpoint, login = endpoint_of(home, settings.broker), login_of(settings, master, home)
    async with _opened(settings.database, home) as worker:
        if layers is not None:
            rows = await worker.read(page_settings.every)
            settings = page_settings.layered_of(rows, layers).settings

        def receive(message: MqttMessage) -> None:
            (pipeline.tell if message.topic.startswith(_OF_THE_BROKER) else pipeline.receive)(message)

        # Others' brokers refuse what they do not have.
        more = (f"{TAKEOVERS}+/+", f"{ENDINGS}+/+") if settings.broker.mode == "embedded" else ()
        session = SubscriberSession(
            endpoint, login, clock=clock, on_message=receive, shared=settings.broker.shared, more=more
        )
        outage = Outage(clock)
        alerting = AlertService(
            settings, worker, outage, clock=clock, session=session, name=login.client_id,
            expiring=partial(expiring, home, settings),
        )  # fmt: skip
        watch = alerting.watch
        announcement = Announcement(ServersFile(home.servers_json).current)
        pipeline = Pipeline(watch.write, access, session, outage=outage, clock=clock, announcement=announcement)
        chores = Chores(
            worker, session, registry, outage=outage, clock=clock, name=login.client_id, keep=settings.database.keep
        )
        feeds = feeds_of(
            settings.feed, home, Broker(endpoint, login), worker, turn=watch, clock=clock, link=link_of(settings)
        )

        plugs = PlugIntake(worker, partial(_open_beside, endpoint, login, "plugs"), asked=alerting.asked, clock=clock)

        def follow(taken: ServerSettings) -> None:
            chores.keep = taken.database.keep
            for feed in feeds:
                feed.link_to(link_of(taken))

        alerting.followers.append(follow)
        key = master.service_password(FINGERPRINTS)
        renewal = Renewal(
            settings, alerting, source=SettingsSource(layers, key), worker=worker,
            name=login.client_id, unstorable=lambda: pipeline.rejections.unstorable, told=announcement.count,
            clock=clock,
        )  # fmt: skip
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(pipeline.run(), name="pipeline"),
                    tasks.create_task(session.run(), name="session"),
                    tasks.create_task(_say_ready(session, clock), name="ready"),
                    tasks.create_task(chores.beat(), name="beat"),
                    tasks.create_task(chores.prune(), name="prune"),
                    tasks.create_task(watch.run(), name="alerts"),
                    *(tasks.create_task(feed.run(), name="feed") for feed in feeds),
                    tasks.create_task(renewal.run(), name="settings"),
                    tasks.create_task(unending("plugs", plugs.run, clock=clock), name="plugs"),
                    *(tasks.create_task(each(), name=name) for name, each in alerting.tasks().items()),
                ]
                await stop.wait()
                await _finish(pipeline)
                for task in running:
                    task.cancel()
        except ExceptionGroup as group:
            # What the user can act on, such as a certificate that is none; anything else is a defect.
            expected = [exc for exc in group.exceptions if isinstance(exc, RigwatchError)]
            raise (expected[0] if expected else group) from None
        finally:
            await chores.say_goodbye()
            await watch.release()


async def _open_beside(
    endpoint: Endpoint, login: MqttLogin, what: str, on_message: Callable[[MqttMessage], None]
) -> MqttConnection:
    """The subscriber's account once more, over a connection of its own."""
    return await MqttConnection.open(
        endpoint, replace(login, client_id=f"{login.client_id}.{what}"), on_message=on_message
    )


async def _say_ready(session: SubscriberSession, clock: Clock) -> None:
    """Until then a certificate that is none, say, is a failure to start."""
    while session.connected_at is None:
        await clock.sleep(_LOOK_S)
    ready()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it exists: a broker that sends each report by itself wakes the loop as often."""
    if sys.platform == "win32":
        # paho's sockets are watched with add_reader, which Windows' default loop does not have.
        return asyncio.SelectorEventLoop()
    import uvloop  # noqa: PLC0415 - not there on Windows

    return uvloop.new_event_loop()


def _tune() -> None:
    """What a report needs is gone with its batch, and nothing of it refers to itself: the collector finds nothing."""
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, 20, 20)


@asynccontextmanager
async def _opened(settings: DatabaseSettings, home: Home) -> AsyncIterator[StoreWorker]:
    store = await asyncio.to_thread(open_store, settings.url, home)
    store.quota = Quota(settings.daily_samples, settings.daily_bytes)
    worker = StoreWorker(store)
    try:
        yield worker
    finally:
        await worker.close()


async def _finish(pipeline: Pipeline) -> None:
    """What has been received is stored and acknowledged before the connection ends; the rest is sent again later."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FINISH_S):
            await pipeline.finish()
