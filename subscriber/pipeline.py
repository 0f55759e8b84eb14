"""From a received message to its acknowledgement: opened at once, stored in batches, acknowledged after the commit."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from alerts.contest import Contests
from alerts.endings import Endings
from alerts.ingest import (
    AHEAD,
    NodeKeys,
    ReceivedMessage,
    Rejected,
    RejectReason,
    ReportTaken,
    StatusTaken,
    open_message,
)
from rigwatch.backoff import Backoff
from rigwatch.clock import Clock
from rigwatch.ending import decode_ending
from rigwatch.errors import RigwatchError, StoreError, TopicError, WireError
from rigwatch.keys import NodeKey
from rigwatch.messages import SAMPLES_MAX, Ack, NodeState, Report, Status, encode
from rigwatch.mqtt import MqttMessage
from rigwatch.takeover import decode_takeover
from rigwatch.topics import TAKEOVERS, TopicLevel, parse_topic, topic_of
from store import Unstorable, Verdict
from subscriber.announcement import Announcement
from subscriber.fair_queue import FairQueue, weight_of
from subscriber.outage import Outage
from subscriber.rejections import Rejections

log = logging.getLogger(__name__)

CAPACITY = 50_000
"""How many samples, and statuses, may wait for the database, about 1 kB each."""

BATCH_S = 0.25
"""A death waits for the batch before it: one that took longer makes the next ones smaller, down to `_BATCH_LEAST`."""

_BATCH_MESSAGES = 1000
_BATCH_SAMPLES = 4000
_BATCH_LEAST = 1000
# Of history beside a status, which is waited for.
_BESIDE_STATUS = 500
# Waiting this long for company makes a commit (one fsync) serve many reports. A status never waits: it may be a death.
_LINGER_S = 0.02
_COMPANY = 100
_UNCONFIRMED_BATCHES = 4
# A death may be behind what is not read. Then as long is read, whatever comes: who sends most of it loses the most.
_PAUSE_MAX_S = 0.25
_RETRY_FIRST_S = 0.2
_RETRY_MAX_S = 5.0
_STATUS = f"/{TopicLevel.STATUS.value}"


class Outlet(Protocol):
    """The connection, as far as the pipeline uses it: `subscriber.session.SubscriberSession`."""

    def publish(self, topic: str, payload: bytes, *, qos: int) -> "asyncio.Future[None] | None": ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    async def ask_for_statuses(self) -> None: ...


class Pipeline:
    """`write` stores a batch, outside the loop's thread, and returns when it is safe."""

    def __init__(
        self,
        write: Callable[[Sequence[ReceivedMessage]], Awaitable[list[Verdict]]],
        access: NodeKeys,
        outlet: Outlet,
        *,
        outage: Outage,
        clock: Clock,
        capacity: int = CAPACITY,
        announcement: Announcement | None = None,
    ) -> None:
        self._announcement = announcement
        self._write = write
        self._access = access
        self._outlet = outlet
        self._outage = outage
        self._clock = clock
        self._capacity = capacity
        self._queue = FairQueue(capacity)
        self._batch_samples = _BATCH_SAMPLES
        self._stored: asyncio.Queue[tuple[list[ReceivedMessage], list[Verdict]]] = asyncio.Queue(maxsize=1)
        self._unfinished = 0
        self._filled = asyncio.Event()
        self._urgent = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._unconfirmed: set[asyncio.Future[None]] = set()
        self._paused = asyncio.Event()
        self._paused_at: float | None = None
        self._resumed_at: float | None = None
        self._statuses_missed = False
        self._failing = False
        self._defects: set[type[Exception]] = set()
        self._finishing = False
        self._contests = Contests()
        self._endings = Endings()
        self.rejections = Rejections()

    def receive(self, message: MqttMessage) -> None:
        """Called on the loop for each message; never blocks, never raises for anything a sender can do."""
        if self._finishing or _clears(message):
            return
        try:
            heard = self._open(message)
        except TopicError as exc:
            heard = Rejected(message.topic[:200], RejectReason.TOPIC, str(exc)[:200])
        except RigwatchError as exc:
            # The list of enrolled nodes cannot be read. The node keeps its samples and sends them again.
            heard = Rejected(message.topic, RejectReason.ACCESS, str(exc))
        if isinstance(heard, Rejected):
            self.rejections.add(heard, self._clock.monotonic())
        else:
            self._enqueue(self._compared(heard))

    def tell(self, message: MqttMessage) -> None:
        """Called on the loop with what the embedded broker says of nodes' connections."""
        try:
            if message.topic.startswith(TAKEOVERS):
                self._contests.tell(*decode_takeover(message.topic, message.payload))
            else:
                self._endings.tell(*decode_ending(message.topic, message.payload))
        except WireError as exc:
            self.rejections.add(Rejected(message.topic, RejectReason.CONTENT, str(exc)), self._clock.monotonic())

    def _compared(self, heard: ReceivedMessage) -> ReceivedMessage:
        """With what is known of who else publishes the node, and of how its connection ended."""
        # A session of the far future is that of a wrong clock, and would make all later ones look old.
        if not isinstance(heard.body, Status) or heard.body.session > heard.received_at + AHEAD:
            return heard
        contest = self._contests.birth(heard.node, heard.body, heard.received_at)
        body = self._endings.explained(heard.node, heard.body)
        return heard if contest is None and body is heard.body else replace(heard, body=body, contest=contest)

    def _open(self, message: MqttMessage) -> ReceivedMessage | Rejected:
        """What there is no room for is not even opened: a node that floods must not cost more by being refused."""
        if self._queue.is_full and self._queue.is_closed_to(parse_topic(message.topic)[0]):
            # Not acknowledged, so its node keeps what was in it and sends it again; and the broker keeps every node's
            # last status, and will be asked for them.
            self._statuses_missed = self._statuses_missed or message.topic.endswith(_STATUS)
            return Rejected(message.topic, RejectReason.OVERFLOW)
        return open_message(message, self._access, self._clock.now())

    async def run(self) -> None:
        """Stores and acknowledges until it is cancelled; while one batch is acknowledged the next is being stored."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._acknowledge_all(), name="acknowledge")
            tasks.create_task(self._end_pauses(), name="end pauses")
            while True:
                await self._wait_for_work()
                self._regulate()
                batch = self._take()
                began = self._clock.monotonic()
                verdicts = await self._store(batch)
                self._adapt(self._clock.monotonic() - began)
                # Full while the broker does not take the acks, and then nothing more is stored.
                await self._stored.put((batch, verdicts))

    async def _acknowledge_all(self) -> None:
        while True:
            batch, verdicts = await self._stored.get()
            self._acknowledge(self._answers(batch, verdicts))
            self._regulate()
            await self._catch_up()
            self._unfinished -= len(batch)
            if not self._unfinished:
                self._idle.set()

    async def _end_pauses(self) -> None:
        """In time also while a batch takes long."""
        while True:
            await self._paused.wait()
            await self._clock.sleep(_PAUSE_MAX_S)
            self._regulate()

    async def drained(self) -> None:
        """Returns when everything received so far is stored and its acks are handed to the connection."""
        await self._idle.wait()

    async def finish(self) -> None:
        """Takes nothing more, and returns when what was taken is stored and the broker has its acks.

        The connection goes on being read meanwhile: one that is closed with bytes unread is reset, and a reset throws
        away what is still on its way to the broker.
        """
        self._finishing = True
        await self.drained()
        if self._unconfirmed:
            await asyncio.wait(self._unconfirmed)

    def _enqueue(self, heard: ReceivedMessage) -> None:
        gone = self._queue.put(heard)
        self._unfinished += 1 - len(gone)
        for each in gone:
            self.rejections.add(Rejected(each.topic, RejectReason.OVERFLOW), self._clock.monotonic())
        self._filled.set()
        self._idle.clear()
        # History is a crowd by itself.
        if isinstance(heard.body, Status) or len(self._queue) >= _BATCH_MESSAGES or weight_of(heard) >= _COMPANY:
            self._urgent.set()
        self._hold_off()

    async def _wait_for_work(self) -> None:
        await self._filled.wait()
        try:
            async with asyncio.timeout(_LINGER_S):
                await self._urgent.wait()
        except TimeoutError:
            pass

    def _take(self) -> list[ReceivedMessage]:
        samples = min(self._batch_samples, _BESIDE_STATUS) if self._queue.has_status else self._batch_samples
        batch = self._queue.take(_BATCH_MESSAGES, samples)
        if not self._queue:
            self._filled.clear()
        # What is left has lingered already.
        (self._urgent.set if self._queue else self._urgent.clear)()
        return batch

    def _adapt(self, took: float) -> None:
        """Batches that take as long as others can wait: it depends on the disk, and on how much history there is."""
        if took > BATCH_S:
            self._batch_samples = max(_BATCH_LEAST, self._batch_samples // 2)
        elif took < BATCH_S / 2:
            self._batch_samples = min(_BATCH_SAMPLES, self._batch_samples * 2)

    async def _store(self, batch: list[ReceivedMessage]) -> list[Verdict]:
        """Tries until the database takes it: nothing here is acknowledged, so nothing is lost by waiting."""
        backoff = Backoff(first=_RETRY_FIRST_S, most=_RETRY_MAX_S)
        while True:
            try:
                verdicts = await self._write(batch)
            except Unstorable as exc:
                self._note_success()
                return await self._store_apart(batch, str(exc))
            except StoreError as exc:
                self._failing = True
                self._outage.failed("reports", exc)
                self._regulate()
                await self._clock.sleep(backoff.delay())
            except Exception as exc:
                # A defect that one message brings to light. It is left out, unacknowledged, and its node keeps it.
                if type(exc) not in self._defects:
                    log.exception("a message cannot be stored, the others are")
                self._defects.add(type(exc))
                return await self._store_apart(batch, repr(exc))
            else:
                self._note_success()
                return verdicts

    def _note_success(self) -> None:
        self._failing = False
        self._outage.worked("reports")

    async def _store_apart(self, batch: list[ReceivedMessage], why: str) -> list[Verdict]:
        """What the database cannot hold must not keep the rest from being stored: neither others' messages nor, within
        a report, the other samples."""
        if len(batch) > 1:
            half = len(batch) // 2
            return await self._store(batch[:half]) + await self._store(batch[half:])
        (heard,) = batch
        if isinstance(heard.body, Report) and len(heard.body.samples) > 1:
            first, second = [(await self._store([part]))[0] for part in _halves(heard)]
            return [self._together(first, second)]
        return [Rejected(heard.topic, RejectReason.UNSTORABLE, why)]

    def _together(self, first: Verdict, second: Verdict) -> Verdict:
        """Of a report that was stored in two parts: what was taken of it."""
        if isinstance(first, ReportTaken) and isinstance(second, ReportTaken):
            return replace(second, samples=first.samples + second.samples)
        taken, left = (first, second) if isinstance(first, ReportTaken) else (second, first)
        if isinstance(left, Rejected) and isinstance(taken, ReportTaken):
            self.rejections.add(left, self._clock.monotonic())
        return taken

    def _answers(
        self, batch: Sequence[ReceivedMessage], verdicts: Sequence[Verdict]
    ) -> list[tuple[ReceivedMessage, Ack]]:
        """One ack for all that a node sent in one session, one for each node that is outdated, one for each that is not
        alone with its key, and one for each that does not know yet where else this server is."""
        taken: dict[tuple[NodeKey, int], tuple[ReceivedMessage, list[int]]] = {}
        outdated: dict[NodeKey, tuple[ReceivedMessage, Ack]] = {}
        contested: list[tuple[ReceivedMessage, Ack]] = []
        announced: list[tuple[ReceivedMessage, Ack]] = []
        for heard, verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, Rejected):
                self.rejections.add(verdict, self._clock.monotonic())
                if verdict.reason is RejectReason.OLD_SESSION and verdict.session:
                    outdated[heard.key] = heard, Ack(verdict.session)
                continue
            if (servers := self._servers_due(heard)) is not None:
                announced.append((heard, Ack(heard.body.session, servers=servers)))
            if isinstance(verdict, StatusTaken) and heard.contest is not None:
                contested.append((heard, Ack(heard.body.session, rival=heard.contest.rival)))
            elif isinstance(verdict, ReportTaken):
                _, numbers = taken.setdefault((heard.key, heard.body.session), (heard, []))
                numbers.extend(timed.sample.n for timed in verdict.samples)
        return [
            *outdated.values(),
            *contested,
            *announced,
            *(
                (heard, Ack(session, tuple(numbers[start : start + SAMPLES_MAX])))
                for (_, session), (heard, numbers) in taken.items()
                for start in range(0, len(numbers), SAMPLES_MAX)
            ),
        ]

    def _servers_due(self, heard: ReceivedMessage) -> tuple[str, ...] | None:
        is_here = isinstance(heard.body, Report) or heard.body.state is NodeState.ONLINE
        return self._announcement.due(heard.node, heard.body.session) if self._announcement and is_here else None

    def _acknowledge(self, acks: list[tuple[ReceivedMessage, Ack]]) -> None:
        # A lost ack costs one report sent twice, so QoS 0 does. Brokers read in order: that they have confirmed the
        # last tells that they have them all, and keeps what is on its way to them bounded.
        for left, (heard, ack) in zip(range(len(acks) - 1, -1, -1), acks, strict=True):
            topic = topic_of(heard.node, TopicLevel.ACK)
            sent = self._outlet.publish(topic, heard.key.seal_key.seal(topic, encode(ack)), qos=0 if left else 1)
            if sent is not None and not sent.done():
                self._unconfirmed.add(sent)
                sent.add_done_callback(self._unconfirmed.discard)

    async def _catch_up(self) -> None:
        while len(self._unconfirmed) > _UNCONFIRMED_BATCHES:
            await asyncio.wait(self._unconfirmed, return_when=asyncio.FIRST_COMPLETED)
        if self._statuses_missed and self._queue.waiting < self._capacity // 2:
            self._statuses_missed = False
            try:
                await self._outlet.ask_for_statuses()
            except RigwatchError as exc:
                # The connection is ending; the next one begins with every retained status.
                log.info("statuses not asked for reason=%s", exc)

    def _hold_off(self) -> None:
        """Near the limit the broker is made to wait, a moment at a time; what comes in between may be shed."""
        now = self._clock.monotonic()
        rested = self._resumed_at is None or now - self._resumed_at > _PAUSE_MAX_S
        if self._paused_at is None and rested and not self._failing and self._is_nearly_full():
            self._paused_at = now
            self._paused.set()
            self._outlet.pause()

    def _regulate(self) -> None:
        """Lets the broker go on when there is room again, or when it has waited for long enough."""
        now = self._clock.monotonic()
        if self._paused_at is not None and (
            self._failing or now - self._paused_at >= _PAUSE_MAX_S or self._queue.waiting < self._capacity // 2
        ):
            self._paused_at, self._resumed_at = None, now
            self._paused.clear()
            self._outlet.resume()

    def _is_nearly_full(self) -> bool:
        return self._queue.waiting > self._capacity * 3 // 4


def _halves(heard: ReceivedMessage) -> tuple[ReceivedMessage, ReceivedMessage]:
    report = heard.body
    assert isinstance(report, Report)
    half = len(report.samples) // 2
    first, second = replace(report, samples=report.samples[:half]), replace(report, samples=report.samples[half:])
    return replace(heard, body=first), replace(heard, body=second)


def _clears(message: MqttMessage) -> bool:
    """Whether it only says that the broker keeps nothing of the topic any more, as after a revocation."""
    return not message.payload and message.topic.endswith(_STATUS)
