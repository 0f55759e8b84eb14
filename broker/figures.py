"""The broker's counters for people and their tools: `$SYS/broker/…` topics, and names for Prometheus."""

from collections.abc import Iterator

from broker.counters import Counters
from broker.embedded import EmbeddedBroker
from broker.message import Message

_ROOT = "$SYS/broker/"
_TOPICS = {
    "connections/open": "connections",
    "connections/accepted": "accepted",
    "clients/connected": "clients",
    "clients/maximum": "clients_maximum",
    "clients/logins": "logins",
    "sessions/count": "sessions",
    "subscriptions/count": "subscriptions",
    "retained messages/count": "retained",
    "messages/received": "messages_received",
    "messages/sent": "messages_sent",
    "bytes/received": "bytes_received",
    "bytes/sent": "bytes_sent",
    "wills/sent": "wills_sent",
}
_BY_REASON = {
    "messages/dropped": "dropped",
    "logins/refused": "refused",
    "connections/turned away": "turned_away",
    "clients/closed": "closed",
}


def figures(counters: Counters) -> Iterator[tuple[str, int]]:
    """Topics below `$SYS/broker/` with their values; totals of what has reasons, and each reason by itself."""
    for topic, name in _TOPICS.items():
        yield topic, getattr(counters, name)
    for topic, name in _BY_REASON.items():
        by_reason = getattr(counters, name)
        yield topic, sum(by_reason.values())
        for reason, count in by_reason.items():
            yield f"{topic}/{reason}", count


def publish_figures(broker: EmbeddedBroker) -> None:
    """Sends all figures to those who subscribed, and keeps them for those who will."""
    for topic, value in figures(broker.counters):
        broker.publish(Message(_ROOT + topic, str(value).encode(), qos=0), retain=True)
