"""Control packets that clients send: bodies in, values out, `Violation` for all that MQTT 3.1.1 forbids. Pure."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from broker.frames import Violation
from broker.topics import is_topic

# A SUBSCRIBE costs memory and a search in the retained messages for each filter in it.
MAX_FILTERS: Final = 1000
_BRIDGE: Final = 0x80


class Kind(IntEnum):
    """The high four bits of a packet's first byte."""

    CONNECT = 1
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    UNSUBSCRIBE = 10
    PINGREQ = 12
    DISCONNECT = 14


class UnknownProtocol(Violation):
    """A CONNECT of another version of MQTT; it is answered with the code for that."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for a client that goes without saying so."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT that is well formed; whether it is welcome is decided elsewhere."""

    client_id: str
    clean_session: bool
    keep_alive: int
    user: str | None
    password: bytes | None = field(repr=False)
    will: Will | None
    bridge: bool = False
    """Another broker that passes messages on, and says so."""


class _Body:
    """Reads a packet's body from the front; raises `Violation` at its end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        return self._take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self._take(2))

    def binary(self) -> bytes:
        return self._take(self.number())

    def text(self) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError:
            raise Violation("text that is not UTF-8") from None
        if "\0" in text:
            raise Violation("text with a null character")
        return text

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise Violation("packet ends too early")
        part, self._at = self._data[self._at : end], end
        return part


def read_connect(data: bytes) -> Connect:
    """§3.1. Raises `UnknownProtocol` for another version of MQTT, `Violation` for anything else that is wrong."""
    body = _Body(data)
    name, level = body.binary(), body.byte()
    # Not in the standard: Mosquitto, RSMB and others mark a bridge by the highest bit.
    bridge = level == 4 | _BRIDGE
    if name != b"MQTT" or not (bridge or level == 4):
        if name not in {b"MQTT", b"MQIsdp"}:
            raise Violation("not MQTT")
        raise UnknownProtocol(f"MQTT level {level}, only 4 (MQTT 3.1.1) is spoken here")
    flags = body.byte()
    _check_connect_flags(flags)
    keep_alive = body.number()
    client_id = body.text()
    will = _read_will(body, flags) if flags & 0x04 else None
    user = body.text() if flags & 0x80 else None
    password = body.binary() if flags & 0x40 else None
    if body:
        raise Violation("CONNECT is longer than its fields")
    return Connect(client_id, bool(flags & 0x02), keep_alive, user, password, will, bridge)


def _check_connect_flags(flags: int) -> None:
    if flags & 0x01:
        raise Violation("reserved flag of CONNECT is set")
    if not flags & 0x04 and flags & 0x38:
        raise Violation("CONNECT has a will's flags without a will")
    if flags & 0x18 == 0x18:
        raise Violation("will with QoS 3")
    if flags & 0x40 and not flags & 0x80:
        raise Violation("password without a user name")


def _read_will(body: _Body, flags: int) -> Will:
    topic, payload = body.text(), body.binary()
    if not is_topic(topic):
        raise Violation("will without a proper topic")
    return Will(topic, payload, qos=flags >> 3 & 0x03, retain=bool(flags & 0x20))


def split_publish(first: int, body: bytes) -> tuple[bytes, int, bytes]:
    """§3.3: the topic's bytes, the packet id (0 at QoS 0) and the payload. The topic still has to be checked.

    The hottest function of the broker: a topic is decoded and checked once a client, not once a message.
    """
    qos = first & 0x06
    if qos == 0x06:
        raise Violation("PUBLISH with QoS 3")
    if len(body) < 2:
        raise Violation("packet ends too early")
    end = 2 + (body[0] << 8 | body[1])
    if qos:
        if len(body) < end + 2:
            raise Violation("packet ends too early")
        packet_id = body[end] << 8 | body[end + 1]
        if not packet_id:
            raise Violation("packet id 0")
        return body[2:end], packet_id, body[end + 2 :]
    if first & 0x08:
        raise Violation("PUBLISH at QoS 0 marked as repeated")
    if len(body) < end:
        raise Violation("packet ends too early")
    return body[2:end], 0, body[end:]


def read_topic(raw: bytes) -> str:
    """The name in a PUBLISH; raises `Violation` for bad UTF-8, wildcards, or none at all."""
    try:
        topic = raw.decode()
    except UnicodeDecodeError:
        raise Violation("text that is not UTF-8") from None
    if not is_topic(topic):
        raise Violation("PUBLISH without a proper topic")
    return topic


def read_packet_id(body: bytes) -> int:
    """The whole body of PUBACK, PUBREC, PUBREL and PUBCOMP."""
    if len(body) != 2:
        raise Violation("acknowledgement of a wrong length")
    return body[0] << 8 | body[1]


def read_subscribe(data: bytes, most: int = MAX_FILTERS) -> tuple[int, list[tuple[str, int]]]:
    """§3.8: the packet id, and filters with the QoS asked for. Filters may be malformed: each is answered by itself."""
    body = _Body(data)
    packet_id = _numbered(body)
    wanted: list[tuple[str, int]] = []
    while body:
        topic_filter, qos = body.text(), body.byte()
        if qos > 2:
            raise Violation("SUBSCRIBE with a QoS above 2")
        wanted.append((topic_filter, qos))
        _check_count(wanted, most)
    if not wanted:
        raise Violation("SUBSCRIBE without a filter")
    return packet_id, wanted


def read_unsubscribe(data: bytes, most: int = MAX_FILTERS) -> tuple[int, list[str]]:
    """§3.10."""
    body = _Body(data)
    packet_id = _numbered(body)
    unwanted: list[str] = []
    while body:
        unwanted.append(body.text())
        _check_count(unwanted, most)
    if not unwanted:
        raise Violation("UNSUBSCRIBE without a filter")
    return packet_id, unwanted


def _numbered(body: _Body) -> int:
    packet_id = body.number()
    if not packet_id:
        raise Violation("packet id 0")
    return packet_id


def _check_count(filters: list[tuple[str, int]] | list[str], most: int) -> None:
    if len(filters) > most:
        raise Violation(f"more than {most} filters in one packet")
