"""Control packets that the broker sends in MQTT 3.1.1, as bytes; acknowledgements are the same in 5. Pure.

What clients send is read in `broker.packets`.
"""

from collections.abc import Iterable
from typing import Final

from broker.reasons import Reason, connack_code
from rigwatch.varint import varint

PINGRESP: Final = b"\xd0\x00"


def connack(reason: Reason, *, session_present: bool = False) -> bytes:
    return bytes((0x20, 2, session_present and reason is Reason.SUCCESS, connack_code(reason)))


def puback(packet_id: int) -> bytes:
    return b"\x40\x02" + packet_id.to_bytes(2)


def pubrec(packet_id: int) -> bytes:
    return b"\x50\x02" + packet_id.to_bytes(2)


def pubrel(packet_id: int) -> bytes:
    return b"\x62\x02" + packet_id.to_bytes(2)


def pubcomp(packet_id: int) -> bytes:
    return b"\x70\x02" + packet_id.to_bytes(2)


def suback(packet_id: int, codes: Iterable[int]) -> bytes:
    """`codes`: one for each filter, the granted QoS or 0x80 for refused."""
    body = packet_id.to_bytes(2) + bytes(codes)
    return b"\x90" + varint(len(body)) + body


def unsuback(packet_id: int) -> bytes:
    return b"\xb0\x02" + packet_id.to_bytes(2)


def publish_head(topic: str, payload_length: int, *, qos: int, retain: bool) -> bytes:
    """A PUBLISH up to and without its packet id, which is all that differs between those who get the same message."""
    name = topic.encode()
    length = 2 + len(name) + (2 if qos else 0) + payload_length
    return b"".join((bytes((0x30 | qos << 1 | retain,)), varint(length), len(name).to_bytes(2), name))
