"""The session against a real Mosquitto."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from publisher.delivery import ACK_TIMEOUT_S
from publisher.outbox import Outbox
from publisher.session import DOUBTED, REFUSED_LEAST, REFUSED_MOST, RETRY_MOST
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.clock import SystemClock
from rigwatch.messages import Ack, NodeState
from rigwatch.mqtt import Endpoint
from rigwatch.topics import TopicLevel, topic_of
from tests.fake_clock import FakeClock
from tests.integration.publisher.rig import KEY, LIMITS, NODE, rigging
from tests.integration.publisher.server import Server, serving
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.ports import free_port
from tests.waiting import eventually_async


def endpoint_of(broker: Mosquitto) -> Endpoint:
    return Endpoint("127.0.0.1", broker.port)


async def _in_time(clock: FakeClock, look: Callable[[], object], *, step: float = RETRY_MOST) -> None:
    """Lets time pass, a step at each look, until it is so."""

    async def after_a_step() -> bool:
        await clock.advance(step)
        return bool(look())

    await eventually_async(after_a_step)


def _lines(broker: Mosquitto, text: str) -> int:
    """How often the broker wrote this."""
    return broker.log().count(text)


def _refusals(broker: Mosquitto) -> int:
    return _lines(broker, "disconnected, not authorised")


def _has_births(server: Server, count: int) -> bool:
    return server.states(NODE).count(NodeState.ONLINE) == count


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the journal wrote, without its values."""
    return [str(record.msg).split(" node=")[0] for record in caplog.records if record.name == "publisher.journal"]


async def test_it_is_born_reports_and_says_goodbye(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}) as server:
        async with rigging(endpoint) as rig:
            await rig.measure(100.0)
            await eventually_async(lambda: server.samples(NODE), what="the sample arrives")
            await eventually_async(lambda: not rig.outbox.pending(), what="the ack empties the outbox")
        await eventually_async(lambda: NodeState.OFFLINE in server.states(NODE))
        assert server.states(NODE) == [NodeState.ONLINE, NodeState.OFFLINE]
        assert server.samples(NODE)[0].hashrate == 100.0
        birth, goodbye = (status for _, status, _ in server.statuses)
        assert birth.session == goodbye.session == server.reports[0][1].session
        assert (birth.name, birth.host, birth.interval) == ("Rig 7", "rig", 60.0)
        assert goodbye.reason == "stopped"


async def test_birth_and_goodbye_are_retained(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with rigging(endpoint):
        async with serving(endpoint, {NODE: KEY}) as early:
            await eventually_async(lambda: early.states(NODE) == [NodeState.ONLINE])
        async with serving(endpoint, {NODE: KEY}) as server:
            await eventually_async(lambda: server.statuses)
            assert [(status.state, retained) for _, status, retained in server.statuses] == [(NodeState.ONLINE, True)]
    async with serving(endpoint, {NODE: KEY}) as late:
        await eventually_async(lambda: late.statuses)
        assert [(status.state, retained) for _, status, retained in late.statuses] == [(NodeState.OFFLINE, True)]


async def test_the_broker_publishes_its_will_when_it_is_killed(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}) as server, rigging(endpoint, settled=False) as rig:
        await eventually_async(lambda: server.states(NODE) == [NodeState.ONLINE])
        rig.task.cancel()
        await eventually_async(lambda: server.states(NODE) == [NodeState.ONLINE, NodeState.LOST])
        (_, birth, _), (_, will, _) = server.statuses
        assert will.session == birth.session


async def test_a_sample_stays_until_the_subscriber_has_it_whatever_the_broker_says(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}, answers=False) as server, rigging(endpoint) as rig:
        await rig.measure(1.0)
        await eventually_async(lambda: server.samples(NODE))
        await eventually_async(lambda: rig.dispatch.wakes_at() is not None, what="the PUBACK came")
        assert len(rig.outbox.pending()) == 1
        server.ack(NODE, Ack(session=1, n=(server.samples(NODE)[0].n,)))
        await eventually_async(lambda: not rig.outbox.pending())


async def test_it_sends_again_what_is_not_acked(mosquitto: Mosquitto) -> None:
    endpoint, clock = endpoint_of(mosquitto), FakeClock()
    async with serving(endpoint, {NODE: KEY}, answers=False) as server, rigging(endpoint, clock=clock) as rig:
        await rig.measure(1.0)
        await eventually_async(lambda: len(server.reports) == 1)
        await eventually_async(lambda: rig.dispatch.wakes_at() is not None, what="the PUBACK came")
        await clock.advance(ACK_TIMEOUT_S + 1)
        await eventually_async(lambda: len(server.reports) == 2)
        assert server.samples(NODE)[0] == server.samples(NODE)[1]


async def test_it_starts_a_session_above_the_one_that_the_subscriber_knows(mosquitto: Mosquitto) -> None:
    endpoint, clock = endpoint_of(mosquitto), FakeClock()
    async with serving(endpoint, {NODE: KEY}) as server, rigging(endpoint, clock=clock) as rig:
        await eventually_async(lambda: server.states(NODE) == [NodeState.ONLINE])
        ahead = server.statuses[0][1].session + 1_000_000_000
        server.ack(NODE, Ack(session=ahead))
        await eventually_async(lambda: rig.outbox.next_session() > ahead, what="the outbox knows the later session")
        await clock.advance(RETRY_MOST)
        await eventually_async(lambda: len(server.statuses) >= 2)
        assert server.statuses[-1][1].state is NodeState.ONLINE
        assert server.statuses[-1][1].session > ahead


async def test_an_ack_of_an_older_session_without_samples_changes_nothing(mosquitto: Mosquitto) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}) as server, rigging(endpoint) as rig:
        await eventually_async(lambda: server.states(NODE) == [NodeState.ONLINE])
        server.ack(NODE, Ack(session=1))
        await rig.measure(1.0)
        await eventually_async(lambda: not rig.outbox.pending() and server.samples(NODE))
        assert server.states(NODE) == [NodeState.ONLINE]


async def test_one_of_two_publishers_says_so_once_and_stays_away_for_half_a_minute(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}) as server, rigging(endpoint, clock=clock) as first:
        await eventually_async(lambda: _has_births(server, 1))
        for port in (1, 2):
            server.ack(NODE, Ack(session=1, rival=f"192.0.2.9 port {port}"))
        await eventually_async(lambda: "from=192.0.2.9" in caplog.text)
        await first.measure(1.0)
        await eventually_async(lambda: server.reports)
        async with rigging(endpoint):
            await eventually_async(lambda: NodeState.LOST in server.states(NODE))
            await eventually_async(lambda: _has_births(server, 2))
        await eventually_async(lambda: server.states(NODE)[-1] is NodeState.OFFLINE)
        await clock.advance(29)
        assert server.states(NODE)[-1] is NodeState.OFFLINE
        await clock.advance(61)
        await eventually_async(lambda: _has_births(server, 3))
    assert (
        _said(caplog).count(
            "another publisher uses this node's key: give one of the two machines a node of its own "
            "('rigwatch enroll' on the server, 'rigwatch publish --join' there)"
        )
        == 1
    )
    assert "from=192.0.2.9 port 1" in caplog.text


async def test_it_drops_an_ack_that_was_not_sealed_for_it(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = endpoint_of(mosquitto)
    async with serving(endpoint, {NODE: KEY}) as server, rigging(endpoint) as rig:
        await eventually_async(lambda: server.states(NODE) == [NodeState.ONLINE])
        assert server.connection is not None
        for payload in (b"", b"garbage" * 10, KEY.seal_key.seal("another/topic", b'{"session":1}')):
            await server.connection.publish(topic_of(NODE, TopicLevel.ACK), payload)
        await rig.measure(1.0)
        await eventually_async(lambda: not rig.outbox.pending() and server.samples(NODE))
        assert sum("ack dropped" in record.message for record in caplog.records) == 1


async def test_a_backlog_goes_out_newest_first_in_few_reports(mosquitto: Mosquitto) -> None:
    endpoint, clock = endpoint_of(mosquitto), SystemClock()
    with Outbox(None, NODE, limits=LIMITS, clock=clock) as outbox:
        numbers = [outbox.append(UnnumberedSample(Reading(hashrate=float(i)))).n for i in range(1200)]
        async with serving(endpoint, {NODE: KEY}) as server, rigging(endpoint, outbox=outbox):
            await eventually_async(lambda: not outbox.pending(), what="the backlog is acked")
            first = [sample.n for sample in server.reports[0][1].samples]
            assert first == [numbers[-1]]
            assert sorted(sample.n for sample in server.samples(NODE)) == numbers
            assert len(server.reports) <= 6
            newest = [report.samples[-1].n for _, report in server.reports]
            assert newest == sorted(newest, reverse=True)


async def test_it_comes_back_after_the_broker_died_and_loses_nothing(start_mosquitto: StartMosquitto) -> None:
    port, clock = free_port(), FakeClock()
    endpoint = Endpoint("127.0.0.1", port)
    first = start_mosquitto(port=port)
    async with rigging(endpoint, clock=clock) as rig:
        async with serving(endpoint, {NODE: KEY}, answers=False) as server:
            await rig.measure(1.0)
            await eventually_async(lambda: server.samples(NODE))
            first.kill()
            await rig.measure(2.0)
        start_mosquitto(port=port)
        async with serving(endpoint, {NODE: KEY}) as server:
            await _in_time(clock, lambda: server.samples(NODE))
            await eventually_async(lambda: not rig.outbox.pending())
            assert {sample.hashrate for sample in server.samples(NODE)} == {1.0, 2.0}


async def test_it_says_once_that_the_broker_refuses_it_and_once_that_it_is_in(
    start_mosquitto: StartMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port, clock = free_port(), FakeClock()
    broker = start_mosquitto(port=port, passwords={"main/other": "x"})
    async with rigging(Endpoint("127.0.0.1", port), clock=clock):
        await _in_time(clock, lambda: _refusals(broker) >= 3, step=REFUSED_MOST)
        assert _said(caplog) == ["broker refuses this node: enroll it, or join with a new token; trying again"]
        broker.stop()
        start_mosquitto(port=port, passwords={str(NODE): KEY.mqtt_password})
        await _in_time(clock, lambda: "node is online" in _said(caplog), step=REFUSED_MOST)
    assert _said(caplog)[-2:] == ["node is online", "node said goodbye"]


async def test_a_refused_node_waits_a_minute_at_least(start_mosquitto: StartMosquitto) -> None:
    clock = FakeClock()
    broker = start_mosquitto(passwords={"main/other": "x"})
    async with rigging(endpoint_of(broker), clock=clock):
        await eventually_async(lambda: _refusals(broker) == 1)
        await clock.advance(REFUSED_LEAST - 1)
        assert _lines(broker, "New connection from") == 2, "the fixture's look and the node's first attempt"


async def test_a_broker_that_has_let_it_in_and_says_no_is_asked_again_soon_for_some_minutes(
    start_mosquitto: StartMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port, clock = free_port(), FakeClock()
    broker = start_mosquitto(port=port, passwords={str(NODE): KEY.mqtt_password})
    async with rigging(Endpoint("127.0.0.1", port), clock=clock):
        await eventually_async(lambda: "node is online" in _said(caplog))
        broker.stop()
        broker = start_mosquitto(port=port, passwords={"main/other": "x"})
        began = clock.monotonic()
        await _in_time(clock, lambda: _refusals(broker) >= 5)
        assert clock.monotonic() - began < DOUBTED
        await _in_time(clock, lambda: clock.monotonic() - began > DOUBTED + RETRY_MOST, step=1)
        seen = _refusals(broker)
        await clock.advance(REFUSED_LEAST - RETRY_MOST - 1)
        assert _refusals(broker) <= seen + 1


async def _refuse_subscription(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as brokers with access rules do (Mosquitto of today grants, and delivers nothing)."""
    await reader.read(65536)
    writer.write(b"\x20\x02\x00\x00")
    subscribe = await reader.read(65536)
    writer.write(b"\x90\x03" + subscribe[2:4] + b"\x80")
    await reader.read()
    writer.close()


async def test_a_node_that_may_not_hear_its_acks_counts_as_refused(caplog: pytest.LogCaptureFixture) -> None:
    clock, attempts = FakeClock(), []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(clock.now())
        await _refuse_subscription(reader, writer)

    broker = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with broker:
        endpoint = Endpoint("127.0.0.1", broker.sockets[0].getsockname()[1])
        async with rigging(endpoint, clock=clock):
            await eventually_async(lambda: _said(caplog))
            await clock.advance(REFUSED_LEAST - 1)
            assert len(attempts) == 1
            await _in_time(clock, lambda: len(attempts) == 2)
    assert _said(caplog) == ["broker refuses this node: enroll it, or join with a new token; trying again"]
    assert "not allowed to subscribe to rigwatch/v1/main/rig07/ack" in caplog.text


async def _accept_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    writer.write(b"\x20\x02\x00\x00")
    await reader.read(65536)
    writer.close()


@pytest.mark.parametrize("answer", [_refuse_subscription, _accept_and_hang_up])
async def test_a_broker_that_lets_it_in_and_no_further_keeps_it_from_no_other_address(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], mosquitto: Mosquitto
) -> None:
    clock = FakeClock()
    half = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with half, serving(endpoint_of(mosquitto), {NODE: KEY}) as server:
        first = Endpoint("127.0.0.1", half.sockets[0].getsockname()[1])
        async with rigging(first, clock=clock, others=[str(endpoint_of(mosquitto))]):
            await _in_time(clock, lambda: _has_births(server, 1), step=REFUSED_MOST)


async def test_a_broker_that_is_away_is_said_once_and_tried_until_it_is_there(
    start_mosquitto: StartMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port, clock = free_port(), FakeClock()
    async with rigging(Endpoint("127.0.0.1", port), clock=clock) as rig:
        await eventually_async(lambda: _said(caplog))
        before = rig.outbox.next_session()
        await _in_time(clock, lambda: rig.outbox.next_session() > before + 60_000 * 5)
        assert _said(caplog) == ["broker not reached, trying again"]
        start_mosquitto(port=port)
        await _in_time(clock, lambda: "node is online" in _said(caplog))
    assert _said(caplog) == ["broker not reached, trying again", "node is online", "node said goodbye"]


async def test_it_stops_at_once_while_the_broker_does_not_answer() -> None:
    async with rigging(Endpoint("127.0.0.1", free_port()), clock=FakeClock()) as rig:
        rig.stop.set()
        await eventually_async(rig.task.done, timeout=2)


async def test_each_connection_has_a_higher_session_whatever_the_clock_says(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    endpoint, clock = endpoint_of(mosquitto), FakeClock()
    async with serving(endpoint, {NODE: KEY}) as server:
        for births in (1, 2, 3):
            with Outbox(tmp_path / "outbox.db", NODE, limits=LIMITS, clock=clock) as outbox:
                async with rigging(endpoint, outbox=outbox, clock=clock):
                    await eventually_async(partial(_has_births, server, births))
            clock.set_wall(clock.now() - 3_600_000)
        sessions = [status.session for _, status, _ in server.statuses if status.state is NodeState.ONLINE]
        assert sessions == sorted(set(sessions))
        assert len(sessions) == 3


async def test_a_rig_whose_clock_was_never_set_says_so_while_it_reaches_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with rigging(Endpoint("127.0.0.1", free_port()), clock=FakeClock(30_000)):
        await eventually_async(lambda: "broker not reached" in caplog.text)
    assert "this machine's clock says 1970-01-01: it has to be set first" in caplog.text
