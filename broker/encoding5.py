"""Control packets that the broker sends in MQTT 5, as bytes. Acknowledgements without a reason are those of 3.1.1."""

from collections.abc import Callable, Iterable
from typing import Final

from broker.message import Message
from broker.properties import Property, write_properties
from broker.reasons import Reason
from rigwatch.varint import varint

_ALIASES: Final = 256
"""Topics to which one client gets an alias at most, whatever it would take."""
_ALIASED_LENGTH: Final = 512
_REASON: Final = 200


def connack5(
    reason: Reason, *, session_present: bool = False, properties: Iterable[tuple[Property, int | str]] = ()
) -> bytes:
    body = bytes((session_present and reason is Reason.SUCCESS, reason)) + write_properties(properties)
    return b"\x20" + varint(len(body)) + body


def acknowledgement(first: int, packet_id: int, reason: Reason) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte."""
    return bytes((first, 3)) + packet_id.to_bytes(2) + bytes((reason,))


def suback5(packet_id: int, codes: Iterable[int]) -> bytes:
    return _answer(0x90, packet_id, codes)


def unsuback5(packet_id: int, codes: Iterable[int]) -> bytes:
    return _answer(0xB0, packet_id, codes)


def disconnect5(reason: Reason, text: str = "") -> bytes:
    """`text` is for whoever looks at the client's log."""
    properties = write_properties([(Property.REASON_STRING, text[:_REASON])] if text else [])
    body = bytes((reason,)) + properties
    return b"\xe0" + varint(len(body)) + body


def _answer(first: int, packet_id: int, codes: Iterable[int]) -> bytes:
    body = packet_id.to_bytes(2) + b"\0" + bytes(codes)
    return bytes((first,)) + varint(len(body)) + body


class Encoder:
    """Writes PUBLISH for one connection: within its largest packet, with the aliases that it takes (§3.3.2.3.4).

    The first topics that are sent get the aliases: a client that wants them reads few topics, over and over.
    """

    __slots__ = ("_aliases", "_is_plain", "_most_aliases", "_now", "_packet_maximum")

    def __init__(self, now: Callable[[], float], *, packet_maximum: int | None = None, alias_maximum: int = 0) -> None:
        self._now = now
        self._packet_maximum = packet_maximum
        self._is_plain = packet_maximum is None and not alias_maximum
        self._most_aliases = min(alias_maximum, _ALIASES)
        self._aliases: dict[str, int] = {}

    def publish(self, message: Message, qos: int, packet_id: int) -> bytes:
        """Empty where the client does not take a packet that large: then it counts as sent (§3.1.2.11.4)."""
        if self._is_plain and message.expires_at is None:
            return message.packet5(qos, packet_id)
        now = self._now() if message.expires_at is not None else 0.0
        packet = self._with_alias(message, qos, packet_id, now) if self._most_aliases else b""
        return packet or self._within(message.packet5(qos, packet_id, now))

    def _with_alias(self, message: Message, qos: int, packet_id: int, now: float) -> bytes:
        alias = self._aliases.get(message.topic)
        if alias is not None:
            return self._within(message.aliased(qos, packet_id, alias, is_known=True, now=now))
        if len(self._aliases) >= self._most_aliases or len(message.topic) > _ALIASED_LENGTH:
            return b""
        alias = len(self._aliases) + 1
        packet = self._within(message.aliased(qos, packet_id, alias, is_known=False, now=now))
        if packet:
            # Only now: a packet that was not sent has told the client nothing.
            self._aliases[message.topic] = alias
        return packet

    def _within(self, packet: bytes) -> bytes:
        if self._packet_maximum is not None and len(packet) > self._packet_maximum:
            return b""
        return packet
