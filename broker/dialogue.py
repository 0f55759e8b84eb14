"""What a client that is logged in says, and what the broker does about it: one method a kind of packet."""

import logging
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from broker.embedded import REFUSED, EmbeddedBroker
from broker.encoding import PINGRESP, puback, pubcomp, pubrec, suback, unsuback
from broker.frames import Violation
from broker.message import Message
from broker.outgoing import Wire
from broker.packets import (
    MAX_FILTERS,
    Kind,
    Will,
    read_packet_id,
    read_subscribe,
    read_topic,
    read_unsubscribe,
    split_publish,
)
from broker.rights import Action, Role, allowed
from broker.session import ClientSession
from broker.subscription import PLAIN, Subscription

log = logging.getLogger(__name__)

# A node uses two topics; an admin may use any number, but not the memory of a table of them.
_KNOWN_TOPICS: Final = 256
_KNOWN_LENGTH: Final = 512
# QoS 2 messages that a client may begin without finishing one.
_HALF_RECEIVED: Final = 1_000
_PUBLISH: Final = Kind.PUBLISH << 4
NODE_FILTERS: Final = 8
"""Filters in one packet of a node, which needs a single one."""
# Kept messages that are looked at in one go, some tenths of a millisecond; and as many as cost what a packet does.
_LOOKS: Final = 256
_LOOKS_A_PACKET: Final = 16
# Another broker keeps what is kept here, and never gets back what it brought.
_FOR_BRIDGES: Final = tuple(Subscription(qos, no_local=True, as_published=True) for qos in range(3))


class Dialogue:
    """One connection's part of a session: ends with the connection, and takes its will along."""

    __slots__ = (
        "_broker", "_kept", "_known", "_will", "_wire", "address", "cost", "keep_alive", "session",
    )  # fmt: skip

    def __init__(
        self,
        broker: EmbeddedBroker,
        wire: Wire,
        session: ClientSession,
        *,
        will: Will | None,
        keep_alive: int,
        address: str,
    ) -> None:
        self._broker = broker
        self._wire = wire
        self._will = will
        self._known: dict[bytes, str | None] = {}
        self._kept: deque[Iterator[None]] = deque()
        self.address = address
        self.keep_alive = keep_alive
        self.session = session
        self.cost = 0.0
        """What the packets so far have cost beside themselves, in packets; taken from here by the connection."""

    @property
    def is_busy(self) -> bool:
        """Whether a subscription has still to be served with what is kept: by `work`, before the next packet."""
        return bool(self._kept)

    def work(self) -> None:
        """A part of it."""
        kept = self._kept[0]
        looks = sum(1 for _ in islice(kept, _LOOKS))
        self.cost += looks / _LOOKS_A_PACKET
        if looks < _LOOKS:
            self._kept.popleft()

    def handle(self, first: int, body: bytes) -> bool:
        """Acts on one packet; False: the client said goodbye. Raises `Violation`."""
        if first & 0xF0 == _PUBLISH:
            self._publish(first, body)
        elif first == _PUBACK:
            if not self.session.outgoing.acknowledged(read_packet_id(body)):
                self.cost += 1
        elif first == _PINGREQ:
            self._wire.send(PINGRESP)
        elif first == _DISCONNECT:
            return False
        else:
            self._handle_rare(first, body)
        return True

    def _handle_rare(self, first: int, body: bytes) -> None:
        if first == _SUBSCRIBE:
            self._subscribe(body)
        elif first == _UNSUBSCRIBE:
            self._unsubscribe(body)
        elif first == _PUBREC:
            self.cost += 1
            self.session.outgoing.received(read_packet_id(body))
        elif first == _PUBREL:
            self._release(read_packet_id(body))
        elif first == _PUBCOMP:
            self.session.outgoing.completed(read_packet_id(body))
        else:
            raise Violation(f"unexpected packet 0x{first:02x}")

    def end(self, reason: str) -> None:
        """The connection is over. Without a reason the client said goodbye, and its will is void (§3.14)."""
        session, will = self.session, self._will if reason else None
        if reason:
            self._broker.lines.info(
                log, "client lost", session.account.name,
                "client=%s address=%s reason=%s", session.client_id, self.address, reason,
            )  # fmt: skip
        if will is not None and not allowed(session.account, Action.PUBLISH, will.topic):
            # The account's rights have changed since the login.
            self._broker.counters.drop("will outside the account's rights")
            will = None
        self._broker.close_session(session, will)

    def rights_changed(self) -> None:
        """Topics are judged anew."""
        self._known.clear()

    def _publish(self, first: int, body: bytes) -> None:
        raw, packet_id, payload = split_publish(first, body)
        try:
            topic = self._known[raw]
        except KeyError:
            topic = self._learn(raw)
        qos = first >> 1 & 0x03
        if qos < 2:
            self._pass_on(topic, payload, first)
            if qos:
                self._wire.send(puback(packet_id))
            return
        half_received = self.session.half_received = self.session.half_received or set()
        if packet_id not in half_received:
            if len(half_received) >= _HALF_RECEIVED:
                raise Violation("too many unfinished QoS 2 messages")
            half_received.add(packet_id)
            self._pass_on(topic, payload, first)
        self._wire.send(pubrec(packet_id))

    def _pass_on(self, topic: str | None, payload: bytes, first: int) -> None:
        self._broker.counters.messages_received += 1
        if topic is None:
            self._broker.counters.drop("not allowed")
        else:
            message = Message(topic, payload, qos=first >> 1 & 0x03)
            self._broker.publish(message, retain=bool(first & 0x01), source=self.session)

    def _learn(self, raw: bytes) -> str | None:
        """The topic if this client may publish it, else None: MQTT 3.1.1 has no answer but silence or the door."""
        topic: str | None = read_topic(raw)
        assert topic is not None
        if not allowed(self.session.account, Action.PUBLISH, topic):
            self._tell("publish", topic)
            topic = None
        if len(self._known) >= _KNOWN_TOPICS:
            self._known.clear()
        if len(raw) <= _KNOWN_LENGTH:
            self._known[raw] = topic
        return topic

    def _release(self, packet_id: int) -> None:
        if self.session.half_received:
            self.session.half_received.discard(packet_id)
        self._wire.send(pubcomp(packet_id))

    def _subscribe(self, body: bytes) -> None:
        packet_id, wanted = read_subscribe(body, self._most_filters)
        self.cost += len(wanted) - 1
        grants = _FOR_BRIDGES if self.session.is_bridge else PLAIN
        codes = [self._broker.subscribe(self.session, topic_filter, grants[qos]) for topic_filter, qos in wanted]
        self._wire.send(suback(packet_id, codes))
        for (topic_filter, _), code in zip(wanted, codes, strict=True):
            if code == REFUSED:
                self._broker.counters.refused["subscription"] += 1
                self._tell("subscribe", topic_filter)
            else:
                self._kept.append(self._broker.retained_for(self.session, topic_filter))

    def _unsubscribe(self, body: bytes) -> None:
        packet_id, unwanted = read_unsubscribe(body, self._most_filters)
        self.cost += len(unwanted) - 1
        for topic_filter in unwanted:
            self._broker.unsubscribe(self.session, topic_filter)
        self._wire.send(unsuback(packet_id))

    @property
    def _most_filters(self) -> int:
        return NODE_FILTERS if self.session.account.role is Role.NODE else MAX_FILTERS

    def _tell(self, action: str, topic: str) -> None:
        """A client that is refused is refused again and again, and one that connects anew begins anew."""
        client = self.session.client_id
        self._broker.lines.warning(
            log, "not allowed", self.session.account.name,
            "client=%s address=%s action=%s topic=%r", client, self.address, action, topic[:200],
        )  # fmt: skip


# First bytes with their fixed flags (§2.2.2): any other value is a violation.
_PUBACK: Final = Kind.PUBACK << 4
_PUBREC: Final = Kind.PUBREC << 4
_PUBREL: Final = Kind.PUBREL << 4 | 0x02
_PUBCOMP: Final = Kind.PUBCOMP << 4
_SUBSCRIBE: Final = Kind.SUBSCRIBE << 4 | 0x02
_UNSUBSCRIBE: Final = Kind.UNSUBSCRIBE << 4 | 0x02
_PINGREQ: Final = Kind.PINGREQ << 4
_DISCONNECT: Final = Kind.DISCONNECT << 4
