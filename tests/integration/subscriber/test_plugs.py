"""A plug at the wall says why a node died: Tasmota's real messages on the embedded broker, and the real subscriber."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.incident import Incident
from alerts.plugs import PlugFacts
from alerts.rule import Rule
from broker.accounts import AccountFile
from broker.rights import Role
from rigwatch.devices.kind import kind_of
from rigwatch.home import Home
from rigwatch.mqtt import Endpoint, LastWill, MqttConnection, MqttLogin, MqttMessage
from store import Store, alerts, devices, reader
from tests.integration.subscriber.running import Node, broker_at, prepare, settings, subscribing
from tests.ports import free_port
from tests.rigs import report, rig, sample
from tests.stored import asked
from tests.waiting import eventually_async

RIG = rig()
TOPIC = "tele/plug7"


class FakePlug:
    """Says what Tasmota 13 says: SENSOR by itself, STATUS10 when asked, LWT with its connection."""

    def __init__(self, watts: float) -> None:
        self.watts = watts
        self.total = 514.153
        self._connection: MqttConnection

    @classmethod
    @asynccontextmanager
    async def plugged(cls, port: int, password: str, *, watts: float) -> AsyncIterator["FakePlug"]:
        plug = cls(watts)
        connection = await MqttConnection.open(
            Endpoint("127.0.0.1", port),
            MqttLogin("plug7", password, "DVES_A1B2C3"),
            on_message=plug._asked,
            will=LastWill(f"{TOPIC}/LWT", b"Offline"),
        )
        plug._connection = connection
        try:
            await connection.subscribe("cmnd/plug7/#")
            await connection.publish(f"{TOPIC}/LWT", b"Online", retain=True)
            await plug.tells()
            yield plug
        finally:
            await connection.close()

    def _energy(self) -> str:
        return f'"ENERGY":{{"TotalStartTime":"2022-03-20T15:20:48","Total":{self.total},"Power":{self.watts:g}}}'

    async def tells(self) -> None:
        await self._connection.publish(f"{TOPIC}/SENSOR", f'{{"Time":"2023-05-19T20:52:56",{self._energy()}}}'.encode())

    def _asked(self, message: MqttMessage) -> None:
        if message.topic == "cmnd/plug7/STATUS" and message.payload == b"10":
            answer = f'{{"StatusSNS":{{"Time":"2023-05-19T20:52:56",{self._energy()}}}}}'
            self._connection.publish("stat/plug7/STATUS10", answer.encode())


def cut(connection: MqttConnection) -> None:
    """As when a process is killed."""
    there = connection._client.socket()
    assert isinstance(there, socket.socket)
    there.shutdown(socket.SHUT_RDWR)


def lost(store: Store) -> Incident | None:
    with store.read() as tx:
        return next((each for each in alerts.live(tx) if each.rule is Rule.LOST), None)


def plug_of(store: Store) -> PlugFacts:
    with store.read() as tx:
        return devices.every(tx)[0]


@pytest.mark.parametrize(
    ("watts_after", "cause"),
    [(9.0, "off or crashed (its plug draws 9 W)"), (412.0, "probably its publisher ended")],
    ids=["the machine is off", "only the process is gone"],
)
async def test_a_lost_nodes_plug_is_asked_and_its_answer_is_the_cause(  # noqa: PLR0917 - fixtures and a row
    home: Home, store: Store, database_url: str, watts_after: float, cause: str
) -> None:
    prepare(home, RIG)
    password = AccountFile.of(home).add("plug7", Role.DEVICE, topics=kind_of("tasmota").own_topics(TOPIC))
    port = free_port()
    async with broker_at(home, port), subscribing(home, settings(port, database_url)):
        await eventually_async(lambda: asked(store, reader.server).connected_at, what="the subscriber has a broker")
        node = await Node.connect(RIG, port)
        await node.say(report(sample(1)))
        await eventually_async(lambda: asked(store, reader.nodes), what="the node is known")
        with store.write() as tx:
            devices.add(tx, PlugFacts("plug7", "tasmota", TOPIC, nodes=(RIG.id,)))
        async with FakePlug.plugged(port, password, watts=412.0) as plug:
            await eventually_async(lambda: plug_of(store).state.is_online, what="the plug is heard")
            await plug.tells()
            await eventually_async(lambda: plug_of(store).state.usual_watts == 412, what="what it usually draws")
            assert plug_of(store).state.watt_hours == 514_153
            plug.watts = watts_after
            cut(node.connection)
            await eventually_async(
                lambda: (found := lost(store)) is not None and found.cause.startswith(cause), timeout=30, what="a cause"
            )
            cut(plug._connection)
            await eventually_async(lambda: plug_of(store).state.is_online is False, what="the plug has gone")


async def test_a_plug_that_is_added_and_removed_is_heard_and_not(home: Home, store: Store, database_url: str) -> None:
    prepare(home, RIG)
    password = AccountFile.of(home).add("plug7", Role.DEVICE, topics=kind_of("tasmota").own_topics(TOPIC))
    port = free_port()
    async with broker_at(home, port), subscribing(home, settings(port, database_url)):
        await eventually_async(lambda: asked(store, reader.server).connected_at, what="the subscriber has a broker")
        with store.write() as tx:
            devices.add(tx, PlugFacts("plug7", "tasmota", TOPIC))
        async with FakePlug.plugged(port, password, watts=56) as plug:
            await eventually_async(lambda: plug_of(store).state.is_online, what="the first is heard")
            with store.write() as tx:
                devices.add(tx, PlugFacts("plug7b", "tasmota", TOPIC, outlet=1))
                # Of a kind that another version has known: it alone is not heard.
                devices.add(tx, PlugFacts("plug9", "fridge", "fridge/1"))
                devices.remove(tx, "plug7")
            await eventually_async(lambda: plug_of(store).state.is_online, what="the second is heard")
            await plug.tells()
            await eventually_async(lambda: plug_of(store).state.watts == 56, what="what it draws")


async def test_what_the_broker_kept_says_nothing_of_now(home: Home, store: Store, database_url: str) -> None:
    prepare(home, RIG)
    password = AccountFile.of(home).add("plug7", Role.DEVICE, topics=kind_of("tasmota").own_topics(TOPIC))
    port = free_port()
    async with broker_at(home, port), FakePlug.plugged(port, password, watts=56) as plug:
        await plug._connection.publish(f"{TOPIC}/SENSOR", b'{"ENERGY":{"Power":56}}', retain=True)
        async with subscribing(home, settings(port, database_url)):
            await eventually_async(lambda: asked(store, reader.server).connected_at, what="a broker")
            with store.write() as tx:
                devices.add(tx, PlugFacts("plug7", "tasmota", TOPIC))
            await eventually_async(lambda: plug_of(store).state.is_online, what="the plug is there")
            assert plug_of(store).state.watts is None


def test_a_file_of_accounts_of_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text('[accounts."ann"]\nrole = "admin"\npassword = "x"\n')
    assert AccountFile(path).all()["ann"].topics == ()
