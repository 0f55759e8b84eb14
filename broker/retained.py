"""What is kept for those who subscribe later, in amqtt's own table, within limits of number and bytes."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from amqtt.broker import RetainedApplicationMessage
from amqtt.session import Session

from broker.counters import Counters
from broker.message import Message
from broker.rights import Role
from broker.session import ClientSession
from broker.topics import is_exact, matcher
from rigwatch.settings.server import BrokerLimits

log = logging.getLogger(__name__)

NODE_BYTES: Final = 256 * 1024
"""What one node may have kept. A birth of some hundred bytes is all that it needs."""


class Retained(RetainedApplicationMessage):
    """A retained message in amqtt's table, with the packet that is sent for it, and whose it is."""

    __slots__ = ("message", "owner")

    def __init__(self, source: Session | None, message: Message, owner: str) -> None:
        super().__init__(source, message.topic, message.payload, message.qos)
        self.message = message
        self.owner = owner


class RetainedStore:
    """Topics below `$` are the broker's own, and count for nothing."""

    def __init__(self, table: dict[str, Retained], limits: BrokerLimits, counters: Counters) -> None:
        self._table = table
        self._limits = limits
        self._counters = counters
        self._bytes = 0
        self._bytes_of: Counter[str] = Counter()
        self._is_full = False
        self._expiring: set[str] = set()

    def expire(self, now: float) -> None:
        """Drops what has a time and is past it; monotonic seconds."""
        for topic in [topic for topic in self._expiring if self._table[topic].message.is_expired(now)]:
            self._drop(topic)

    def keep(self, message: Message, source: Session | None) -> bool:
        """Whether it is kept. An empty payload clears its topic (§3.3.1.3), and so does one there is no room for: what
        was said before is no longer true."""
        topic = message.topic
        if topic.startswith("$"):
            self._keep_own(message)
            return True
        self._drop(topic)
        if not message.payload:
            return True
        owner = source.account.name if isinstance(source, ClientSession) else ""
        if not self._has_room(message, source, owner):
            self._counters.drop("retained store full")
            self._say_full()
            return False
        kept = message.granted(retain=True)
        self._table[topic] = Retained(source, kept, owner)
        if kept.expires_at is not None:
            self._expiring.add(topic)
        self._count(kept, owner, 1)
        return True

    def under(self, topic_filter: str) -> Iterator[Message | None]:
        """What is kept under the filter, one look a step; None for a topic that does not match.

        Others may publish between two steps: what is given is kept now.
        """
        if is_exact(topic_filter):
            found = self._table.get(topic_filter)
            if found is not None:
                yield found.message
            return
        matches: Callable[[str], bool] = matcher(topic_filter)
        for topic in list(self._table):
            found = self._table.get(topic) if matches(topic) else None
            yield found.message if found is not None else None

    def _keep_own(self, message: Message) -> None:
        self._table[message.topic] = Retained(None, message.granted(retain=True), "")

    def _drop(self, topic: str) -> None:
        found = self._table.pop(topic, None)
        if found is not None:
            self._expiring.discard(topic)
            self._count(found.message, found.owner, -1)

    def _count(self, message: Message, owner: str, sign: int) -> None:
        self._counters.retained += sign
        self._bytes += sign * message.size
        self._bytes_of[owner] += sign * message.size
        if not self._bytes_of[owner]:
            del self._bytes_of[owner]

    def _has_room(self, message: Message, source: Session | None, owner: str) -> bool:
        if self._counters.retained >= self._limits.retained:
            return False
        is_node = isinstance(source, ClientSession) and source.account.role is Role.NODE
        if is_node and self._bytes_of[owner] + message.size > NODE_BYTES:
            return False
        return self._bytes + message.size <= self._limits.retained_bytes

    def _say_full(self) -> None:
        if not self._is_full:
            self._is_full = True
            log.warning(
                "retained messages at their limit, further ones are not kept topics=%s bytes=%s",
                self._limits.retained,
                self._limits.retained_bytes,
            )
