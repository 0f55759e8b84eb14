"""Who is sent a message, and in which form: by routes, rights and the options of subscriptions. It knows no packet."""

from collections.abc import Iterator

from broker.message import Message
from broker.retained import RetainedStore
from broker.rights import Action, allowed
from broker.routing import Routes
from broker.session import ClientSession
from broker.shared import SHARE, Shares
from broker.subscription import Subscription


class Delivery:
    """Subscriptions by filter, and what is kept for those that come later."""

    def __init__(self, store: RetainedStore) -> None:
        self.routes: Routes[ClientSession] = Routes(_may)
        self._shares: Shares[ClientSession] = Shares()
        self._store = store

    def route(self, topic_filter: str, session: ClientSession, granted: Subscription) -> None:
        """Adds a subscription, or changes what it grants."""
        session.subscriptions[topic_filter] = granted
        (self._shares if topic_filter.startswith(SHARE) else self.routes).add(topic_filter, session, granted)

    def unroute(self, topic_filter: str, session: ClientSession) -> None:
        (self._shares if topic_filter.startswith(SHARE) else self.routes).remove(topic_filter, session)

    def publish(self, message: Message, *, retain: bool, source: ClientSession | None = None) -> None:
        """Keeps the message if it is to be retained, and gives it to everybody who subscribed."""
        if retain:
            message.is_state = True
            self._store.keep(message, source)
        for session, granted in self.routes.match(message.topic):
            if granted.is_plain:
                session.outgoing.deliver(message, min(granted.qos, message.qos))
            else:
                self._deliver(session, granted, message, retain=retain, source=source)
        if self._shares:
            self._publish_shared(message, retain=retain)

    def send_kept(self, session: ClientSession, topic_filter: str) -> Iterator[None]:
        """Sends what is kept under the filter, to this session alone; one step is one look at a kept message."""
        for message in self._store.under(topic_filter):
            granted = session.subscriptions.get(topic_filter)
            if message is not None and granted is not None and _may_have(session, granted, message):
                # Made for this client: what is kept long meets ever new identifiers.
                sent = message.variant(retain=True, ids=granted.ids) if granted.ids else message
                session.outgoing.deliver(sent, min(granted.qos, message.qos))
            yield

    @staticmethod
    def _deliver(
        session: ClientSession,
        granted: Subscription,
        message: Message,
        *,
        retain: bool,
        source: ClientSession | None = None,
    ) -> None:
        """By the options of the subscription."""
        if session is source:
            if granted.no_local:
                return
            granted = granted.own or granted
        sent = message.granted(retain=retain and granted.as_published, ids=granted.ids)
        session.outgoing.deliver(sent, min(granted.qos, message.qos))

    def _publish_shared(self, message: Message, *, retain: bool) -> None:
        """To one of each group: one who is connected, else one for whom messages are kept."""

        def may(session: ClientSession, granted: Subscription) -> bool:
            return _may_have(session, granted, message)

        for group in self._shares.match(message.topic):
            taker = group.take(lambda one, granted: one.outgoing.wire is not None and may(one, granted))
            taker = taker or group.take(may)
            if taker is not None:
                self._deliver(*taker, message, retain=retain)


def _may_have(session: ClientSession, granted: Subscription, message: Message) -> bool:
    return not granted.is_judged or _may(session, message.topic)


def _may(session: ClientSession, topic: str) -> bool:
    return allowed(session.account, Action.RECEIVE, topic)
