"""amqtt's broker with everything between a session and its subscribers replaced: sessions, routing, retained messages.

amqtt keeps what surrounds that: its life cycle, its tables of sessions and retained messages, its plugins. The names
with an underscore below are not promised by amqtt, which is why its minor version is pinned (`tests/integration/broker/
test_amqtt_rows.py` notices a change).
"""

import logging
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Protocol, cast

from amqtt.broker import Broker, RetainedApplicationMessage
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.events import BrokerEvents
from amqtt.session import Session

from broker.access import Admitted
from broker.counters import Counters
from broker.message import Message
from broker.outgoing import Wire
from broker.packets import Will
from broker.rights import Account, Action, allowed
from broker.routing import Routes
from broker.session import ClientSession, new_session
from broker.shared import SHARE, Shares, filter_of
from broker.topics import is_exact, is_filter, matches
from rigwatch.clock import Clock
from rigwatch.settings.server import BrokerLimits

log = logging.getLogger(__name__)

REFUSED = 0x80


class Handler(Wire, Protocol):
    """The connection that a session is served by."""

    def end(self, reason: str) -> None:
        """Ends the connection at once, its will included."""
        ...

    def rights_changed(self) -> None:
        """What was found about the account's rights so far no longer counts."""
        ...


class Retained(RetainedApplicationMessage):
    """A retained message in amqtt's table, with the packet that is sent for it."""

    __slots__ = ("message",)

    def __init__(self, source: Session | None, message: Message) -> None:
        super().__init__(source, message.topic, message.payload, message.qos)
        self.message = message


class EmbeddedBroker(Broker):
    """Every method that a packet can lead to is synchronous: a message is delivered, or queued, when it returns."""

    def __init__(self, *, limits: BrokerLimits, counters: Counters, clock: Clock) -> None:
        # Listeners are our own, so amqtt gets one that binds nothing; an empty `plugins` keeps its defaults
        # (anonymous access among them) out.
        external = ListenerConfig(type=ListenerType.EXTERNAL, bind="external")
        super().__init__(BrokerConfig(listeners={"default": external}, plugins={}))
        self.limits = limits
        self.counters = counters
        # The same objects as amqtt's, which only ever changes them in place.
        self.clients = cast("dict[str, tuple[ClientSession, Handler]]", self._sessions)
        self.retained = cast("dict[str, Retained]", self._retained_messages)
        self.routes: Routes[ClientSession] = Routes()
        self.shares: Shares[ClientSession] = Shares()
        self._by_account: dict[str, set[str]] = {}
        self._clock = clock
        self._full = False

    # Sessions

    def open_session(self, admitted: Admitted, *, clean: bool, handler: Handler) -> tuple[ClientSession, bool]:
        """The session for a client that has just logged in, and whether it was there before (§3.1.2.4).

        A connection that serves the same session is ended first. The caller resumes `outgoing` after its CONNACK.
        """
        key, account = admitted.key, admitted.account
        session = self._take_over(key)
        if session is not None and (clean or session.clean_session):
            self.forget(session)
            session = None
        present = session is not None
        if session is None:
            session = new_session(key, account, clean=clean, limits=self.limits, counters=self.counters)
            self._make_room(account.name)
            self._by_account.setdefault(account.name, set()).add(key)
        self.adopt(session, account)
        session.proof = admitted.proof
        session.clean_session = clean
        self.clients[key] = (session, handler)
        self.counters.sessions = len(self.clients)
        self.fire(BrokerEvents.CLIENT_CONNECTED, client_id=key, client_session=session)
        return session, present

    def close_session(self, session: ClientSession, will: Will | None) -> None:
        """The client has gone; `will` is what it wanted said in that case."""
        session.outgoing.pause()
        session.left_at = self._clock.monotonic()
        if session.clean_session:
            self.forget(session)
        if will is not None:
            self.counters.wills_sent += 1
            self.publish(Message(will.topic, will.payload, qos=will.qos), retain=will.retain, source=session)
        self.fire(BrokerEvents.CLIENT_DISCONNECTED, client_id=session.client_id, client_session=session)

    def forget(self, session: ClientSession) -> None:
        """Ends a session that nobody is connected to, with all that waited in it."""
        for topic_filter in session.subscriptions:
            self._unroute(topic_filter, session)
        self.counters.subscriptions -= len(session.subscriptions)
        session.subscriptions.clear()
        if self.clients.get(session.client_id, (None, None))[0] is session:
            del self.clients[session.client_id]
            keys = self._by_account[session.username]
            keys.discard(session.client_id)
            if not keys:
                del self._by_account[session.username]
        self.counters.sessions = len(self.clients)

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

    def _take_over(self, key: str) -> ClientSession | None:
        session, handler = self.clients.get(key, (None, None))
        if handler is not None and session is not None and session.outgoing.wire is not None:
            handler.end("taken over")
            session, _ = self.clients.get(key, (None, None))
        return session

    def adopt(self, session: ClientSession, account: Account) -> None:
        """Gives the session the account as it is today, and takes subscriptions that it may not have any more."""
        session.account = account
        for topic_filter in [f for f in session.subscriptions if not allowed(account, Action.SUBSCRIBE, filter_of(f))]:
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

    def subscribe(self, session: ClientSession, topic_filter: str, qos: int) -> int:
        """The granted QoS, or `REFUSED`. Retained messages are sent by `send_retained`, after the SUBACK."""
        matched = filter_of(topic_filter)
        if not (is_filter(topic_filter) and matched and allowed(session.account, Action.SUBSCRIBE, matched)):
            return REFUSED
        if topic_filter not in session.subscriptions:
            if len(session.subscriptions) >= self.limits.subscriptions:
                return REFUSED
            self.counters.subscriptions += 1
        session.subscriptions[topic_filter] = qos
        (self.routes if matched is topic_filter else self.shares).add(topic_filter, session, qos)
        self.fire(BrokerEvents.CLIENT_SUBSCRIBED, client_id=session.client_id, topic=topic_filter, qos=qos)
        return qos

    def unsubscribe(self, session: ClientSession, topic_filter: str) -> None:
        if session.subscriptions.pop(topic_filter, None) is not None:
            self._unroute(topic_filter, session)
            self.counters.subscriptions -= 1
            self.fire(BrokerEvents.CLIENT_UNSUBSCRIBED, client_id=session.client_id, topic=topic_filter)

    def _unroute(self, topic_filter: str, session: ClientSession) -> None:
        (self.shares if topic_filter.startswith(SHARE) else self.routes).remove(topic_filter, session)

    def send_retained(self, session: ClientSession, topic_filter: str, qos: int) -> None:
        """What is retained under the filter, to this session alone. A wildcard costs a look at every topic."""
        for retained in self._retained_under(topic_filter):
            message: Message = retained.message
            if not session.account.deny or allowed(session.account, Action.RECEIVE, message.topic):
                session.outgoing.deliver(message, min(qos, message.qos))

    def _retained_under(self, topic_filter: str) -> Iterable[Retained]:
        if is_exact(topic_filter):
            retained = self.retained.get(topic_filter)
            return () if retained is None else (retained,)
        return [each for topic, each in self.retained.items() if matches(topic_filter, topic)]

    # Messages

    def publish(self, message: Message, *, retain: bool, source: Session | None = None) -> None:
        """Keeps the message if it is to be retained, and gives it to everybody who subscribed."""
        if retain:
            message.is_state = True
            self._retain(message, source)
        for session, qos in self.routes.match(message.topic):
            if session.account.deny and not allowed(session.account, Action.RECEIVE, message.topic):
                continue
            session.outgoing.deliver(message, min(qos, message.qos))
        if self.shares:
            self._publish_shared(message)

    def _publish_shared(self, message: Message) -> None:
        """To one of each group: one who is connected, else one for whom messages are kept."""

        def may(session: ClientSession) -> bool:
            return not session.account.deny or allowed(session.account, Action.RECEIVE, message.topic)

        for group in self.shares.match(message.topic):
            taker = group.take(lambda one: one.outgoing.wire is not None and may(one)) or group.take(may)
            if taker is not None:
                taker[0].outgoing.deliver(message, min(taker[1], message.qos))

    def _retain(self, message: Message, source: Session | None) -> None:
        """An empty payload clears (§3.3.1.3). `$SYS` topics are the broker's own and do not count."""
        store = self.retained
        own = message.topic.startswith("$")
        if not message.payload:
            self.counters.retained -= store.pop(message.topic, None) is not None and not own
            return
        if message.topic not in store and not own:
            if self.counters.retained >= self.limits.retained:
                self.counters.drop("retained store full")
                self._say_full()
                return
            self.counters.retained += 1
        kept = Message(message.topic, message.payload, qos=message.qos, retain=True)
        store[message.topic] = Retained(source, kept)

    def _say_full(self) -> None:
        if not self._full:
            self._full = True
            log.warning("retained messages at their limit, further topics are not kept limit=%s", self.limits.retained)

    # What amqtt and its plugins call

    def fire(self, event: BrokerEvents, **details: Any) -> None:  # noqa: ANN401
        """Tells plugins, if any wants to know: amqtt makes a task for each."""
        if self._heard.get(event):
            task = self._loop.create_task(self.plugins_manager.fire_event(event, **details))
            self._events.add(task)
            task.add_done_callback(self._events.discard)

    @cached_property
    def _heard(self) -> dict[str, list[Any]]:
        return self.plugins_manager._event_plugin_callbacks  # noqa: SLF001

    @cached_property
    def _events(self) -> set[Any]:
        return set()

    @property
    def subscriptions(self) -> dict[str, list[tuple[Session, int]]]:
        """amqtt's view of the routes, made anew at each look."""
        found: dict[str, list[tuple[Session, int]]] = {}
        for topic_filter, session, qos in self.routes:
            found.setdefault(topic_filter, []).append((session, qos))
        return found

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        return self.subscribe(cast("ClientSession", session), *subscription)

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        if topic_name:
            self._retain(Message(topic_name, bytes(data or b""), qos=qos or 0), source_session)

    async def _broadcast_message(
        self,
        session: Session | None,
        topic: str | None,
        data: bytes | bytearray | None,
        force_qos: int | None = None,
    ) -> None:
        if topic:
            self.publish(Message(topic, bytes(data or b""), qos=force_qos or 0), retain=False, source=session)

    async def _cleanup_session(self, client_id: str) -> None:
        session, _ = self.clients.get(client_id, (None, None))
        if session is not None:
            self.forget(session)

    async def _session_monitor(self) -> None:
        """Does nothing: `broker.sweeper` ends sessions, by the broker's own clock."""
