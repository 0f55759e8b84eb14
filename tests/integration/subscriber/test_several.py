"""Several subscribers on one PostgreSQL: whoever stores what, in whatever order and at once, a sample counts once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from alerts.ingest import ReceivedMessage
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.messages import NodeState, Report
from rigwatch.mqtt import Endpoint, MqttLogin
from rigwatch.topics import ALL_REPORTS, ALL_STATUS, SHARED_REPORTS
from store import Store, open_store, reader
from subscriber import session as session_module
from subscriber.session import SubscriberSession
from tests.fake_clock import START
from tests.rigs import birth, report, rig, sample, will
from tests.scripted_broker import ACCEPTED, CONNECT, SUBSCRIBE, Packet, scripted_broker
from tests.waiting import eventually_async

RIGS = [rig(f"rig{number}") for number in range(5)]


def _said() -> list[ReceivedMessage]:
    """Three sessions of each node, the last of which lives; every report comes twice."""
    said: list[ReceivedMessage] = []
    for each in RIGS:
        for session in (1, 2, 3):
            said.append(each.heard(birth(session)))
            for at in range(20):
                n = START + session * 1000 + at
                said += [each.heard(report(sample(n, hashrate=1.0), session=session))] * 2
            if session < 3:
                said.append(each.heard(will(session)))
    return said


def _store_some(store: Store, part: list[ReceivedMessage]) -> None:
    for start in range(0, len(part), 7):
        store.take(part[start : start + 7])


@pytest.mark.parametrize("seed", range(3))
def test_what_several_store_at_once_and_out_of_order_counts_once(postgres_url: str, home: Home, seed: int) -> None:
    chance, said = Random(seed), _said()  # noqa: S311 - no secret
    parts: list[list[ReceivedMessage]] = [[], [], []]
    for heard in said:
        chance.choice(parts).append(heard)
    stores = [open_store(postgres_url, home) for _ in parts]
    # Late by a few messages, as they are when each subscriber has a queue of its own.
    for part in parts:
        part.sort(key=lambda heard: (heard.body.session + chance.uniform(0, 0.9), heard.node))
    with ThreadPoolExecutor(len(parts)) as threads:
        for done in [threads.submit(_store_some, *pair) for pair in zip(stores, parts, strict=True)]:
            done.result()
    # What was refused as too old is sent again in the session that lives.
    again = [(heard, heard.body) for heard in said if isinstance(heard.body, Report)]
    stores[0].take([ReceivedMessage(old.node, report(*body.samples, session=3), old.key, START) for old, body in again])
    with stores[0].read() as tx:
        kept = reader.averages(tx, 0)
    for each in RIGS:
        with stores[0].read() as tx:
            numbers = [found.n for found in reader.samples(tx, each.id, since=0, until=START * 2)]
        assert len(numbers) == len(set(numbers)) == 60
        assert kept[each.id].samples == 60
    with stores[0].read() as tx:
        assert {node.state for node in reader.nodes(tx)} == {NodeState.ONLINE}
        assert {node.session for node in reader.nodes(tx)} == {3}
    for store in stores:
        store.close()


def _filters(packets: list[Packet]) -> list[str]:
    """What was subscribed to, in order."""
    found = []
    for packet in packets:
        rest = packet.body[2:] if packet.kind == SUBSCRIBE else b""
        while rest:
            length = int.from_bytes(rest[:2])
            found.append(rest[2 : 2 + length].decode())
            rest = rest[3 + length :]
    return found


def _granting_everything(packet: Packet) -> bytes:
    """As brokers do that know nothing of shared subscriptions: a filter like any other, that matches nothing."""
    if packet.kind == CONNECT:
        return ACCEPTED
    if packet.kind == SUBSCRIBE:
        granted = len(_filters([packet]))
        return bytes((0x90, 2 + granted)) + packet.body[:2] + b"\x01" * granted
    return b""


async def test_a_broker_that_sends_nothing_by_a_shared_subscription_is_asked_for_every_report(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session_module, "_PROOF_S", 0.1)
    async with scripted_broker(_granting_everything) as broker:
        session = SubscriberSession(
            Endpoint("127.0.0.1", broker.port),
            MqttLogin("subscriber", "secret", "subscriber"),
            clock=SystemClock(),
            on_message=lambda _: None,
            shared=True,
        )
        running = asyncio.create_task(session.run())
        await eventually_async(lambda: _filters(broker.received)[-1:] == [ALL_REPORTS])
        assert _filters(broker.received) == [ALL_STATUS, SHARED_REPORTS, ALL_REPORTS]
        assert "no report has come by the shared subscription" in caplog.text
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
