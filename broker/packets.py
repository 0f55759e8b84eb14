"""Control packets that clients of MQTT 3.1.1 send: bodies in, values out, `Violation` for all that it forbids. Pure.

CONNECT is in `broker.connect`, MQTT 5 in `broker.packets5`.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from broker.body import Body
from broker.frames import Violation
from broker.reasons import Reason
from broker.topics import is_topic

# A SUBSCRIBE costs memory and a search in the retained messages for each filter in it.
MAX_FILTERS: Final = 1000


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
        raise Violation("PUBLISH without a proper topic", Reason.TOPIC_INVALID)
    return topic


def read_packet_id(body: bytes) -> int:
    """The whole body of PUBACK, PUBREC, PUBREL and PUBCOMP."""
    if len(body) != 2:
        raise Violation("acknowledgement of a wrong length")
    return body[0] << 8 | body[1]


def read_subscribe(data: bytes, most: int = MAX_FILTERS) -> tuple[int, list[tuple[str, int]]]:
    """§3.8: the packet id, and filters with the QoS asked for. Filters may be malformed: each is answered by itself."""
    body = Body(data)
    packet_id = body.packet_id()
    wanted: list[tuple[str, int]] = []
    while body:
        topic_filter, qos = body.text(), body.byte()
        if qos > 2:
            raise Violation("SUBSCRIBE with a QoS above 2")
        wanted.append((topic_filter, qos))
        check_count(wanted, most)
    if not wanted:
        raise Violation("SUBSCRIBE without a filter")
    return packet_id, wanted


def read_unsubscribe(data: bytes, most: int = MAX_FILTERS) -> tuple[int, list[str]]:
    """§3.10."""
    body = Body(data)
    packet_id = body.packet_id()
    unwanted: list[str] = []
    while body:
        unwanted.append(body.text())
        check_count(unwanted, most)
    if not unwanted:
        raise Violation("UNSUBSCRIBE without a filter")
    return packet_id, unwanted


def check_count(filters: Sequence[object], most: int) -> None:
    if len(filters) > most:
        raise Violation(f"more than {most} filters in one packet", Reason.QUOTA_EXCEEDED)
