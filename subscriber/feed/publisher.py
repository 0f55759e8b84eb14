"""Keeps the plain state tree on the broker as the store has it, over a connection of its own with a will.

Its failure costs reports and alerts nothing: it only reads the store, and is tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

from alerts.facts import NodeFacts, ServerFacts
from alerts.status import is_broker_down
from rigwatch.backoff import Backoff
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError, TopicError
from rigwatch.first import first_of
from rigwatch.mqtt import LastWill, MqttConnection, MqttMessage
from rigwatch.settings.server import FeedSettings
from rigwatch.topics import SERVER_STATUS, TopicLevel, every, parse_topic
from store import Store
from subscriber.feed import homeassistant
from subscriber.feed.tree import OFFLINE, ONLINE, Tree, tree_of
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""How often the store is looked at; so old may the tree be."""

_PAUSE_S: Final = 1.0
_PAUSE_MAX_S: Final = 60.0
# Fewer than a connection may have in flight; who subscribes at the same moment gets them in portions.
_AT_ONCE: Final = 1000
_PLAIN: Final = (TopicLevel.STATE, TopicLevel.AVAILABILITY)
# The devices also where none is wanted: those of a time when they were are cleared.
_FILTERS: Final = (*map(every, _PLAIN), SERVER_STATUS, homeassistant.ALL_DEVICES)

Open: TypeAlias = Callable[[Callable[[MqttMessage], None], LastWill], Awaitable[MqttConnection]]
"""Makes a connection that hands on what it receives and leaves this will."""


class FeedLeadership(Protocol):
    """Whether it is this subscriber that speaks for all of them: one writer a tree."""

    @property
    def drives(self) -> bool: ...


class Feed:
    """Publishes what changed, once a second; what is kept of nodes that are gone is cleared."""

    def __init__(
        self,
        settings: FeedSettings,
        worker: StoreWorker,
        *,
        open_connection: Open,
        turn: FeedLeadership,
        clock: Clock,
        link: str,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._open = open_connection
        self._turn = turn
        self._clock = clock
        self._link = link
        self._kept: Tree = {}
        """What the broker has, as far as it is known."""
        self._stamp: tuple[int, ...] = ()
        self._nodes: list[NodeFacts] = []
        self._denied = False
        self._failure = ""

    def link_to(self, link: str) -> None:
        """The dashboard is there from now on."""
        self._link = link

    async def run(self) -> None:
        """Until it is cancelled; at once where nobody asked for a tree."""
        backoff = Backoff(first=_PAUSE_S, most=_PAUSE_MAX_S, least=_PAUSE_S)
        while self._settings.state:
            pause = _PAUSE_S
            try:
                if self._turn.drives:
                    await self._serve()
                    backoff.reset()
            except RigwatchError as exc:
                if str(exc) != self._failure:
                    log.warning("the plain state tree is not published: %s, trying again", exc)
                self._failure = str(exc)
                pause = backoff.delay()
            except Exception:
                # A defect here must not end the subscriber: reports and alerts matter more than the tree.
                log.exception("the plain state tree is not published for a while")
                pause = _PAUSE_MAX_S
            await self._clock.sleep(pause)

    async def _serve(self) -> None:
        """One connection's life; ends without an error when another subscriber takes over."""
        self._kept, self._stamp, self._denied = {}, (), False
        connection = await self._open(self._note, LastWill(SERVER_STATUS, OFFLINE))
        try:
            await connection.subscribe(*_FILTERS)
            await connection.publish(SERVER_STATUS, ONLINE, retain=True)
            log.info("the plain state tree is published")
            self._failure = ""
            while self._turn.drives and not connection.lost.done():
                if self._denied:
                    self._denied = False
                    await connection.publish(SERVER_STATUS, ONLINE, retain=True)
                await self._bring_up_to_date(connection)
                await first_of(connection.lost, self._clock.sleep(LOOK_S))
            if not self._turn.drives and not connection.lost.done():
                return
            raise RigwatchError(f"the connection ended: {await connection.lost}")
        finally:
            await self._say_goodbye(connection)

    def _note(self, message: MqttMessage) -> None:
        """What the broker keeps from before, and the late will of whoever published the tree before us."""
        if message.topic == SERVER_STATUS:
            self._denied = self._denied or message.payload == OFFLINE
        elif message.retained and message.payload and _is_ours(message.topic):
            self._kept.setdefault(message.topic, message.payload)

    async def _bring_up_to_date(self, connection: MqttConnection) -> None:
        wanted = await self._wanted()
        if wanted is None:
            return
        changed = [(topic, payload) for topic, payload in wanted.items() if self._kept.get(topic) != payload]
        gone = [(topic, b"") for topic in self._kept.keys() - wanted.keys()]
        work = [*changed, *gone]
        for start in range(0, len(work), _AT_ONCE):
            part = work[start : start + _AT_ONCE]
            await asyncio.gather(*(connection.publish(topic, payload, retain=True) for topic, payload in part))
        # What the broker kept of nodes that are gone may have arrived meanwhile; it is cleared with the next look.
        for topic, _ in gone:
            del self._kept[topic]
        self._kept |= wanted

    async def _wanted(self) -> Tree | None:
        """None while the subscriber itself does not see the nodes: the tree then stays as it is."""
        server = await self._worker.do(self._read)
        now = self._clock.now()
        if is_broker_down(server, now):
            return None
        wanted = tree_of(self._nodes, server, now)
        if self._settings.homeassistant:
            wanted |= homeassistant.devices_of(self._nodes, self._link)
        return wanted

    def _read(self, store: Store) -> ServerFacts:
        """The nodes are read when something has changed; with 1000 nodes 10 ms, else 0.3."""
        stamp = store.stamp()
        if stamp != self._stamp:
            self._nodes, self._stamp = store.nodes(), stamp
        return store.server()

    async def _say_goodbye(self, connection: MqttConnection) -> None:
        # A clean end sends no will, so it is said here; who takes over says "online" afterwards.
        if not connection.lost.done():
            connection.publish(SERVER_STATUS, OFFLINE, retain=True)
        await connection.close()


def _is_ours(topic: str) -> bool:
    if homeassistant.is_ours(topic):
        return True
    try:
        return parse_topic(topic)[1] in _PLAIN
    except TopicError:
        return False
