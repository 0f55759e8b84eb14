"""From a received message to its acknowledgement, with a store that is slow, broken or picky when told so."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from alerts.ingest import NodeSession, ReceivedMessage, RejectReason, judge
from rigwatch.errors import RigwatchError, StoreError
from rigwatch.keys import NodeKey
from rigwatch.messages import Ack, NodeState, Report, decode
from rigwatch.mqtt import MqttMessage
from rigwatch.topics import NodeId, TopicLevel, topic_of
from store import Unstorable, Verdict
from subscriber import pipeline as module
from subscriber.outage import Outage
from subscriber.pipeline import Pipeline
from tests.fake_clock import START, FakeClock, settle
from tests.rigs import MASTER, Rig, birth, report, rig, sample, will
from tests.waiting import eventually_async

KNOWN = NodeSession(session=5, state=NodeState.ONLINE, state_at=START)


@dataclass
class Wire:
    """The connection: keeps what is published, and what it was asked to do."""

    acks: list[tuple[str, bytes]] = field(default_factory=list)
    qos: list[int] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    confirming: bool = True

    def publish(self, topic: str, payload: bytes, *, qos: int) -> asyncio.Future[None]:
        self.acks.append((topic, payload))
        self.qos.append(qos)
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.confirming or not qos:
            sent.set_result(None)
        return sent

    def pause(self) -> None:
        self.done.append("pause")

    def resume(self) -> None:
        self.done.append("resume")

    async def ask_for_statuses(self) -> None:
        self.done.append("ask for statuses")

    def opened(self, of: Rig) -> list[Ack]:
        own = topic_of(of.id, TopicLevel.ACK)
        return [decode(of.key.seal_key.open(topic, payload), Ack) for topic, payload in self.acks if topic == own]

    def numbers(self, of: Rig) -> list[int]:
        return [n for ack in self.opened(of) for n in ack.n]


@dataclass
class Disk:
    """Takes batches when it is allowed to; judges them like the store, knowing session 5 of every node."""

    batches: list[list[ReceivedMessage]] = field(default_factory=list)
    allowed: asyncio.Event = field(default_factory=asyncio.Event)
    failures: list[StoreError] = field(default_factory=list)
    picky: bool = False
    defect: Exception | None = None

    async def write(self, batch: Sequence[ReceivedMessage]) -> list[Verdict]:
        await self.allowed.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.picky and any(heard.node.node == "bad" for heard in batch):
            raise self.defect or Unstorable("database: does not fit")
        if any(each.peers == 666 for heard in batch if isinstance(heard.body, Report) for each in heard.body.samples):
            raise Unstorable("database: 666 does not fit")
        self.batches.append(list(batch))
        return [judge(heard, KNOWN) for heard in batch]


class Everybody:
    """Lets every node in."""

    def accepted_keys(self, node: NodeId, _now: int) -> tuple[NodeKey, ...]:
        return (MASTER.node_key(node),)

    def former_key(self, _node: NodeId) -> NodeKey | None:
        return None

    def why_none(self, _node: NodeId) -> str:
        return ""


@dataclass
class Setup:
    pipeline: Pipeline
    wire: Wire
    disk: Disk
    clock: FakeClock

    def receive(self, *messages: MqttMessage) -> None:
        for message in messages:
            self.pipeline.receive(message)

    async def pass_time(self, until: Callable[[], bool]) -> None:
        async def look() -> bool:
            await self.clock.advance(5)
            return until()

        await eventually_async(look)


@asynccontextmanager
async def running(*, capacity: int = 100, disk: Disk | None = None) -> AsyncIterator[Setup]:
    wire, clock = Wire(), FakeClock()
    if disk is None:
        disk = Disk()
        disk.allowed.set()
    setup = Setup(
        Pipeline(disk.write, Everybody(), wire, outage=Outage(clock), clock=clock, capacity=capacity), wire, disk, clock
    )
    task = asyncio.create_task(setup.pipeline.run())
    try:
        yield setup
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_report_is_acknowledged_with_its_numbers_and_its_session() -> None:
    async with running() as it:
        it.receive(rig().sealed(report(sample(n=7), sample(n=9), session=6)))
        await it.pipeline.drained()
        assert it.wire.acks[0][0] == "rigwatch/v1/main/rig1/ack"
        assert it.wire.opened(rig()) == [Ack(6, (7, 9))]


async def test_nothing_is_acknowledged_before_it_is_stored() -> None:
    async with running(disk=Disk()) as it:
        it.receive(rig().sealed(report(session=5)))
        await settle()
        await eventually_async(lambda: not it.pipeline._queue)
        assert it.wire.acks == []
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert len(it.wire.acks) == 1


async def test_an_older_session_is_told_the_current_one() -> None:
    async with running() as it:
        it.receive(rig().sealed(report(session=4)), rig().sealed(birth(3)))
        await it.pipeline.drained()
        assert it.wire.opened(rig()) == [Ack(5)]
        assert it.pipeline.rejections.counts[RejectReason.OLD_SESSION] == 2


async def test_what_a_node_sent_in_one_session_is_acknowledged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLES_MAX", 3)
    async with running(disk=Disk()) as it:
        it.receive(rig().sealed(birth(5)))
        await settle()
        it.receive(*(rig().sealed(report(sample(n=n), session=5 + (n > 4))) for n in range(1, 7)))
        it.receive(rig().sealed(report(sample(n=9), session=4)))
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert it.wire.opened(rig()) == [Ack(5), Ack(5, (1, 2, 3)), Ack(5, (4,)), Ack(6, (5, 6))]


async def test_the_broker_is_asked_to_confirm_the_last_ack_of_a_batch_alone() -> None:
    async with running(disk=Disk()) as it:
        it.receive(rig().sealed(birth(5)))
        await settle()
        it.receive(*(rig(name).sealed(report(session=5)) for name in "abc"))
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert it.wire.qos == [0, 0, 1]


async def test_a_status_that_counts_needs_no_answer() -> None:
    async with running() as it:
        it.receive(rig().sealed(birth(6)), rig().sealed(will(6)))
        await it.pipeline.drained()
        assert it.wire.acks == []


async def test_what_is_refused_does_not_stop_the_rest() -> None:
    async with running() as it:
        foreign = MqttMessage("rigwatch/v1/main/rig1/report", b"rubbish", retained=False)
        it.receive(foreign, rig().sealed(report(session=5)), MqttMessage("x", b"", retained=True))
        await it.pipeline.drained()
        assert len(it.wire.acks) == 1
        assert it.pipeline.rejections.counts == {RejectReason.SEAL: 1, RejectReason.TOPIC: 1}


async def test_a_death_does_not_wait_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER_S", 3600)
    async with running() as it:
        it.receive(rig().sealed(report(session=5)))
        await settle()
        assert it.disk.batches == []
        it.receive(rig().sealed(will(5)))
        await it.pipeline.drained()
        assert [len(batch) for batch in it.disk.batches] == [2]


async def test_what_comes_while_the_disk_is_busy_is_stored_together() -> None:
    async with running(disk=Disk()) as it:
        it.receive(rig().sealed(birth(6)))
        await settle()
        it.receive(*(rig().sealed(report(sample(n=n), session=6)) for n in range(1, 21)))
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert [len(batch) for batch in it.disk.batches] == [1, 20]


async def test_a_batch_has_a_limit() -> None:
    async with running(capacity=5000, disk=Disk()) as it:
        it.receive(*(rig().sealed(report(sample(n=n), session=5)) for n in range(1, 2501)))
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert [len(batch) for batch in it.disk.batches] == [1000, 1000, 500]


async def test_a_database_that_is_away_is_tried_again_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running() as it:
        it.disk.failures = [StoreError("database x: is locked") for _ in range(5)]
        it.receive(rig().sealed(report(session=5)))
        await it.pass_time(lambda: it.disk.failures == [])
        await it.pass_time(it.pipeline._idle.is_set)
        assert len(it.wire.acks) == 1
    lines = [record.getMessage() for record in caplog.records if record.name == "subscriber.outage"]
    assert len([line for line in lines if "is locked" in line]) == 1
    assert lines[-1] == "stores again"


async def test_one_message_the_database_cannot_hold_is_left_out_and_not_acknowledged() -> None:
    async with running() as it:
        it.disk.picky = True
        it.receive(*(rig(name).sealed(report(session=5)) for name in ("a", "b", "bad", "c")))
        await it.pipeline.drained()
        topics = [topic for topic, _ in it.wire.acks]
        assert topics == [f"rigwatch/v1/main/{name}/ack" for name in "abc"]
        assert it.pipeline.rejections.counts == {RejectReason.UNSTORABLE: 1}


async def test_one_sample_the_database_cannot_hold_costs_that_sample_and_no_other_of_its_report() -> None:
    async with running() as it:
        wanted = [sample(n=n, peers=666 if n == 5 else 1) for n in range(1, 11)]
        it.receive(rig().sealed(report(*wanted, session=5)))
        await it.pipeline.drained()
        assert it.wire.opened(rig()) == [Ack(5, (1, 2, 3, 4, 6, 7, 8, 9, 10))]
        assert it.pipeline.rejections.counts == {RejectReason.UNSTORABLE: 1}


async def test_a_defect_that_one_message_brings_to_light_leaves_out_that_message() -> None:
    async with running() as it:
        it.disk.picky, it.disk.defect = True, RuntimeError("a defect")
        it.receive(*(rig(name).sealed(report(session=5)) for name in ("a", "bad", "c")))
        await it.pipeline.drained()
        assert len(it.wire.acks) == 2
        assert it.pipeline.rejections.counts == {RejectReason.UNSTORABLE: 1}


async def test_a_full_queue_makes_the_broker_wait_and_lets_it_go_on_when_there_is_room() -> None:
    async with running(capacity=100, disk=Disk()) as it:
        it.receive(*(rig().sealed(report(sample(n=n), session=5)) for n in range(1, 81)))
        assert it.wire.done == ["pause"]
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert it.wire.done == ["pause", "resume"]
        assert it.wire.numbers(rig()) == list(range(1, 81))


async def test_room_is_counted_in_samples() -> None:
    async with running(capacity=100, disk=Disk()) as it:
        it.receive(rig().sealed(report(*(sample(n=n) for n in range(1, 71)), session=5)))
        assert it.wire.done == []
        it.receive(rig().sealed(report(*(sample(n=n) for n in range(71, 141)), session=5)))
        assert it.wire.done == ["pause"]
        it.receive(rig().sealed(report(sample(n=200), session=5)))
        assert it.pipeline.rejections.counts == {RejectReason.OVERFLOW: 1}
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert it.wire.done == ["pause", "resume"]
        assert it.wire.numbers(rig()) == list(range(1, 141))


async def test_history_does_not_wait_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER_S", 3600)
    async with running(capacity=1000) as it:
        it.receive(rig().sealed(report(*(sample(n=n) for n in range(1, 101)), session=5)))
        await it.pipeline.drained()
        assert it.wire.numbers(rig()) == list(range(1, 101))


async def test_what_does_not_fit_is_dropped_without_an_ack_and_statuses_are_asked_for_again() -> None:
    async with running(capacity=10, disk=Disk()) as it:
        it.receive(*(rig().sealed(report(sample(n=n), session=5)) for n in range(1, 13)), rig().sealed(will(5)))
        assert it.pipeline.rejections.counts == {RejectReason.OVERFLOW: 3}
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert it.wire.numbers(rig()) == list(range(1, 11))
        assert it.wire.done == ["pause", "resume", "ask for statuses"]


async def test_a_database_that_is_away_does_not_make_the_broker_take_us_for_dead() -> None:
    async with running(capacity=100) as it:
        it.disk.failures = [StoreError("away") for _ in range(100)]
        it.receive(*(rig().sealed(report(sample(n=n), session=5)) for n in range(1, 91)))
        await it.pass_time(lambda: len(it.disk.failures) < 99)
        assert it.wire.done == ["pause", "resume"]


async def test_acks_the_broker_does_not_confirm_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_UNCONFIRMED_BATCHES", 1)
    async with running() as it:
        it.wire.confirming = False
        for n in (1, 2):
            it.receive(rig().sealed(report(sample(n=n), session=5)))
            await eventually_async(lambda n=n: len(it.wire.acks) == n)  # type: ignore[misc]
        for session in range(6, 10):
            it.receive(rig().sealed(birth(session)))
            await settle()
        # Two more are stored ahead of their turn, and the rest waits.
        assert len(it.disk.batches) == 4
        assert not it.pipeline._idle.is_set()
        for sent in list(it.pipeline._unconfirmed):
            sent.set_result(None)
        await it.pipeline.drained()
        assert [heard.body.session for batch in it.disk.batches for heard in batch] == [5, 5, 6, 7, 8, 9]


async def test_the_next_batch_is_stored_while_one_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_UNCONFIRMED_BATCHES", 0)
    async with running() as it:
        it.wire.confirming = False
        it.receive(rig().sealed(report(sample(n=1), session=5)))
        await eventually_async(lambda: it.wire.acks)
        it.receive(rig().sealed(report(sample(n=2), session=5)))
        await eventually_async(lambda: len(it.disk.batches) == 2)
        assert it.wire.numbers(rig()) == [1]
        for sent in list(it.pipeline._unconfirmed):
            sent.set_result(None)
        await eventually_async(lambda: it.wire.numbers(rig()) == [1, 2])


async def test_when_it_ends_nothing_more_is_taken_and_its_last_acks_are_confirmed() -> None:
    async with running() as it:
        it.wire.confirming = False
        it.receive(rig().sealed(report(session=5)))
        ending = asyncio.create_task(it.pipeline.finish())
        await eventually_async(lambda: it.wire.acks)
        it.receive(rig().sealed(report(session=5)))
        assert not ending.done()
        for sent in list(it.pipeline._unconfirmed):
            sent.set_result(None)
        await ending
        assert len(it.wire.acks) == 1


async def test_a_list_of_nodes_that_cannot_be_read_refuses_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as it:

        def unreadable(*_: object) -> tuple[NodeKey, ...]:
            raise RigwatchError("nodes.json: cannot be read")

        with monkeypatch.context() as broken:
            broken.setattr(it.pipeline._access, "accepted_keys", unreadable)
            it.receive(rig().sealed(report(session=5)))
        assert it.pipeline.rejections.counts == {RejectReason.ACCESS: 1}
        it.receive(rig().sealed(report(session=5)))
        await it.pipeline.drained()
        assert len(it.wire.acks) == 1


async def test_a_flood_of_history_keeps_nobody_s_death_and_nobody_s_report_waiting() -> None:
    async with running(capacity=50_000, disk=Disk()) as it:
        it.receive(rig().sealed(birth(5)))
        await settle()
        for start in range(0, 20_000, 500):
            it.receive(rig("flood").sealed(report(*(sample(n=start + n) for n in range(1, 501)), session=5)))
        it.receive(rig("quiet").sealed(report(session=5)), rig("dead").sealed(will(5)))
        it.disk.allowed.set()
        await it.pipeline.drained()
        second, *others = it.disk.batches[1:]
        assert [heard.node.node for heard in second] == ["dead", "flood"]
        assert others[0][0].node.node == "quiet"
        assert sum(len(heard.body.samples) for heard in others[0] if isinstance(heard.body, Report)) <= 4500


async def test_a_flood_fills_the_room_for_nobody_but_its_own_node() -> None:
    async with running(capacity=1000, disk=Disk()) as it:
        it.receive(rig().sealed(birth(5)))
        await settle()
        for start in range(0, 5000, 500):
            it.receive(rig("flood").sealed(report(*(sample(n=start + n) for n in range(1, 501)), session=5)))
        it.receive(*(rig(name).sealed(body) for name in ("a", "b") for body in (birth(5), report(session=5))))
        it.disk.allowed.set()
        await it.pipeline.drained()
        assert it.wire.numbers(rig("a")) == it.wire.numbers(rig("b")) != []
        assert 0 < len(it.wire.numbers(rig("flood"))) <= 1000
        assert "ask for statuses" not in it.wire.done


async def test_what_there_is_no_room_for_is_not_opened() -> None:
    async with running(capacity=10, disk=Disk()) as it:
        it.receive(rig().sealed(report(*(sample(n=n) for n in range(1, 20)), session=5)))
        it.receive(MqttMessage("rigwatch/v1/main/rig1/report", b"cannot be opened at all", retained=False))
        assert it.pipeline.rejections.counts == {RejectReason.OVERFLOW: 1}


async def test_the_broker_is_read_again_after_a_moment_though_there_is_no_room() -> None:
    async with running(capacity=100, disk=Disk()) as it:
        it.receive(*(rig().sealed(report(sample(n=n), session=5)) for n in range(1, 91)))
        await it.pass_time(lambda: it.wire.done == ["pause", "resume"])
        it.disk.allowed.set()


async def test_batches_take_no_longer_than_a_death_can_wait() -> None:
    async with running(capacity=50_000) as it:
        slow = it.disk.write

        async def write(batch: Sequence[ReceivedMessage]) -> list[Verdict]:
            await it.clock.advance(1.0)
            return await slow(batch)

        it.pipeline._write = write
        for number in range(40):
            it.receive(rig(f"r{number}").sealed(report(*(sample(n=n) for n in range(1, 501)), session=5)))
        await it.pipeline.drained()
        assert [len(batch) for batch in it.disk.batches][:4] == [8, 4, 2, 2]
