"""What the hub does by the clock, with connections that have no socket."""

import asyncio
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import mqtt5
import msgspec
import pytest

from broker.access import Access
from broker.accounts import AccountFile
from broker.connect import Will
from broker.connection import Connection, State
from broker.counters import Counters
from broker.embedded import EmbeddedBroker
from broker.hub import PERIOD, Hub
from broker.listener import Listener
from broker.rights import Role
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.listening import bind
from rigwatch.registry import NodeAccess, Registry
from rigwatch.settings.server import BrokerLimits
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock, settle
from tests.integration.broker.peer import Login, connect, packet, publish, text
from tests.integration.broker.peer import Will as PeerWill
from tests.integration.broker.peer5 import connect5
from tests.waiting import eventually_async

RIG1 = NodeId("main", "rig1")
STATUS1 = "rigwatch/v1/main/rig1/status"
REPORT1 = "rigwatch/v1/main/rig1/report"
MANY = [("", "")] * 128


class Line(asyncio.Transport):
    """A socket that takes everything, and remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading = True
        self.ended = ""

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written.append(data)

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        del high, low

    def get_write_buffer_size(self) -> int:
        return 0


class Street:
    """A hub, and a way to stand at its door."""

    def __init__(self, folder: Path, **limits: object) -> None:
        self.clock = FakeClock()
        self.master = MasterKey.random()
        home = Home(folder)
        self.accounts = AccountFile.of(home)
        registry = Registry(home.nodes_json)
        registry.enroll(RIG1, now=1)
        nodes = NodeAccess(self.master, registry, open_enrollment=False)
        access = Access(self.master, nodes, self.accounts, self.clock)
        given = msgspec.structs.replace(BrokerLimits(), **limits)
        broker = EmbeddedBroker(limits=given, counters=Counters(), clock=self.clock)
        self.hub = Hub(broker, access, given, self.clock)

    def arrive(self) -> tuple[Connection, Line]:
        connection, line = self.hub.enter("198.51.100.7"), Line()
        assert connection is not None
        connection.connection_made(line)
        return connection, line

    def join(self, *, keep_alive: int = 0, clean: bool = True, will: PeerWill | None = None) -> tuple[Connection, Line]:
        connection, line = self.arrive()
        password = self.master.node_key(RIG1).mqtt_password
        connection.data_received(connect(Login(str(RIG1), password, str(RIG1), clean, keep_alive, will)))
        assert connection.state is State.LIVE
        return connection, line

    def join5(self, user: str, password: str, **more: Any) -> tuple[Connection, Line]:  # noqa: ANN401 - whatever the packet has
        connection, line = self.arrive()
        connection.data_received(connect5(Login(user, password, user), **more).write())
        return connection, line

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / PERIOD)):
            self.clock.move(PERIOD)
            self.hub.sweep()
            self.hub.end_unfinished()


@contextmanager
def nothing_ends(line: Line) -> Iterator[None]:
    yield
    assert line.ended == ""


async def test_a_silent_client_is_ended_not_before_and_soon_after_its_time(tmp_path: Path) -> None:
    street = Street(tmp_path)
    _, line = street.join(keep_alive=10)
    with nothing_ends(line):
        street.wait(15)
    street.wait(0.75)
    assert line.ended == "aborted"
    assert street.hub.counters.closed == {"keep-alive": 1}


async def test_a_client_without_a_keep_alive_may_be_silent_for_ever(tmp_path: Path) -> None:
    street = Street(tmp_path)
    _, line = street.join()
    with nothing_ends(line):
        street.wait(5000)


async def test_a_client_without_a_keep_alive_may_not_stop_in_the_middle_of_a_packet(tmp_path: Path) -> None:
    street = Street(tmp_path)
    connection, line = street.join()
    street.wait(1000)
    connection.data_received(b"\x30\x20half")
    with nothing_ends(line):
        street.wait(59)
    street.wait(2)
    assert line.ended == "aborted"


async def test_the_time_for_a_login_counts_from_the_accept(tmp_path: Path) -> None:
    street = Street(tmp_path)
    connection, line = street.arrive()
    street.wait(9)
    connection.data_received(b"\x10\x50\x00\x04MQTT")
    with nothing_ends(line):
        street.wait(1)
    street.wait(0.75)
    assert line.ended == "aborted"
    assert street.hub.counters.turned_away == {"no login in time": 1}


async def test_a_peer_that_does_not_take_the_goodbye_is_not_waited_for(tmp_path: Path) -> None:
    street = Street(tmp_path)
    connection, line = street.join()
    connection.data_received(b"\xe0\x00")
    assert line.ended == "closed"
    street.wait(3)
    assert line.ended == "aborted"


async def test_the_longest_waiting_makes_room_at_the_door(tmp_path: Path) -> None:
    street = Street(tmp_path, pending=2)
    lines = [street.arrive()[1] for _ in range(3)]
    assert [line.ended for line in lines] == ["aborted", "", ""]
    street.hub.enter("203.0.113.9")
    assert [line.ended for line in lines] == ["aborted", "aborted", ""]


async def test_clients_that_are_in_do_not_wait_at_the_door(tmp_path: Path) -> None:
    street = Street(tmp_path, pending=1)
    _, line = street.join()
    with nothing_ends(line):
        for _ in range(5):
            street.arrive()


async def test_a_session_is_forgotten_after_its_time(tmp_path: Path) -> None:
    street = Street(tmp_path, session_expiry=timedelta(hours=1))
    connection, _ = street.join(clean=False)
    connection.data_received(b"\xe0\x00")
    street.clock.move(3599)
    street.hub.review.expire_sessions()
    assert street.hub.counters.sessions == 1
    street.clock.move(2)
    street.hub.review.expire_sessions()
    assert street.hub.counters.sessions == 0


async def test_a_session_in_use_is_not_forgotten(tmp_path: Path) -> None:
    street = Street(tmp_path, session_expiry=timedelta(hours=1))
    street.join(clean=False)
    street.clock.move(100_000)
    street.hub.review.expire_sessions()
    assert street.hub.counters.sessions == 1


async def test_a_session_whose_client_is_away_holds_nothing_of_its_connection(tmp_path: Path) -> None:
    street = Street(tmp_path)
    password = street.accounts.add("ann", Role.ADMIN)
    tracemalloc.start()
    try:
        connection, _ = street.join5("ann", password, session_expiry_interval=100)
        assert await eventually_async(lambda: connection.state is State.LIVE)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, 11):
            connection.data_received(publish5("t" * 60_000, topic_alias=number))
        connection.data_received(b"\x30\x80\x80\x40" + bytes(500_000))
        held, _ = tracemalloc.get_traced_memory()
        connection.connection_lost(None)
        await settle()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert street.hub.counters.sessions == 1
    assert held - before > 1_000_000
    assert after - before < 50_000


async def test_what_one_turn_of_the_loop_brings_is_written_at_once(tmp_path: Path) -> None:
    street = Street(tmp_path)
    connection, line = street.join()
    connection.data_received(b"".join(publish(REPORT1, qos=1, packet_id=n) for n in range(1, 11)))
    assert line.written == []
    await settle()
    assert [len(data) for data in line.written] == [4 + 10 * 4]


async def test_a_client_that_is_too_fast_waits_and_is_not_called_silent(tmp_path: Path) -> None:
    street = Street(tmp_path, messages_per_second=4)
    connection, line = street.join(keep_alive=1)
    connection.data_received(b"\xc0\x00" * 20)
    readings = [line.reading]
    street.wait(4.25)
    await settle()
    readings.append(line.reading)
    assert readings == [False, True]
    assert b"".join(line.written).count(b"\xd0\x00") == 20


async def test_bytes_are_limited_and_not_only_packets(tmp_path: Path) -> None:
    street = Street(tmp_path, bytes_per_second=32 * 1024)
    connection, line = street.join(keep_alive=1)
    large = publish(REPORT1, bytes(200_000), qos=1, packet_id=7)
    connection.data_received(large * 3)
    await settle()
    # Eight seconds' worth goes at once; the third has to wait until the second is paid.
    assert b"".join(line.written).count(b"\x40\x02") == 2
    assert not line.reading
    with nothing_ends(line):
        street.wait(6)
    await settle()
    assert b"".join(line.written).count(b"\x40\x02") == 3


async def test_who_comes_back_at_once_has_not_paid(tmp_path: Path) -> None:
    street = Street(tmp_path, messages_per_second=4)
    connection, _ = street.join()
    connection.data_received(b"\xc0\x00" * 20)
    connection.connection_lost(None)
    connection, line = street.join()
    connection.data_received(b"\xc0\x00")
    await settle()
    assert (b"".join(line.written), line.reading) == (b"\x20\x02\x00\x00", False)


async def test_a_packet_costs_what_is_in_it(tmp_path: Path) -> None:
    street = Street(tmp_path, messages_per_second=10)
    connection, line = street.join()
    filters = b"".join(text(f"t/{number}") + b"\0" for number in range(8))
    for _ in range(3):
        connection.data_received(packet(0x82, b"\0\1" + filters))
    await settle()
    assert b"".join(line.written).count(b"\x90\x0a") == 2
    street.wait(0.5)
    await settle()
    assert b"".join(line.written).count(b"\x90\x0a") == 2


def publish5(topic: str, **more: Any) -> bytes:  # noqa: ANN401 - whatever the packet has
    return mqtt5.PublishPacket(topic, b"x", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=7, **more).write()


@pytest.mark.parametrize(
    "sent",
    [
        publish5(REPORT1, user_properties=MANY),
        mqtt5.PubAckPacket(7, user_properties=MANY).write(),
        mqtt5.PubRelPacket(7, reason_code=mqtt5.PubRelReasonCode.PACKET_ID_NOT_FOUND, user_properties=MANY).write(),
    ],
)
async def test_properties_count_as_what_it_costs_to_read_them(tmp_path: Path, sent: bytes) -> None:
    street = Street(tmp_path, messages_per_second=90)
    connection, line = street.join5(str(RIG1), street.master.node_key(RIG1).mqtt_password)
    readings = []
    for _ in range(2):
        connection.data_received(sent * 5)
        readings.append(line.reading)
    assert readings == [True, False]


async def test_many_properties_do_not_hold_the_loop(tmp_path: Path) -> None:
    street = Street(tmp_path, messages_per_second=100_000)
    connection, line = street.join5(str(RIG1), street.master.node_key(RIG1).mqtt_password)
    await settle()
    before = len(b"".join(line.written))
    connection.data_received(publish5(REPORT1, user_properties=MANY) * 256)
    await asyncio.sleep(0)
    assert 4 <= len(b"".join(line.written)) - before <= 4 * 2 * 256 / 16


async def test_an_alias_counts_as_the_topic_that_it_stands_for(tmp_path: Path) -> None:
    street = Street(tmp_path, messages_per_second=100)
    connection, line = street.join5("ann", street.accounts.add("ann", Role.ADMIN))
    assert await eventually_async(lambda: connection.state is State.LIVE)
    readings = []
    for topic in ("t" * 60_000, "", ""):
        connection.data_received(publish5(topic, topic_alias=1) * 2)
        readings.append(line.reading)
    assert readings == [True, False, False]


async def test_acknowledgements_that_nobody_waits_for_count(tmp_path: Path) -> None:
    street = Street(tmp_path, messages_per_second=100)
    connection, line = street.join()
    connection.data_received(b"\x40\x02\x00\x09" * 1000)
    assert not line.reading


async def test_one_client_does_not_hold_the_loop(tmp_path: Path) -> None:
    street = Street(tmp_path, messages_per_second=100_000)
    connection, line = street.join()
    connection.data_received(b"\xc0\x00" * 2000)
    turns = [len(b"".join(line.written))]
    while turns[-1] < 4 + 2 * 2000:
        await asyncio.sleep(0)
        turns.append(len(b"".join(line.written)))
    assert max(after - before for before, after in pairwise(turns)) <= 4 + 2 * 256
    assert line.reading


async def test_a_node_that_takes_itself_over_in_a_loop_is_slowed_down(tmp_path: Path) -> None:
    street = Street(tmp_path, logins_per_minute=30)
    for _ in range(30):
        street.join(will=PeerWill(STATUS1))
    connection, line = street.arrive()
    password = street.master.node_key(RIG1).mqtt_password
    connection.data_received(connect(Login(str(RIG1), password, str(RIG1))))
    assert (connection.state, line.reading) == (State.DECIDING, False)
    assert street.hub.counters.wills_sent == 29
    await street.hub.close()


async def test_the_will_of_a_connection_is_sent_once(tmp_path: Path) -> None:
    street = Street(tmp_path)
    connection, _ = street.join(will=PeerWill(STATUS1))
    connection.end("for a reason")
    connection.connection_lost(None)
    connection.end("for another")
    assert street.hub.counters.wills_sent == 1
    assert street.hub.counters.closed == {"for a reason": 1}


async def test_a_client_that_went_while_its_login_was_checked_has_said_what_it_said(tmp_path: Path) -> None:
    street = Street(tmp_path)
    login = Login("ann", street.accounts.add("ann", Role.ADMIN), "ann", will=PeerWill("t"))
    connection, line = street.arrive()
    connection.data_received(connect(login) + publish("t") + publish("t"))
    assert connection.state is State.DECIDING
    connection.connection_lost(None)
    counters = street.hub.counters
    assert await eventually_async(lambda: counters.wills_sent == 1)
    assert (counters.messages_received, counters.logins, counters.connections, counters.clients) == (2, 1, 0, 0)
    assert line.written == []
    await street.hub.close()


async def test_a_broker_that_stops_sends_nobodys_will(tmp_path: Path) -> None:
    street = Street(tmp_path)
    connection, line = street.join(will=PeerWill(STATUS1))
    await street.hub.close()
    connection.connection_lost(None)
    assert line.ended == "aborted"
    assert street.hub.counters.wills_sent == 0


async def test_everything_is_counted_back_when_all_have_gone(tmp_path: Path) -> None:
    street = Street(tmp_path)
    for clean in (True, False):
        connection, _ = street.join(clean=clean)
        connection.connection_lost(None)
    stranger, _ = street.arrive()
    stranger.connection_lost(None)
    counters = street.hub.counters
    assert (counters.connections, counters.clients, counters.sessions) == (0, 0, 1)
    assert (counters.accepted, counters.logins, counters.clients_maximum) == (3, 2, 1)


def test_a_will_is_shown_without_what_it_says() -> None:
    assert "secret" not in repr(Will("t", b"secret", 1, retain=False))


async def test_a_socket_turned_away_before_its_turn_is_closed_and_counted_back(tmp_path: Path) -> None:
    street = Street(tmp_path, pending=1)
    listening = bind("127.0.0.1", 0, setting="[broker] plain_port")
    serving = asyncio.create_task(Listener(street.hub, listening).serve())
    lines = [socket.create_connection(listening.getsockname()) for _ in range(20)]
    assert await eventually_async(lambda: street.hub.counters.accepted == 20)
    await settle()
    assert street.hub.counters.connections == 1
    assert [_is_closed(line) for line in lines] == [True] * 19 + [False]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await street.hub.close()
    await settle()
    for line in (*lines, listening):
        line.close()


def _is_closed(line: socket.socket) -> bool:
    line.settimeout(0.05)
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True
