"""Keeps the plain state tree on a broker as the store has it, over a connection of its own with a will.

Its failure costs reports and alerts nothing: it only reads the store, and is tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol, TypeAlias

from alerts.incident import Incident
from rigwatch.backoff import Backoff
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.first import first_of
from rigwatch.mqtt import LastWill, MqttConnection, MqttMessage, MqttRefused
from rigwatch.settings.server import FeedSettings
from rigwatch.topics import TopicLevel
from store import Store, alerts
from subscriber.feed import concerns
from subscriber.feed.broker_content import BrokerContent, read_object
from subscriber.feed.energy import FLEET, Meter
from subscriber.feed.homeassistant import MIGRATE, Announcer
from subscriber.feed.places import OWN, Places
from subscriber.feed.reader import FeedFacts, FeedReader
from subscriber.feed.tree import OFFLINE, Tree, origin_of, tree_of
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""How often the store is looked at; so old may the tree be."""
HEAL_S: Final = 0.1
"""What somebody else wrote there is put right so soon, and not more often."""
KEPT_S: Final = 5.0
"""For so long the broker may take to tell what it keeps."""
CONFIRMED_S: Final = 300.0
"""For so long the broker may take to confirm what it got in one piece: announced for the first time that is 25 MB."""

_PAUSE_S: Final = 1.0
_PAUSE_MAX_S: Final = 60.0
# Fewer than a connection may have in flight; who subscribes at the same moment gets them in portions.
_AT_ONCE: Final = 1000
# Of what others left there by the hundred thousand, so that the loop is not kept from reports for seconds.
_CLEARED_AT_ONCE: Final = 5000

Open: TypeAlias = Callable[[Callable[[MqttMessage], None], LastWill], Awaitable[MqttConnection]]
"""Makes a connection that hands on what it receives and leaves this will."""


class FeedLeadership(Protocol):
    """Whether it is this subscriber that speaks for all of them: one writer a tree."""

    @property
    def drives(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class FeedTarget:
    """A broker, what stands where on it, and how it is named in the log (empty: rigwatch's own)."""

    open: Open
    places: Places = OWN
    where: str = ""


class Feed:
    """Publishes what changed, once a second; what is kept of nodes that are gone is cleared, and what others change
    there is put right."""

    def __init__(
        self,
        settings: FeedSettings,
        worker: StoreWorker,
        target: FeedTarget,
        *,
        reader: FeedReader,
        turn: FeedLeadership,
        clock: Clock,
        link: str,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._open, self._places, self._where = target.open, target.places, target.where
        self._reader = reader
        self._turn = turn
        self._clock = clock
        self._link = link
        self._announcer = Announcer(target.places, settings.discovery)
        self._meter = Meter()
        self._kept = BrokerContent()
        self._told: dict[int, Incident | None] = {}
        """Incidents that third parties take to be open; None where only the number is known."""
        self._heard_itself = asyncio.Event()
        self._spoilt = asyncio.Event()
        self._failure = ""

    def link_to(self, link: str) -> None:
        """The dashboard is there from now on."""
        self._link = link

    async def run(self) -> None:
        """Until it is cancelled; at once where nobody asked for a tree."""
        backoff = Backoff(first=_PAUSE_S, most=_PAUSE_MAX_S, least=_PAUSE_S)
        while self._settings.state:
            pause, began = _PAUSE_S, self._clock.monotonic()
            try:
                if self._turn.drives:
                    await self._serve()
                    backoff.reset()
            except RigwatchError as exc:
                if str(exc) != self._failure:
                    log.warning("the plain state tree is not published%s: %s, trying again", self._where, exc)
                self._failure = str(exc)
                if self._clock.monotonic() - began >= _PAUSE_MAX_S:
                    # It was there for a while: this is a first failure again.
                    backoff.reset()
                pause = backoff.delay()
            except Exception:
                # A defect here must not end the subscriber: reports and alerts matter more than the tree.
                log.exception("the plain state tree is not published%s for a while", self._where)
                if _is_cancelled():
                    return
                pause = _PAUSE_MAX_S
            await self._clock.sleep(pause)

    async def _serve(self) -> None:
        """One connection's life; ends without an error when another subscriber takes over."""
        self._kept, self._told = BrokerContent(), {}
        self._heard_itself.clear()
        connection = await self._open(self._note, LastWill(self._places.server_status, OFFLINE))
        try:
            await self._recall(connection)
            log.info("the plain state tree is published%s", self._where)
            self._failure = ""
            wanted, due = None, self._clock.monotonic()
            while self._turn.drives and not connection.lost.done():
                self._spoilt.clear()
                if (now := self._clock.monotonic()) >= due:
                    # Not for each thing that somebody else writes, who may do so all day.
                    wanted, due = await self._looked(connection), now + LOOK_S - HEAL_S
                await self._bring_up_to_date(connection, wanted)
                await self._pause(connection)
            if not self._turn.drives and not connection.lost.done():
                return
            raise RigwatchError(f"the connection ended: {await connection.lost}")
        finally:
            await self._say_goodbye(connection)

    async def _recall(self, connection: MqttConnection) -> None:
        """Learns what the broker keeps from before. Its answer to what is published after the subscriptions comes
        behind all of it (MQTT 3.1.1, §4.6)."""
        # At QoS 1 Mosquitto would keep no more than 1000 messages for us and drop the rest (max_queued_messages).
        await _confirmed(connection.subscribe(*self._places.kept(), qos=0))
        try:
            await _confirmed(connection.subscribe(*self._announcer.filters(), qos=0))
        except MqttRefused as exc:
            log.info("what was announced to Home Assistant before is not cleared%s reason=%s", self._where, exc)
        # Until the tree is as it should be, it is not kept up to date.
        self._kept[self._places.server_status] = OFFLINE
        await _confirmed(connection.publish(self._places.server_status, OFFLINE, retain=True))
        await first_of(connection.lost, self._heard_itself.wait(), self._clock.sleep(KEPT_S))
        self._told = dict.fromkeys(concerns.read_list(self._kept.get(self._places.server_incidents)))

    def _note(self, message: MqttMessage) -> None:
        """What the broker keeps from before; our own words, as they come back; and what others write there."""
        topic, payload = message.topic, message.payload
        if not (self._places.is_kept(topic) or self._announcer.is_ours(topic)):
            return
        if message.retained:
            if topic not in self._kept:
                self._kept.hear(topic, payload)
            return
        if topic == self._places.server_status and payload == OFFLINE:
            self._heard_itself.set()
        if self._kept.get(topic, b"") != payload:
            # Ours, of a moment ago, or somebody else's: it is what the broker has, and the next look puts it right.
            self._kept.hear(topic, payload)
            self._spoilt.set()

    async def _looked(self, connection: MqttConnection) -> Tree | None:
        """The tree as it should be; incidents are told at once."""
        # Beside the loop: with 1000 nodes it takes 30 ms, and all that is announced for the first time half a second.
        seen, wanted = await self._worker.ask(self._look)
        if wanted is not None:
            await self._tell_of_incidents(connection, seen.incidents)
        return wanted

    async def _bring_up_to_date(self, connection: MqttConnection, wanted: Tree | None) -> None:
        if wanted is None:
            await self._publish(connection, {self._places.server_status: OFFLINE})
            return
        unwanted = self._kept.keys() - wanted.keys()
        gone = list(islice(unwanted, _CLEARED_AT_ONCE))
        await self._publish(connection, dict.fromkeys(filter(self._announcer.is_superseded, unwanted), MIGRATE))
        status = self._places.server_status
        await self._publish(connection, {topic: payload for topic, payload in wanted.items() if topic != status})
        await self._publish(connection, dict.fromkeys(gone, b""))
        for topic in gone:
            self._kept.pop(topic, None)
        if len(unwanted) > len(gone):
            self._spoilt.set()
        else:
            self._kept.settled()
        await self._publish(connection, {status: wanted[status]})

    def _look(self, store: Store) -> tuple[FeedFacts, Tree | None]:
        seen = self._reader.look(store, self._clock.now())
        return seen, self._wanted(seen)

    def _wanted(self, seen: FeedFacts) -> Tree | None:
        if not self._meter.knows(FLEET):
            self._meter.recall(FLEET, read_object(self._kept.get(self._places.server_state)))
        for facts in seen.nodes:
            origin = origin_of(seen, facts.id)
            if not self._meter.knows(origin):
                self._meter.recall(origin, read_object(self._kept.get(self._places.of(facts.id, TopicLevel.STATE))))
            self._meter.take(origin, facts)
        wanted = tree_of(seen, self._places, self._meter, self._clock.now())
        if wanted is not None and self._settings.homeassistant:
            wanted |= self._announcer.announced(seen, self._kept, self._link)
        return wanted

    async def _publish(self, connection: MqttConnection, wanted: Mapping[str, bytes]) -> None:
        """What the broker does not have yet."""
        work = [(topic, payload) for topic, payload in wanted.items() if self._kept.get(topic, b"") != payload]
        for start in range(0, len(work), _AT_ONCE):
            part = work[start : start + _AT_ONCE]
            self._kept |= part
            await _confirmed(*(connection.publish(topic, payload, retain=True) for topic, payload in part))

    async def _tell_of_incidents(self, connection: MqttConnection, incidents: Sequence[Incident]) -> None:
        """Each at least once: the list of open ones is published only afterwards, and is where the next one begins."""
        now = {each.id: each for each in incidents}
        events = [("opened", each) for number, each in now.items() if number not in self._told]
        for number, each in now.items():
            before = self._told.get(number)
            if before is not None and each.acknowledged and not before.acknowledged:
                events.append(("acknowledged", each))
        over = [number for number in self._told if number not in now]
        if over:
            events += [("closed", each) for each in await self._worker.ask(lambda store: _stored(store, over))]
        for start in range(0, len(events), _AT_ONCE):
            part = [
                (concerns.topic_of(self._places, each), concerns.payload_of(kind, each))
                for kind, each in events[start : start + _AT_ONCE]
            ]
            await _confirmed(*(connection.publish(topic, payload) for topic, payload in part))
        self._told = dict(now)

    async def _say_goodbye(self, connection: MqttConnection) -> None:
        # A clean end sends no will, so it is said here; who takes over says "online" afterwards.
        if not connection.lost.done():
            connection.publish(self._places.server_status, OFFLINE, retain=True)
        await connection.close()

    async def _pause(self, connection: MqttConnection) -> None:
        """Until the next look; shortly, where somebody has changed what is there."""
        await first_of(connection.lost, self._spoilt.wait(), self._clock.sleep(LOOK_S))
        if self._spoilt.is_set():
            await first_of(connection.lost, self._clock.sleep(HEAL_S))


async def _confirmed(*sent: Awaitable[None]) -> None:
    """A broker that answers its pings and nothing else is none."""
    try:
        async with asyncio.timeout(CONFIRMED_S):
            await asyncio.gather(*sent)
    except TimeoutError:
        raise RigwatchError(f"the broker has not confirmed what it got within {CONFIRMED_S:g} s") from None


def _is_cancelled() -> bool:
    """What breaks while a cancelled task tidies up takes the place of its cancellation."""
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())


def _stored(store: Store, numbers: Iterable[int]) -> list[Incident]:
    with store.read() as tx:
        return [each for number in numbers if (each := alerts.one(tx, number)) is not None]
