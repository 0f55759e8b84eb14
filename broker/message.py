"""One application message on its way through the broker, encoded at most once for each way it can leave."""

from math import ceil
from typing import Final

from broker.encoding import publish_head
from broker.properties import subscription_ids, with_length
from rigwatch.topics import PREFIX, TopicLevel

_LIFE: Final = (f"{PREFIX}/", f"/{TopicLevel.STATUS.value}")
_EXPIRY: Final = b"\x02"
_ALIAS: Final = b"\x23"
# Each holds the properties anew, which no queue counts, and identifiers are the clients' choice.
_VARIANTS: Final = 4


class Message:
    """What was published. Shared by everybody who gets it, so what it says never changes.

    `properties` are those of MQTT 5 that travel, as bytes; who speaks 3.1.1 is not sent them.
    """

    __slots__ = (
        "_heads", "_heads5", "_unnumbered", "_variants", "expires_at", "is_life", "is_state", "payload", "properties",
        "qos", "retain", "size", "topic",
    )  # fmt: skip

    def __init__(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool = False,
        properties: bytes = b"",
        expires_at: float | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        # Set on what is sent because it was retained, clear on what is sent because it was published (§3.3.1.3).
        self.retain = retain
        self.properties = properties
        self.expires_at = expires_at
        """Monotonic seconds after which it is not sent any more."""
        self.size = len(payload) + len(topic) + len(properties) + 64
        """Bytes that a queue counts it with."""
        self.is_state = retain
        """Whether it was published to be kept: of what waits for a client it is given up after what was not."""
        self.is_life = topic.endswith(_LIFE[1]) and topic.startswith(_LIFE[0])
        """Whether it is of a node's birth, death or goodbye: nothing makes it wait, and it is given up last."""
        self._variants: dict[tuple[bool, tuple[int, ...]], Message] | None = None
        self._unnumbered = b""
        self._heads = [b"", b"", b""]
        self._heads5: list[bytes] | None = None
        """By QoS; and what comes behind the packet id, which is the same in all three."""

    def granted(self, *, retain: bool, ids: tuple[int, ...] = ()) -> "Message":
        """The same, as a subscription has it sent: marked as retained or not, with its identifiers."""
        if retain is self.retain and not ids:
            return self
        variants = self._variants = self._variants or {}
        found = variants.get((retain, ids))
        if found is None:
            if len(variants) >= _VARIANTS:
                variants.clear()
            found = variants[retain, ids] = self.variant(retain=retain, ids=ids)
        return found

    def variant(self, *, retain: bool, ids: tuple[int, ...]) -> "Message":
        """A copy in that form, which nothing here remembers."""
        properties = self.properties + subscription_ids(ids)
        made = Message(
            self.topic, self.payload, qos=self.qos, retain=retain, properties=properties, expires_at=self.expires_at
        )
        made.is_state = self.is_state or retain
        return made

    def packet(self, qos: int, packet_id: int) -> bytes:
        """The whole packet in MQTT 3.1.1; `packet_id` means nothing at QoS 0."""
        if qos:
            return b"".join((self._heads[qos] or self._head(qos), packet_id.to_bytes(2), self.payload))
        if not self._unnumbered:
            self._unnumbered = self._head(0) + self.payload
        return self._unnumbered

    def packet5(self, qos: int, packet_id: int, now: float = 0.0) -> bytes:
        """The whole packet in MQTT 5, with what is left of its time."""
        if self.expires_at is not None:
            return self._packet5(qos, packet_id, self.topic, self._left(now))
        heads = self._heads5 = self._heads5 or [b"", b"", b"", with_length(self.properties)]
        head, behind = heads[qos] or self._head5(heads, qos), heads[3]
        if qos:
            return b"".join((head, packet_id.to_bytes(2), behind, self.payload))
        return b"".join((head, behind, self.payload))

    def aliased(self, qos: int, packet_id: int, alias: int, *, is_known: bool, now: float = 0.0) -> bytes:
        """The same with a topic alias: in place of the topic where the client knows it."""
        further = _ALIAS + alias.to_bytes(2)
        if self.expires_at is not None:
            further += self._left(now)
        return self._packet5(qos, packet_id, "" if is_known else self.topic, further)

    def is_expired(self, now: float) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def _left(self, now: float) -> bytes:
        left = max(0, ceil((self.expires_at or now) - now))
        return _EXPIRY + left.to_bytes(4)

    def _packet5(self, qos: int, packet_id: int, topic: str, further: bytes) -> bytes:
        behind = with_length(further + self.properties)
        head = publish_head(topic, len(behind) + len(self.payload), qos=qos, retain=self.retain)
        return b"".join((head, packet_id.to_bytes(2) if qos else b"", behind, self.payload))

    def _head(self, qos: int) -> bytes:
        head = self._heads[qos] = publish_head(self.topic, len(self.payload), qos=qos, retain=self.retain)
        return head

    def _head5(self, heads: list[bytes], qos: int) -> bytes:
        length = len(heads[3]) + len(self.payload)
        head = heads[qos] = publish_head(self.topic, length, qos=qos, retain=self.retain)
        return head


def again(packet: bytes) -> bytes:
    """A PUBLISH marked as a delivery that may have happened before."""
    return bytes((packet[0] | 0x08,)) + packet[1:]
