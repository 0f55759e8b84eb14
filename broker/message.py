"""One application message on its way through the broker, encoded at most once for each way it can leave."""

from typing import Final

from broker.encoding import publish_head
from rigwatch.topics import PREFIX, TopicLevel

_LIFE: Final = (f"{PREFIX}/", f"/{TopicLevel.STATUS.value}")


class Message:
    """What was published. Shared by everybody who gets it, so what it says never changes."""

    __slots__ = ("_heads", "_retained", "_unnumbered", "is_life", "is_state", "payload", "qos", "retain", "topic")

    def __init__(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        # Set on what is sent because it was retained, clear on what is sent because it was published (§3.3.1.3).
        self.retain = retain
        self.is_state = retain
        """Whether it was published to be kept: of what waits for a client it is given up after what was not."""
        self.is_life = topic.endswith(_LIFE[1]) and topic.startswith(_LIFE[0])
        """Whether it is of a node's birth, death or goodbye: nothing makes it wait, and it is given up last."""
        self._retained: Message | None = self if retain else None
        self._unnumbered = b""
        self._heads = [b"", b"", b""]

    def as_retained(self) -> "Message":
        """The same, sent with the mark of what was published to be kept."""
        if self._retained is None:
            self._retained = Message(self.topic, self.payload, qos=self.qos, retain=True)
        return self._retained

    @property
    def size(self) -> int:
        """Bytes that a queue counts it with."""
        return len(self.payload) + len(self.topic) + 64

    def unnumbered(self) -> bytes:
        """The whole packet at QoS 0."""
        if not self._unnumbered:
            self._unnumbered = self._head(0) + self.payload
        return self._unnumbered

    def numbered(self, packet_id: int, qos: int) -> bytes:
        """The whole packet at QoS 1 or 2."""
        return b"".join((self._heads[qos] or self._head(qos), packet_id.to_bytes(2), self.payload))

    def repeated(self, packet_id: int, qos: int) -> bytes:
        """The same, marked as a delivery that may have happened before."""
        packet = self.numbered(packet_id, qos)
        return bytes((packet[0] | 0x08,)) + packet[1:]

    def _head(self, qos: int) -> bytes:
        head = self._heads[qos] = publish_head(self.topic, len(self.payload), qos=qos, retain=self.retain)
        return head
