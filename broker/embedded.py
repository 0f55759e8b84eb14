"""amqtt's broker with everything between a session and its subscribers replaced: sessions, routing, retained messages.

amqtt keeps what surrounds that: its life cycle, its tables of sessions and retained messages, its plugins. The names
with an underscore below are not promised by amqtt, which is why its minor version is pinned (`tests/integration/broker/
test_amqtt_rows.py` notices a change).
"""

import logging
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, Protocol, cast

import msgspec
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.events import BrokerEvents
from amqtt.session import Session

from broker.access import Admitted
from broker.connect import Will
from broker.counters import Counters
from broker.delivery import Delivery
from broker.lines import Lines
from broker.message import Message
from broker.outgoing import Outgoing, Wire
from broker.reasons import Reason
from broker.retained import Retained, RetainedStore
from broker.rights import Account, Action, Role, allowed, needs_judging
from broker.session import ClientSession
from broker.shared import filter_of
from broker.subscription import PLAIN, Subscription
from broker.topics import is_filter
from broker.waiting import Room
from broker.wills import WaitingWills
from rigwatch.clock import Clock
from rigwatch.ending import ConnectionEnd, Ending, topic_of_ending
from rigwatch.settings.server import BrokerLimits
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)

# Acks are all that a node is sent, some kilobytes each at most.
_NODE_QUEUE: Final = 1024 * 1024


class Handler(Wire, Protocol):
    """The connection that a session is served by."""

    def end(self, reason: str, code: Reason) -> None:
        """Ends the connection at once, its will included."""
        ...

    def rights_changed(self) -> None:
        """What was found about the account's rights so far no longer counts."""
        ...


class EmbeddedBroker(Broker):
    """Every method that a packet can lead to is synchronous: a message is delivered, or queued, when it returns."""

    def __init__(self, *, limits: BrokerLimits, counters: Counters, clock: Clock, lines: Lines | None = None) -> None:
        # Listeners are our own, so amqtt gets one that binds nothing; an empty `plugins` keeps its defaults
        # (anonymous access among them) out.
        external = ListenerConfig(type=ListenerType.EXTERNAL, bind="external")
        super().__init__(BrokerConfig(listeners={"default": external}, plugins={}))
        self.limits = limits
        self.counters = counters
        # The same objects as amqtt's, which only ever changes them in place.
        self.clients = cast("dict[str, tuple[ClientSession, Handler]]", self._sessions)
        table = cast("dict[str, Retained]", self._retained_messages)
        self.store = RetainedStore(table, limits, counters)
        self.delivery = Delivery(self.store)
        self.publish = self.delivery.publish
        self._by_account: dict[str, set[str]] = {}
        self._rooms: dict[str, Room] = {}
        self.lines = lines or Lines(clock)
        self._clock = clock
        self._wills = WaitingWills()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def expires_at(self, expiry: int | None) -> float | None:
        return None if expiry is None else self.now() + expiry

    def session_expiry(self, wanted: int) -> int:
        """Seconds for which a session may be kept."""
        return min(wanted, int(self.limits.session_expiry.total_seconds()))

    # Sessions

    def open_session(
        self, admitted: Admitted, *, clean: bool, expiry: int, handler: Handler
    ) -> tuple[ClientSession, bool]:
        """The session for a client that has just logged in, and whether it was there before (§3.1.2.4).

        `clean`: what was there is forgotten; `expiry`: seconds for which it outlives the connection. A connection that
        serves the same session is ended first. The caller resumes `outgoing` after its CONNACK.
        """
        key, account = admitted.key, admitted.account
        session = self._take_over(key)
        if session is not None and (clean or session.clean_session):
            self.forget(session)
            session = None
        present = session is not None
        if session is None:
            self._make_room(account.name)
            session = ClientSession(key, account, expiry=expiry, outgoing=self._outgoing_of(key, account))
            self._by_account.setdefault(account.name, set()).add(key)
        self.adopt(session, account)
        session.proof = admitted.proof
        session.keep_for(expiry)
        # Back in time.
        self._wills.take(session)
        self.clients[key] = (session, handler)
        self.counters.sessions = len(self.clients)
        self.fire(BrokerEvents.CLIENT_CONNECTED, client_id=key, client_session=session)
        return session, present

    def close_session(self, session: ClientSession, will: Will | None) -> None:
        """The client has gone; `will` is what it wanted said in that case."""
        session.outgoing.pause()
        session.left_at = self.now()
        delay = min(will.delay, session.expiry) if will is not None else 0
        if will is not None and delay:
            self._wills.add(session, will, self.now() + delay)
        if session.clean_session:
            self.forget(session)
        if will is not None and not delay:
            self._send_will(session, will)
        self.fire(BrokerEvents.CLIENT_DISCONNECTED, client_id=session.client_id, client_session=session)

    def tell_ending(self, node: NodeId, ending: Ending) -> None:
        """The subscriber is told how the connection of a node ended that has left a will."""
        told = msgspec.json.encode(ConnectionEnd(self._clock.now(), ending))
        self.publish(Message(topic_of_ending(node), told, qos=1), retain=True)

    def forget(self, session: ClientSession) -> None:
        """Ends a session that nobody is connected to, with all that waited in it."""
        for topic_filter in session.subscriptions:
            self.delivery.unroute(topic_filter, session)
        self.counters.subscriptions -= len(session.subscriptions)
        session.subscriptions.clear()
        session.outgoing.discard()
        will = self._wills.take(session)
        if self.clients.get(session.client_id, (None, None))[0] is session:
            del self.clients[session.client_id]
            keys = self._by_account[session.username]
            keys.discard(session.client_id)
            if not keys:
                del self._by_account[session.username]
                del self._rooms[session.username]
        self.counters.sessions = len(self.clients)
        if will is not None:
            self._send_will(session, will)

    def send_due_wills(self) -> None:
        """Of clients that have not come back in the time that they set themselves (§3.1.3.2.2 of MQTT 5)."""
        for session in self._wills.due(self.now()):
            will = self._wills.take(session)
            if will is not None:
                self._send_will(session, will)

    def _send_will(self, session: ClientSession, will: Will) -> None:
        if not allowed(session.account, Action.PUBLISH, will.topic):
            # The account's rights have changed since the login.
            self.counters.drop("will outside the account's rights")
            return
        self.counters.wills_sent += 1
        message = Message(
            will.topic,
            will.payload,
            qos=will.qos,
            properties=will.properties,
            expires_at=self.expires_at(will.expiry),
        )
        self.publish(message, retain=will.retain, source=session)

    def absent_sessions(self) -> list[ClientSession]:
        """Sessions whose client is away."""
        return [session for session, _ in self.clients.values() if session.outgoing.wire is None]

    def sessions_of(self, account_name: str) -> list[tuple[ClientSession, Handler]]:
        return [self.clients[key] for key in self._by_account.get(account_name, ())]

    def has_room(self, admitted: Admitted) -> bool:
        """Whether the account may have this session: one that it has, or a further one within the limit."""
        own = self._by_account.get(admitted.account.name, set())
        return (
            admitted.key in own
            or len(own) < self.limits.sessions_per_account
            or any(self.clients[key][0].outgoing.wire is None for key in own)
        )

    def _outgoing_of(self, key: str, account: Account) -> Outgoing:
        size = self.limits.queue_bytes
        if account.role is Role.NODE:
            size = min(size, _NODE_QUEUE)
        room = self._rooms.setdefault(account.name, Room())
        return Outgoing(
            self.limits, self.counters, name=key, queue_bytes=size, room=room, lines=self.lines, clock=self._clock
        )

    def _take_over(self, key: str) -> ClientSession | None:
        session, handler = self.clients.get(key, (None, None))
        if handler is not None and session is not None and session.outgoing.wire is not None:
            handler.end("taken over", Reason.TAKEN_OVER)
            session, _ = self.clients.get(key, (None, None))
        return session

    def adopt(self, session: ClientSession, account: Account) -> None:
        """Gives the session the account as it is today, and takes subscriptions that it may not have any more."""
        before, session.account = session.account, account
        if before == account:
            return
        for topic_filter, granted in list(session.subscriptions.items()):
            matched = filter_of(topic_filter)
            if allowed(account, Action.SUBSCRIBE, matched):
                self.delivery.route(topic_filter, session, granted.judged(is_judged=needs_judging(account, matched)))
            else:
                self.unsubscribe(session, topic_filter)

    def _make_room(self, account_name: str) -> None:
        """An account that connects under ever new client ids loses its oldest absent session for a new one."""
        own = self.sessions_of(account_name)
        if len(own) >= self.limits.sessions_per_account:
            absent = [session for session, _ in own if session.outgoing.wire is None]
            if absent:
                oldest = min(absent, key=lambda session: session.left_at)
                self.counters.drop("session evicted", oldest.outgoing.waiting)
                self.forget(oldest)

    # Subscriptions

    def subscribe(self, session: ClientSession, topic_filter: str, wanted: Subscription) -> int:
        """The granted QoS, or the reason why not. What is kept is sent by `delivery`, after the SUBACK."""
        matched, account = filter_of(topic_filter), session.account
        # The rights first: most of what is refused is refused by the first level that differs.
        if matched and not allowed(account, Action.SUBSCRIBE, matched):
            # What the operator has denied is not explained.
            denied = allowed(replace(account, deny=()), Action.SUBSCRIBE, matched)
            return Reason.UNSPECIFIED if denied else Reason.NOT_AUTHORIZED
        if not matched or not is_filter(topic_filter):
            return Reason.FILTER_INVALID
        if topic_filter not in session.subscriptions:
            if len(session.subscriptions) >= self.limits.subscriptions:
                return Reason.QUOTA_EXCEEDED
            self.counters.subscriptions += 1
        self.delivery.route(topic_filter, session, wanted.judged(is_judged=needs_judging(account, matched)))
        self.fire(BrokerEvents.CLIENT_SUBSCRIBED, client_id=session.client_id, topic=topic_filter, qos=wanted.qos)
        return wanted.qos

    def unsubscribe(self, session: ClientSession, topic_filter: str) -> bool:
        """Whether there was such a subscription."""
        if session.subscriptions.pop(topic_filter, None) is None:
            return False
        self.delivery.unroute(topic_filter, session)
        self.counters.subscriptions -= 1
        self.fire(BrokerEvents.CLIENT_UNSUBSCRIBED, client_id=session.client_id, topic=topic_filter)
        return True

    # What amqtt and its plugins call

    def fire(self, event: BrokerEvents, **details: Any) -> None:  # noqa: ANN401 - whatever belongs to the event
        """Tells plugins, if any wants to know: amqtt makes a task for each."""
        if self._heard.get(event):
            task = self._loop.create_task(self.plugins_manager.fire_event(event, **details))
            self._events.add(task)
            task.add_done_callback(self._events.discard)

    @cached_property
    def _heard(self) -> dict[str, list[Any]]:
        return self.plugins_manager._event_plugin_callbacks  # noqa: SLF001 - amqtt has no public way to ask

    @cached_property
    def _events(self) -> set[Any]:
        return set()

    @property
    def subscriptions(self) -> dict[str, list[tuple[Session, int]]]:
        """amqtt's view of the routes, made anew at each look."""
        found: dict[str, list[tuple[Session, int]]] = {}
        for topic_filter, session, granted in self.delivery.routes:
            found.setdefault(topic_filter, []).append((session, granted.qos))
        return found

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        topic_filter, qos = subscription
        return self.subscribe(cast("ClientSession", session), topic_filter, PLAIN[qos])

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        if topic_name:
            self.store.keep(Message(topic_name, bytes(data or b""), qos=qos or 0), source_session)

    async def _broadcast_message(
        self,
        session: Session | None,
        topic: str | None,
        data: bytes | bytearray | None,
        force_qos: int | None = None,
    ) -> None:
        if topic:
            source = session if isinstance(session, ClientSession) else None
            self.publish(Message(topic, bytes(data or b""), qos=force_qos or 0), retain=False, source=source)

    async def _cleanup_session(self, client_id: str) -> None:
        session, _ = self.clients.get(client_id, (None, None))
        if session is not None:
            self.forget(session)

    async def _session_monitor(self) -> None:
        """Does nothing: `Hub.sweep` ends sessions, by the broker's own clock."""
