"""A server that is moved: the backup of yesterday, restored at another address, and what twenty rigs do about it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from broker.service import serve as serve_broker
from cli.backup import making, restoring
from publisher.addresses import path_of
from publisher.node import run_node
from publisher.outbox import Limits, Outbox
from publisher.plan import plans_of
from rigwatch import servers, tls
from rigwatch.clock import Millis, SystemClock
from rigwatch.home import Home, write_private
from rigwatch.joining import Joining
from rigwatch.keys import MasterKey
from rigwatch.settings import load_server
from rigwatch.settings.publisher import load_publisher
from rigwatch.topics import NodeId
from store import acts, open_store, reader
from store.acts import Actor, Way
from subscriber.service import subscribe
from tests.e2e.rigs import node_toml
from tests.ports import free_ports
from tests.waiting import eventually_async, promised

pytestmark = pytest.mark.timeout(240)
RIGS = 20
BACK_S = 60
DAY = 86_400_000
YESTERDAY, TODAY = -DAY, 0


@dataclass(slots=True)
class Day(SystemClock):
    """The machine's clock, on another day."""

    by: Millis

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000 + self.by


@dataclass(slots=True)
class Machine:
    """A server on an address of its own, all parts in this process."""

    home: Home
    host: str
    ports: list[int] = field(default_factory=lambda: free_ports(2))

    @property
    def address(self) -> str:
        return f"mqtts://{self.host}:{self.ports[0]}"

    def settings(self, database: str) -> str:
        return (
            f'[broker]\nadvertise = "{self.host}"\nhost = "{self.host}"\nport = {self.ports[0]}\n'
            f'plain_host = "{self.host}"\nplain_port = {self.ports[1]}\n[database]\nurl = "{database}"\n'
        )

    @asynccontextmanager
    async def running(self, clock: SystemClock) -> AsyncIterator[None]:
        settings, stop, up = load_server(self.home, {}), asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve_broker(self.home, settings, clock=clock, stop=stop, ready=lambda _: up.set()))
            await up.wait()
            tasks.create_task(subscribe(self.home, settings, clock=clock, stop=stop))
            try:
                yield
            finally:
                stop.set()

    def reports(self, database: str) -> dict[NodeId, Millis]:
        with closing(open_store(database, self.home)) as store, store.read() as tx:
            return {facts.id: facts.last_report_at or 0 for facts in reader.nodes(tx)}


@dataclass(slots=True)
class Rigs:
    """Real publishers, each with its own home, all in this process."""

    homes: list[Home]

    @asynccontextmanager
    async def running(self, clock: SystemClock) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for home in self.homes:
                tasks.create_task(_publish(home, clock, stop))
            try:
                yield
            finally:
                stop.set()


async def _publish(home: Home, clock: SystemClock, stop: asyncio.Event) -> None:
    (plan,) = plans_of(load_publisher(home, {}), home, clock=clock)
    (home.path / "outbox").mkdir(exist_ok=True)
    file = home.path / "outbox" / "own.db"
    with Outbox(file, plan.node, limits=Limits(1000, 1_000_000), clock=clock, interval=plan.interval) as outbox:
        servers_json = path_of(home.outbox, plan.node)
        await run_node(
            plan,
            outbox,
            host="rig",
            clock=clock,
            random=Random(1),  # noqa: S311 - jitter
            stop=stop,
            servers=servers_json,
        )


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Of the old server, and of the new one."""
    if request.param == "sqlite":
        return "sqlite:///rigwatch.db", ""
    server = request.getfixturevalue("postgres_server")
    return server.create_database(), server.create_database()


def set_up(machine: Machine, database: str) -> None:
    machine.home.prepare()
    MasterKey.random().save(machine.home.secret_key)
    write_private(machine.home.server_toml, machine.settings(database))
    tls.ca_pem(machine.home)


def enrolled(machine: Machine, folder: Path, now: Millis) -> Rigs:
    joining = Joining(machine.home, load_server(machine.home, {}))
    homes = [Home(folder / f"rig{number}") for number in range(RIGS)]
    for number, home in enumerate(homes):
        home.prepare()
        write_private(home.publisher_toml, node_toml(joining.token(NodeId("main", f"rig{number}"), now)))
    return Rigs(homes)


async def test_rigs_follow_a_server_to_another_address_and_nothing_is_refused(
    tmp_path: Path, databases: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    before, empty = databases
    old, new = Machine(Home(tmp_path / "old"), "127.0.0.1"), Machine(Home(tmp_path / "new"), "127.0.0.2")
    set_up(old, before)
    yesterday, today, backup = Day(YESTERDAY), Day(TODAY), tmp_path / "yesterday.backup"
    rigs = enrolled(old, tmp_path, yesterday.now())
    async with old.running(yesterday), rigs.running(yesterday):
        await eventually_async(lambda: all(old.reports(before).values()), timeout=60, what="all have reported")
        with closing(open_store(before, old.home)) as store, store.write() as tx:
            told, file = [new.address], old.home.servers_json
            ann = Actor("ann", Way.CLI)
            acts.server.announced(tx, ann, yesterday.now(), addresses=told, write=lambda: servers.write(file, told))
        kept = [path_of(home.outbox, NodeId("main", f"rig{number}")) for number, home in enumerate(rigs.homes)]
        await eventually_async(lambda: all(path.exists() for path in kept), timeout=60, what="all know the new address")
        settings = load_server(old.home, {})
        await asyncio.to_thread(making.make, old.home, settings, backup, passphrase="", environ={}, now=yesterday.now())
    # Sessions and numbers that the backup does not know.
    async with old.running(today), rigs.running(today):
        await eventually_async(
            lambda: min(old.reports(before).values()) > today.now() - DAY // 2, timeout=60, what="they report today"
        )

    caplog.clear()
    wanted = restoring.Wanted(database=empty)
    restoring.restore(new.home, backup, wanted, passphrase=str, environ={}, now=today.now())
    after = empty or before
    # Of the settings only where it listens is another: the address and its ports are this machine's.
    write_private(new.home.server_toml, new.settings(after))
    newest = max(new.reports(after).values())
    assert today.now() - newest > DAY // 2
    async with new.running(today):
        began = time.monotonic()
        async with rigs.running(today):
            await eventually_async(
                lambda: min(new.reports(after).values()) > newest + DAY // 2,
                timeout=promised(BACK_S),
                what=f"all {RIGS} rigs are back",
            )
            back = time.monotonic() - began
            with closing(open_store(after, new.home)) as store, store.read() as tx:
                lost = tx.value("SELECT count(*) FROM incident WHERE rule = 'lost'")
    assert len(new.reports(after)) == RIGS
    assert back <= promised(BACK_S), f"{RIGS} rigs were back after {back:.1f} s"
    assert lost == 0
    said = [record.getMessage() for record in caplog.records]
    assert not [
        line
        for line in said
        if "refuses" in line or "login" in line or "later session" in line or "cannot be stored" in line
    ]
