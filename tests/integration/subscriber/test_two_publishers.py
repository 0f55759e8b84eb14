"""A copied disk: two real publishers with one key, on the embedded broker and on Mosquitto, and the real subscriber."""

import asyncio
import html
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from alerts.facts import NodeFacts, User, UserRole
from alerts.incident import Incident
from alerts.rule import Rule, Severity
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.messages import NodeState, Status
from rigwatch.mqtt import Endpoint
from rigwatch.settings import ServerSettings
from rigwatch.topics import TopicLevel, topic_of
from store import Store, alerts, reader, users
from tests.integration.broker import peer
from tests.integration.publisher.rig import rigging
from tests.integration.subscriber.running import broker_at, prepare, settings, subscribing
from tests.integration.web.conftest import HASH, basic
from tests.mosquitto import Mosquitto
from tests.ports import free_port
from tests.rigs import rig
from tests.scripted_broker import ACCEPTED, CONNECT, PINGREQ, SUBSCRIBE, Packet, scripted_broker
from tests.stored import asked
from tests.waiting import eventually_async, promised
from web.app import create_app

RIG = rig()


@dataclass(frozen=True, slots=True)
class Server:
    """A home in which the rig is enrolled, and its database."""

    home: Home
    store: Store
    url: str

    def facts(self) -> NodeFacts:
        with self.store.read() as tx:
            return next((each for each in reader.nodes(tx) if each.id == RIG.id), NodeFacts(RIG.id))

    def incident(self) -> Incident | None:
        with self.store.read() as tx:
            return next((each for each in alerts.live(tx) if each.rule is Rule.TWO_PUBLISHERS), None)

    def page(self, path: str) -> str:
        """The text of a page of the dashboard, as somebody sees it who may look."""
        with self.store.write() as tx:
            if users.get(tx, "ada") is None:
                users.add(tx, User("ada", UserRole.VIEWER, HASH), SystemClock().now())
        app = create_app(ServerSettings(), self.store, clock=SystemClock(), home=self.home)
        answer = app.test_client().get(path, headers=basic())
        assert answer.status_code == 200
        return html.unescape(answer.text)

    async def evidence(self) -> str:
        """Of the incident, once there is one."""
        await eventually_async(lambda: self.incident() is not None, timeout=30, what="an incident")
        found = self.incident()
        assert found is not None
        assert found.severity is Severity.CRITICAL
        assert (found.subject.site, found.subject.name) == (RIG.id.site, RIG.id.node)
        return found.evidence

    @asynccontextmanager
    async def watching(self, port: int) -> AsyncIterator[None]:
        async with subscribing(self.home, settings(port, self.url)):
            await eventually_async(
                lambda: asked(self.store, reader.server).connected_at, what="the subscriber has a broker"
            )
            yield


@pytest.fixture
def server(home: Home, store: Store, database_url: str) -> Server:
    prepare(home, RIG)
    return Server(home, store, database_url)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each for each in caplog.messages if each.startswith("another publisher uses this node's key")]


async def test_a_copied_disk_is_an_incident_with_both_addresses_and_both_machines_are_told(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    port, began = free_port(), time.monotonic()
    here = Endpoint("127.0.0.1", port)
    async with (
        broker_at(server.home, port),
        server.watching(port),
        rigging(here, node=RIG.id, key=RIG.key),
        rigging(here, node=RIG.id, key=RIG.key),
    ):
        evidence = await server.evidence()
        assert evidence.startswith("two publishers use its key, from 127.0.0.1 port ")
        assert evidence.count("127.0.0.1 port ") == 2
        # Each hears it when it is its turn; from then on a turn lasts half a minute at least.
        await eventually_async(lambda: len(told(caplog)) == 2, timeout=30, what="both are told")
        assert all("from=127.0.0.1 port " in each for each in told(caplog))
        assert server.facts().contested_at is not None
        # All of it within a minute: the alert, both machines' logs, and the pages.
        assert time.monotonic() - began < promised(60)
        for page in ("/incidents", f"/node/{RIG.id}"):
            assert "two publishers use its key" in (await asyncio.to_thread(server.page, page)).lower()


async def test_where_the_broker_is_another_the_births_alone_say_it(
    mosquitto: Mosquitto, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    here = Endpoint("127.0.0.1", mosquitto.port)
    async with (
        server.watching(mosquitto.port),
        rigging(here, node=RIG.id, key=RIG.key),
        rigging(here, node=RIG.id, key=RIG.key),
    ):
        assert await server.evidence() == "two publishers use its key; each machine needs a node of its own"
        await eventually_async(lambda: len(told(caplog)) == 2, timeout=30, what="both are told")


async def test_one_publisher_whose_network_flaps_is_none_however_fast_and_from_wherever(server: Server) -> None:
    port = free_port()
    async with broker_at(server.home, port), server.watching(port):
        lines = []
        for turn in range(12):
            # Its old connections are never closed, as when an address goes away.
            session = SystemClock().now() + turn
            lines.append(await _come(port, session, f"127.0.0.{1 + turn % 3}"))
            await eventually_async(lambda: server.facts().session == session, what="the birth")  # noqa: B023 - awaited at once
        assert server.incident() is None
        assert server.facts().contested_at is None
        for line in lines:
            line.transport.abort()


async def _come(port: int, session: int, address: str) -> asyncio.StreamWriter:
    """A connection of the same publisher, with its birth, from that address."""
    status = Status(NodeState.ONLINE, session, host="rig", instance="made up once")
    topic = topic_of(RIG.id, TopicLevel.STATUS)
    login = peer.Login(str(RIG.id), RIG.key.mqtt_password, str(RIG.id))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    writer.write(peer.connect(login))
    assert (await reader.readexactly(4))[3] == 0
    writer.write(peer.publish(topic, RIG.sealed(status).payload, qos=1, retain=True, packet_id=1))
    return writer


async def test_one_publisher_that_is_stopped_and_started_is_none(mosquitto: Mosquitto, server: Server) -> None:
    here = Endpoint("127.0.0.1", mosquitto.port)
    async with server.watching(mosquitto.port):
        before = 0
        for _ in range(3):
            async with rigging(here, node=RIG.id, key=RIG.key):
                await eventually_async(lambda: _is_online_since(server, before), what="a birth")  # noqa: B023 - awaited at once
                before = server.facts().session
        assert server.incident() is None
        assert server.facts().contested_at is None


def _is_online_since(server: Server, before: int) -> bool:
    return server.facts().state is NodeState.ONLINE and server.facts().session > before


async def test_a_broker_of_before_an_upgrade_tells_nothing_and_the_nodes_are_watched_all_the_same(
    server: Server,
) -> None:
    def answer(packet: Packet) -> bytes:
        if packet.kind == SUBSCRIBE:
            refused = b"$SYS/" in packet.body
            codes = b"\x80" if refused else b"\x01\x01"
            return bytes((0x90, 2 + len(codes))) + packet.body[:2] + codes
        return {CONNECT: ACCEPTED, PINGREQ: b"\xd0\x00"}.get(packet.kind, b"")

    async with scripted_broker(answer) as broker, server.watching(broker.port):
        asked = [packet.body for packet in broker.received if packet.kind == SUBSCRIBE]
        assert b"$SYS/rigwatch/takeover/+/+" in asked[0]
        assert b"rigwatch/v1/+/+/status" in asked[1]
