"""The whole subscriber on a real broker and a real database."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pytest

from alerts.facts import NodeFacts
from alerts.status import NodeStatus, status_at
from broker.service import serve
from rigwatch.clock import Millis, SystemClock
from rigwatch.errors import RigwatchError, StoreError
from rigwatch.home import Home
from rigwatch.messages import NodeState, Sample
from rigwatch.registry import Registry
from rigwatch.settings.server import BrokerSettings, ServerSettings
from store import Store, open_store, reader
from subscriber.service import subscribe
from tests.integration.subscriber.running import Node, prepare, settings, subscriber_process, subscribing
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.rigs import MASTER, Rig, birth, report, rig
from tests.stored import asked
from tests.waiting import eventually_async, promised


def now() -> Millis:
    return SystemClock().now()


def facts(store: Store, of: Rig | None = None) -> NodeFacts | None:
    with store.read() as tx:
        return next((node for node in reader.nodes(tx) if node.id == (of or rig()).id), None)


def state(store: Store, of: Rig | None = None) -> NodeState | None:
    found = facts(store, of)
    return found.state if found else None


def status(store: Store) -> NodeStatus | None:
    found = facts(store)
    with store.read() as tx:
        return status_at(found, reader.server(tx), now()) if found else None


async def is_connected(store: Store) -> None:
    await eventually_async(lambda: asked(store, reader.server).connected_at, what="the subscriber has a broker")


async def test_a_report_is_stored_and_acknowledged(
    mosquitto: Mosquitto, home: Home, store: Store, database_url: str
) -> None:
    prepare(home, rig())
    async with subscribing(home, settings(mosquitto.port, database_url)):
        await is_connected(store)
        node = await Node.connect(rig(), mosquitto.port)
        moment = now()
        await node.say(report(Sample(n=moment, at=moment, hashrate=5), sent_at=moment))
        await eventually_async(lambda: node.acked() == {moment})
        found = facts(store)
        assert found is not None
        assert found.sample == Sample(n=moment, at=moment, hashrate=5)
        assert status(store) is NodeStatus.ONLINE
        await node.connection.close()


class SetClock(SystemClock):
    """The machine's clock, and by how much somebody has set it since."""

    by: Millis = 0

    def now(self) -> Millis:
        return super().now() + self.by


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_clock_that_is_set_neither_hides_silence_nor_makes_it_up(
    mosquitto: Mosquitto, home: Home, local: Store, hours: int
) -> None:
    quick, slow, clock, stop = rig("quick"), rig("slow"), SetClock(), asyncio.Event()
    prepare(home, quick, slow)
    running = asyncio.create_task(subscribe(home, settings(mosquitto.port), clock=clock, stop=stop))

    def statuses() -> dict[str, NodeStatus]:
        with local.read() as tx:
            return {node.id.node: status_at(node, reader.server(tx), clock.now()) for node in reader.nodes(tx)}

    try:
        await is_connected(local)
        for each, interval in ((quick, 1), (slow, 60)):
            node = await Node.connect(each, mosquitto.port)
            await node.say(birth(2, interval=interval))
            await node.say(report(Sample(n=now(), at=now()), session=2, sent_at=now()))
        await eventually_async(lambda: set(statuses().values()) == {NodeStatus.ONLINE} and len(statuses()) == 2)
        clock.by = hours * 3_600_000
        await eventually_async(lambda: abs((asked(local, reader.server).beat_at or 0) - clock.now()) < 10_000)
        assert statuses()["slow"] is NodeStatus.ONLINE
        await eventually_async(lambda: statuses()["quick"] is NodeStatus.SILENT)
        assert statuses()["slow"] is NodeStatus.ONLINE
    finally:
        stop.set()
        await running


async def test_a_node_that_dies_is_lost_within_a_second(mosquitto: Mosquitto, home: Home, local: Store) -> None:
    prepare(home, rig())
    async with subscribing(home, settings(mosquitto.port)):
        node = await Node.connect(rig(), mosquitto.port)
        await eventually_async(lambda: state(local) is NodeState.ONLINE)
        died = time.monotonic()
        node.connection.abort()
        await eventually_async(lambda: state(local) is NodeState.LOST)
        assert time.monotonic() - died < promised(1)


async def test_what_the_broker_kept_is_known_at_the_start(mosquitto: Mosquitto, home: Home, local: Store) -> None:
    prepare(home, rig("alive"), rig("dead"))
    alive = await Node.connect(rig("alive"), mosquitto.port, session=7)
    (await Node.connect(rig("dead"), mosquitto.port, session=9)).connection.abort()
    async with subscribing(home, settings(mosquitto.port)):
        await eventually_async(lambda: state(local, rig("alive")) is NodeState.ONLINE)
        await eventually_async(lambda: state(local, rig("dead")) is NodeState.LOST)
    await alive.connection.close()


async def test_enrolled_nodes_are_pending_until_they_are_heard(mosquitto: Mosquitto, home: Home, local: Store) -> None:
    prepare(home, rig())
    async with subscribing(home, settings(mosquitto.port)):
        await eventually_async(lambda: status(local) is NodeStatus.PENDING)
        Registry(home.nodes_json).enroll(rig("later").id, 5)
        await eventually_async(lambda: facts(local, rig("later")))
        Registry(home.nodes_json).revoke(rig("later").id, 6)
        await eventually_async(lambda: facts(local, rig("later")) is None)


async def test_a_node_that_is_revoked_while_it_is_there_is_gone_and_not_missed(
    mosquitto: Mosquitto, home: Home, local: Store
) -> None:
    prepare(home, rig())
    async with subscribing(home, settings(mosquitto.port)):
        node = await Node.connect(rig(), mosquitto.port)
        await node.say(birth(2, interval=1))
        await eventually_async(lambda: state(local) is NodeState.ONLINE)
        Registry(home.nodes_json).revoke(rig().id, now())
        # Its will, which can be opened no more.
        node.connection.abort()
        await eventually_async(lambda: status(local) is NodeStatus.OFFLINE)
        found = facts(local)
        assert found is not None
        assert found.reason == "its key was revoked"


async def test_a_node_that_is_left_behind_when_its_key_was_rotated_is_lost_for_that_reason(
    mosquitto: Mosquitto, home: Home, local: Store
) -> None:
    prepare(home, rig())
    renewed = Rig(rig().id, MASTER.node_key(rig().id, 1))
    async with subscribing(home, settings(mosquitto.port)):
        node = await Node.connect(rig(), mosquitto.port, session=1)
        await eventually_async(lambda: state(local) is NodeState.ONLINE)
        Registry(home.nodes_json).rotate(rig().id, previous_until=now() - 1)

        async def is_left_behind() -> bool:
            # As through a broker that lets it go on; ours ends the connection, and sends its will.
            await node.say(report())
            return state(local) is NodeState.LOST

        await eventually_async(is_left_behind, what="the list of nodes is read again")
        found = facts(local)
        assert found is not None
        assert found.reason == "its key is no longer accepted"
        node.connection.abort()
        again = await Node.connect(renewed, mosquitto.port, session=2)
        await eventually_async(lambda: state(local) is NodeState.ONLINE)
        await again.connection.close()


async def test_a_revoked_node_is_not_heard(mosquitto: Mosquitto, home: Home, local: Store) -> None:
    prepare(home, rig("good"), rig("bad"))
    Registry(home.nodes_json).revoke(rig("bad").id, 5)
    async with subscribing(home, settings(mosquitto.port)):
        bad = await Node.connect(rig("bad"), mosquitto.port)
        good = await Node.connect(rig("good"), mosquitto.port)
        await eventually_async(lambda: state(local, rig("good")) is NodeState.ONLINE)
        assert facts(local, rig("bad")) is None
        await good.connection.close()
        await bad.connection.close()


async def test_a_node_with_an_old_session_is_told_the_current_one(
    mosquitto: Mosquitto, home: Home, local: Store
) -> None:
    prepare(home, rig())
    async with subscribing(home, settings(mosquitto.port)):
        node = await Node.connect(rig(), mosquitto.port, session=50)
        await eventually_async(lambda: state(local) is NodeState.ONLINE)
        await node.say(birth(20))
        await eventually_async(lambda: [(ack.session, ack.n) for ack in node.acks] == [(50, ())])
        await node.connection.close()


async def test_without_a_broker_nobody_is_called_online_and_it_comes_back_by_itself(
    start_mosquitto: StartMosquitto, home: Home, local: Store
) -> None:
    prepare(home, rig())
    first = start_mosquitto()
    async with subscribing(home, settings(first.port)):
        node = await Node.connect(rig(), first.port)
        await eventually_async(lambda: status(local) is NodeStatus.ONLINE)
        first.kill()
        await eventually_async(lambda: status(local) is NodeStatus.UNKNOWN)
        node.connection.abort()
        start_mosquitto(port=first.port)
        # The broker has forgotten everything: nobody said that the node is gone, so it is given its time to come back.
        await eventually_async(lambda: status(local) is NodeStatus.ONLINE, timeout=20)


async def test_a_broker_that_refuses_the_login_is_tried_again(
    start_mosquitto: StartMosquitto, home: Home, local: Store, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(home)
    broker = start_mosquitto(passwords={"subscriber": "another"})
    async with subscribing(home, settings(broker.port)):
        await eventually_async(lambda: "no broker" in caplog.text)
        with local.read() as tx:
            assert reader.server(tx).connected_at is None
        assert MASTER.service_password("subscriber") not in caplog.text


async def test_the_service_account_s_password_opens_the_broker(
    start_mosquitto: StartMosquitto, home: Home, local: Store
) -> None:
    prepare(home)
    broker = start_mosquitto(passwords={"subscriber": MASTER.service_password("subscriber")})
    async with subscribing(home, settings(broker.port)):
        await is_connected(local)


async def test_a_locked_database_delays_the_ack_and_loses_nothing(
    mosquitto: Mosquitto, home: Home, local: Store, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(home, rig())
    async with subscribing(home, settings(mosquitto.port)):
        node = await Node.connect(rig(), mosquitto.port)
        await eventually_async(lambda: state(local) is NodeState.ONLINE)
        blocker = sqlite3.connect(home.database, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        moment = now()
        await node.say(report(Sample(n=moment, at=moment, hashrate=5), sent_at=moment))
        await eventually_async(lambda: "cannot store" in caplog.text, timeout=20)
        assert node.acks == []
        blocker.execute("ROLLBACK")
        blocker.close()
        await eventually_async(lambda: node.acked() == {moment}, timeout=20)
        with local.read() as tx:
            assert [each.n for each in reader.samples(tx, rig().id, since=0, until=now())] == [moment]
        await node.connection.close()


@contextmanager
def away(server: PostgresServer, url: str) -> Iterator[None]:
    """As if the server were being restarted: every connection to the database ends, and none is let in."""
    name = url.rpartition("/")[2]
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())


async def test_a_server_that_is_away_delays_the_ack_and_loses_nothing(
    mosquitto: Mosquitto, home: Home, postgres_server: PostgresServer, postgres_url: str
) -> None:
    prepare(home, rig())
    store = open_store(postgres_url, home)
    async with subscribing(home, settings(mosquitto.port, postgres_url)):
        await is_connected(store)
        node = await Node.connect(rig(), mosquitto.port)
        await eventually_async(lambda: state(store) is NodeState.ONLINE)
        with away(postgres_server, postgres_url):
            moment = now()
            await node.say(report(Sample(n=moment, at=moment, hashrate=5), sent_at=moment))
            with pytest.raises(StoreError), store.read() as tx:
                reader.nodes(tx)
        await eventually_async(lambda: node.acked() == {moment}, timeout=20)
        with store.read() as tx:
            assert [each.n for each in reader.samples(tx, rig().id, since=0, until=now())] == [moment]
        await node.connection.close()
    store.close()


async def test_a_clean_stop_stores_and_acknowledges_what_was_received(
    mosquitto: Mosquitto, home: Home, local: Store
) -> None:
    prepare(home, rig())
    async with subscribing(home, settings(mosquitto.port)) as stop:
        await is_connected(local)
        node = await Node.connect(rig(), mosquitto.port)
        await eventually_async(lambda: state(local) is NodeState.ONLINE)
        sent = [report(Sample(n=n, at=now(), hashrate=n), sent_at=now()) for n in range(1, 301)]
        await asyncio.gather(*(node.say(each) for each in sent))
        await eventually_async(node.acked)
        stop.set()
    await eventually_async(lambda: asked(local, reader.server).connected_at is None)
    with local.read() as tx:
        kept = {each.n for each in reader.samples(tx, rig().id, since=0, until=now())}
    await eventually_async(lambda: node.acked() == kept)
    await node.connection.close()


async def test_it_says_in_one_line_that_the_key_is_missing(mosquitto: Mosquitto, home: Home) -> None:
    with pytest.raises(RigwatchError, match=r"secret\.key"):
        await subscribe(home, settings(mosquitto.port), clock=SystemClock(), stop=asyncio.Event())


@dataclass
class Miner:
    """Sends one sample after the other, and again what was not acknowledged, as a publisher does."""

    node: Node
    start: Millis
    sent: set[int] = field(default_factory=set)

    async def mine(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            number = self.start + len(self.sent)
            self.sent.add(number)
            await self._say([number])
            if len(self.sent) % 200 == 0:
                await self.repeat()

    async def repeat(self) -> bool:
        """Whether nothing was left to send."""
        left = sorted(self.sent - self.node.acked())
        for first in range(0, len(left), 100):
            await self._say(left[first : first + 100])
        return not left

    async def _say(self, numbers: list[int]) -> None:
        samples = [Sample(n=number, at=self.start, hashrate=1) for number in numbers]
        await self.node.say(report(*samples, sent_at=now()))


def has_more_acks(node: Node, than: int) -> bool:
    return len(node.acked()) > than


async def test_killed_at_any_moment_it_loses_and_doubles_nothing(
    mosquitto: Mosquitto, home: Home, store: Store, database_url: str
) -> None:
    prepare(home, rig())
    node = await Node.connect(rig(), mosquitto.port)
    miner, enough = Miner(node, now()), asyncio.Event()
    mining = asyncio.create_task(miner.mine(enough))
    for _ in range(4):
        with subscriber_process(home, mosquitto.port, database_url) as process:
            await eventually_async(partial(has_more_acks, node, len(node.acked()) + 100), timeout=30)
            process.kill()
    enough.set()
    await mining
    assert miner.sent - node.acked(), "every kill came when nothing was on its way"
    with subscriber_process(home, mosquitto.port, database_url):
        await eventually_async(miner.repeat, timeout=30)
    with store.read() as tx:
        assert {each.n for each in reader.samples(tx, rig().id, since=0, until=now() + 60_000)} == miner.sent
        assert reader.averages(tx, miner.start)[rig().id].samples == len(miner.sent)
        assert {(total.hashrate, total.nodes) for total in reader.totals(tx, 10, now())} == {(1, 1)}
    await node.connection.close()


@pytest.mark.parametrize("listener", ["plain", "tls"])
async def test_it_finds_the_embedded_broker_by_the_settings(home: Home, local: Store, listener: str) -> None:
    prepare(home, rig())
    port = free_port()
    broker = (
        BrokerSettings(port=0, plain_port=port)
        if listener == "plain"
        else BrokerSettings(host="127.0.0.1", port=port, plain_port=0)
    )
    stop = asyncio.Event()
    wanted = ServerSettings(broker=broker)
    serving = asyncio.create_task(serve(home, wanted, clock=SystemClock(), stop=stop))
    async with subscribing(home, wanted):
        await is_connected(local)
    stop.set()
    await serving
