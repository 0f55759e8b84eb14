"""The broker's counters for people and their tools, as `$SYS/broker/…` topics under the names that dashboards and
exporters made for Mosquitto ask for. Names for Prometheus are in `broker.prometheus`."""

from collections.abc import Callable, Iterator
from typing import Final

from broker.counters import Counters
from broker.embedded import EmbeddedBroker
from broker.load import Load
from broker.message import Message
from rigwatch import __version__

_ROOT: Final = "$SYS/broker/"
_TOPICS: Final[dict[str, Callable[[Counters], int]]] = {
    "connections/open": lambda counters: counters.connections,
    "connections/accepted": lambda counters: counters.accepted,
    "clients/connected": lambda counters: counters.clients,
    "clients/active": lambda counters: counters.clients,
    "clients/disconnected": lambda counters: counters.sessions - counters.clients,
    "clients/inactive": lambda counters: counters.sessions - counters.clients,
    "clients/total": lambda counters: counters.sessions,
    "clients/maximum": lambda counters: counters.clients_maximum,
    "clients/expired": lambda counters: counters.sessions_expired,
    "clients/logins": lambda counters: counters.logins,
    "sessions/count": lambda counters: counters.sessions,
    "subscriptions/count": lambda counters: counters.subscriptions,
    "retained messages/count": lambda counters: counters.retained,
    "messages/received": lambda counters: counters.messages_received,
    "messages/sent": lambda counters: counters.messages_sent,
    "publish/messages/received": lambda counters: counters.messages_received,
    "publish/messages/sent": lambda counters: counters.messages_sent,
    "publish/messages/dropped": lambda counters: sum(counters.dropped.values()),
    "bytes/received": lambda counters: counters.bytes_received,
    "bytes/sent": lambda counters: counters.bytes_sent,
    "wills/sent": lambda counters: counters.wills_sent,
}
_BY_REASON: Final = {
    "messages/dropped": "dropped",
    "logins/refused": "refused",
    "connections/turned away": "turned_away",
    "clients/closed": "closed",
}
_LOADS: Final[dict[str, Callable[[Counters], int]]] = {
    "messages/received": lambda counters: counters.messages_received,
    "messages/sent": lambda counters: counters.messages_sent,
    "publish/received": lambda counters: counters.messages_received,
    "publish/sent": lambda counters: counters.messages_sent,
    "publish/dropped": lambda counters: sum(counters.dropped.values()),
    "bytes/received": lambda counters: counters.bytes_received,
    "bytes/sent": lambda counters: counters.bytes_sent,
    "sockets": lambda counters: counters.accepted,
    "connections": lambda counters: counters.logins,
}


def figures(counters: Counters) -> Iterator[tuple[str, int]]:
    """Topics below `$SYS/broker/` with their values; totals of what has reasons, and each reason by itself."""
    for topic, value_of in _TOPICS.items():
        yield topic, value_of(counters)
    for topic, name in _BY_REASON.items():
        by_reason = getattr(counters, name)
        yield topic, sum(by_reason.values())
        for reason, count in by_reason.items():
            yield f"{topic}/{reason}", count


class SysTopics:
    """Publishes them. `now` is monotonic, seconds."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._load = Load(now)

    def publish(self, broker: EmbeddedBroker, now: float) -> None:
        """Sends all to those who subscribed, and keeps them for those who will."""
        self._load.note({name: value_of(broker.counters) for name, value_of in _LOADS.items()}, now)
        for topic, text in self._texts(broker.counters, now):
            broker.publish(Message(_ROOT + topic, text.encode(), qos=0), retain=True)

    def _texts(self, counters: Counters, now: float) -> Iterator[tuple[str, str]]:
        yield "version", f"rigwatch {__version__}"
        yield "uptime", f"{int(now - self._began)} seconds"
        for topic, value in figures(counters):
            yield topic, str(value)
        for name, average in self._load:
            yield f"load/{name}", f"{average:.2f}"
