"""What a client that is logged in says, and what the broker does about it: what both versions of MQTT have in common.

`broker.client311` and `broker.client5` read and write their own packets; sessions, rights and routing are one.
"""

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from broker.access import Admitted
from broker.connect import Connect
from broker.embedded import EmbeddedBroker
from broker.endings import ending_of
from broker.frames import Violation
from broker.message import Message
from broker.outgoing import Wire
from broker.packets import MAX_FILTERS, read_topic
from broker.reasons import REFUSED, Reason
from broker.rights import Action, Role, allowed
from broker.session import ClientSession
from broker.shared import SHARE
from broker.subscription import Subscription

log = logging.getLogger(__name__)

# A node uses two topics; an admin may use any number, but not the memory of a table of them.
_KNOWN_TOPICS: Final = 256
_KNOWN_LENGTH: Final = 512
HALF_RECEIVED: Final = 1_000
"""QoS 2 messages that a client may begin without finishing one."""
NODE_FILTERS: Final = 8
"""Filters in one packet of a node, which needs a single one."""
# Kept messages that are looked at in one go, some tenths of a millisecond; and as many as cost what a packet does.
_LOOKS: Final = 256
_LOOKS_A_PACKET: Final = 16


class ClientProtocol(ABC):
    """One connection's part of a session: ends with the connection, and takes its will along."""

    __slots__ = ("_broker", "_kept", "_known", "_will", "_wire", "address", "cost", "keep_alive", "session")

    def __init__(
        self,
        broker: EmbeddedBroker,
        wire: Wire,
        session: ClientSession,
        *,
        connect: Connect,
        admitted: Admitted,
        address: str,
    ) -> None:
        self._broker = broker
        self._wire = wire
        self._will = admitted.will
        self._known: dict[bytes, str | None] = {}
        self._kept: deque[Iterator[None]] = deque()
        self.address = address
        self.keep_alive = connect.keep_alive
        self.session = session
        self.cost = 0.0
        """What the packets so far have cost beside themselves, in packets; taken from here by the connection."""

    @abstractmethod
    def send_connack(self, connect: Connect, *, session_present: bool, packet_size: int) -> None:
        """CONNACK, and what waited in the session."""

    @abstractmethod
    def handle(self, first: int, body: bytes) -> bool:
        """Acts on one packet; False: the client said goodbye. Raises `Violation`."""

    def disconnect_packet(self, reason: Reason, text: str) -> bytes:  # noqa: ARG002 - what 3.1.1 has no packet for
        """What a client is told that the broker closes; empty: it just does."""
        return b""

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

    def end(self, reason: str) -> None:
        """The connection is over. Without a reason the client said goodbye, and its will is void (§3.14)."""
        session = self.session
        if reason:
            if session.account.node is not None and self._will is not None:
                # Before the will, so that who hears of the death knows.
                self._broker.tell_ending(session.account.node, ending_of(reason))
            self._broker.lines.info(
                log, "client lost", session.account.name,
                "client=%s address=%s reason=%s", session.client_id, self.address, reason,
            )  # fmt: skip
        self._broker.close_session(session, self._will if reason else None)

    def rights_changed(self) -> None:
        """Topics are judged anew."""
        self._known.clear()

    def _learn(self, raw: bytes) -> str | None:
        """The topic if this client may publish it, else None."""
        try:
            return self._known[raw]
        except KeyError:
            pass
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

    def _pass_on(self, message: Message | None, *, retain: bool) -> None:
        """None: its topic is not allowed."""
        self._broker.counters.messages_received += 1
        if message is None:
            self._broker.counters.drop("not allowed")
        else:
            self._broker.publish(message, retain=retain, source=self.session)

    def _receive_half(self, packet_id: int) -> bool:
        """The first half of a QoS 2 exchange; whether it has not come before."""
        half_received = self.session.half_received = self.session.half_received or set()
        if packet_id in half_received:
            return False
        if len(half_received) >= HALF_RECEIVED:
            raise Violation("too many unfinished QoS 2 messages", Reason.RECEIVE_MAXIMUM)
        half_received.add(packet_id)
        return True

    def _release(self, packet_id: int) -> bool:
        """The second half; whether there was a first."""
        half_received = self.session.half_received
        if not half_received or packet_id not in half_received:
            return False
        half_received.discard(packet_id)
        return True

    def _subscribe(self, topic_filter: str, wanted: Subscription) -> int:
        """The code for the SUBACK."""
        code = self._broker.subscribe(self.session, topic_filter, wanted)
        if code >= REFUSED:
            self._broker.counters.refused["subscription"] += 1
            self._tell("subscribe", topic_filter)
        return code

    def _send_kept(self, topic_filter: str) -> None:
        """After the SUBACK, so that the client knows what it is for. A shared subscription is sent nothing (§4.8.2)."""
        if not topic_filter.startswith(SHARE):
            self._kept.append(self._broker.delivery.send_kept(self.session, topic_filter))

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
