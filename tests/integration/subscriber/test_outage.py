"""A database that takes nothing for a while, under a subscriber at work: people are told without it, and once."""

import logging
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alerts.incident import IncidentState
from alerts.rule import Rule
from rigwatch.home import Home
from rigwatch.settings.alerts import AlertSettings, HeartbeatSettings, RuleSettings
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import BrokerSettings, DatabaseSettings, ServerSettings
from store import open_store, reader
from tests.alerting import every_incident, story
from tests.e2e.faults.disk import SmallDisk, small_disk
from tests.integration.subscriber.running import Node, prepare, subscribing
from tests.mosquitto import Mosquitto
from tests.postgres import PostgresServer, postgres_running
from tests.requirements import missing
from tests.rigs import rig
from tests.stored import asked
from tests.waiting import eventually_async
from tests.webhook import Webhook, webhook

pytestmark = pytest.mark.timeout(300)

# So often it is asked as well whether all is well, and 30 times before it is known not to be.
_BEAT = timedelta(milliseconds=100)
RIGS = (rig("one", "garage"), rig("two", "garage"))


@dataclass
class Scene:
    """A subscriber at work, two nodes that it knows, and what people and the heartbeat's other side are told."""

    url: str
    home: Home
    nodes: list[Node]
    hook: Webhook
    beats: Webhook

    def titles(self) -> list[str]:
        return self.hook.titles

    def is_well(self) -> bool | None:
        return not self.beats.deliveries[-1].path.endswith("/fail") if self.beats.deliveries else None


@asynccontextmanager
async def at_work(broker: Mosquitto, home: Home, url: str) -> AsyncIterator[Scene]:
    prepare(home, *RIGS)
    with webhook() as hook, webhook() as beats:
        async with subscribing(home, _settings(broker.port, url, hook, beats)):
            with closing(open_store(url, home)) as store:
                await eventually_async(lambda: asked(store, reader.server).connected_at, what="it has a broker")
                nodes = [await Node.connect(each, broker.port) for each in RIGS]
                scene = Scene(url, home, nodes, hook, beats)
                await eventually_async(lambda: [each.connected for each in asked(store, reader.nodes)] == [True, True])
                await eventually_async(scene.is_well, timeout=20, what="the heartbeat says that all is well")
            yield scene


def _settings(port: int, url: str, hook: Webhook, beats: Webhook) -> ServerSettings:
    at_once = dict.fromkeys(("hold", "group_wait", "grace"), timedelta(0))
    heartbeat = HeartbeatSettings(Secret(f"http://127.0.0.1:{beats.port}/beat"), _BEAT)
    wanted: dict[str, Any] = {"channels": (Secret(hook.url),), "heartbeat": heartbeat, **at_once}
    return ServerSettings(
        broker=BrokerSettings(port=0, plain_port=port),
        database=DatabaseSettings(url=Secret(url)),
        alerts=AlertSettings(no_database=RuleSettings(hold=timedelta(seconds=1)), **wanted),
    )


async def told_without_it_and_all_told_after(scene: Scene, fault: str, repair: Any) -> None:  # noqa: ANN401 - a function
    """The database is in trouble already; `repair` ends that."""
    for node in scene.nodes:
        node.connection.abort()
    await eventually_async(lambda: scene.titles() and scene.is_well() is False, timeout=60, what="people are told")
    assert re.fullmatch(f"CRITICAL: rigwatch cannot store: {fault} since .*", scene.titles()[0])
    assert len(scene.titles()) == 1
    repair()
    await eventually_async(partial(_all_is_told, scene), timeout=60, what="its end and the deaths are told")
    await eventually_async(scene.is_well, timeout=30, what="the heartbeat says that all is well again")
    with closing(open_store(scene.url, scene.home)) as store:
        await eventually_async(lambda: any(each.rule is Rule.NO_DATABASE for each in every_incident(store)))
        (kept,) = (each for each in every_incident(store) if each.rule is Rule.NO_DATABASE)
        assert (kept.state, kept.subject.name) == (IncidentState.RESOLVED, fault)
        assert story(store, kept.id).count("told") == 2
    # Nothing of it is said again by the one that decides from the store.
    assert [title for title in scene.titles() if "store" in title] == [
        scene.titles()[0],
        next(title for title in scene.titles() if "stores again" in title),
    ]


def _all_is_told(scene: Scene) -> bool:
    told = "\n".join(f"{each.title} {each.body.get('message')}" for each in scene.hook.deliveries[1:])
    return all(each in told for each in ("rigwatch stores again", "garage/one", "garage/two"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small", 16) as found:
        if not found.can_be_filled:
            missing("a file system of its own cannot be mounted here")
        yield found


async def test_a_full_disk_is_told_without_it_and_what_died_meanwhile_after_it(
    mosquitto: Mosquitto, disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with at_work(mosquitto, Home(disk.place), "sqlite:///rigwatch.db") as scene:
        caplog.clear()
        disk.fill()
        await told_without_it_and_all_told_after(scene, "disk full", disk.free)
    said = [each.getMessage() for each in caplog.records if each.levelname in {"WARNING", "ERROR"}]
    assert len([line for line in said if "disk full" in line]) == 1
    assert not [line for line in said if "rollback" in line]
    assert len([line for line in said if "stor" in line]) == 2, said
    # Not once a second either, below a warning.
    every = [
        each.getMessage()
        for each in caplog.records
        if each.levelname != "DEBUG" and not each.name.startswith("apprise")
    ]
    assert max(Counter(every).values()) == 1, every


async def test_a_database_that_another_process_locks_is_told_and_so_is_its_end(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with at_work(mosquitto, Home(tmp_path), "sqlite:///rigwatch.db") as scene:
        with closing(sqlite3.connect(tmp_path / "rigwatch.db", timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await told_without_it_and_all_told_after(
                scene, "locked by another process", lambda: other.execute("ROLLBACK")
            )


@contextmanager
def taken_from_postgres(server: PostgresServer, fault: str, database: str) -> Iterator[Any]:
    """Does to the whole server what `fault` is; gives what ends it."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:

        def end_all() -> None:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

        before, after = {
            "read-only": (
                f"ALTER DATABASE {database} SET default_transaction_read_only = on",
                f"ALTER DATABASE {database} RESET default_transaction_read_only",
            ),
            "it refuses the login": ("ALTER ROLE test NOLOGIN", "ALTER ROLE test LOGIN"),
            "it cannot be reached": (
                f"ALTER DATABASE {database} ALLOW_CONNECTIONS false",
                f"ALTER DATABASE {database} ALLOW_CONNECTIONS true",
            ),
        }[fault]
        admin.execute(before.encode())
        end_all()

        def repair() -> None:
            admin.execute(after.encode())
            end_all()

        yield repair


@pytest.mark.parametrize("fault", ["read-only", "it refuses the login", "it cannot be reached"])
async def test_a_postgresql_that_takes_nothing_is_told_and_so_is_its_end(
    mosquitto: Mosquitto, tmp_path: Path, fault: str
) -> None:
    with postgres_running("fsync=off") as server:
        url = server.create_database()
        async with at_work(mosquitto, Home(tmp_path), url) as scene:
            with taken_from_postgres(server, fault, url.rpartition("/")[2]) as repair:
                await told_without_it_and_all_told_after(scene, fault, repair)


async def test_a_postgresql_that_is_stopped_is_told_and_so_is_its_end(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with postgres_running("fsync=off") as server:
        async with at_work(mosquitto, Home(tmp_path), server.create_database()) as scene:
            server.stop()
            await told_without_it_and_all_told_after(scene, "it cannot be reached", server.start)
