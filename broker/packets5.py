"""Control packets that clients of MQTT 5 send: bodies in, values out, `Violation` with its reason for what is wrong.

Pure. CONNECT is in `broker.connect`.
"""

from dataclasses import dataclass
from typing import Final

from broker.body import Body
from broker.frames import Violation
from broker.packets import check_count
from broker.properties import (
    NONE,
    OF_ACKNOWLEDGEMENT,
    OF_DISCONNECT,
    OF_PUBLISH,
    OF_SUBSCRIBE,
    OF_UNSUBSCRIBE,
    Properties,
    Property,
    read_properties,
)
from broker.reasons import Reason
from broker.shared import SHARE
from broker.subscription import Subscription

# §3.4.2.1 to §3.7.2.1: what a client may answer, by the packet's first byte.
_ANSWERS: Final = frozenset({0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99})
_RELEASES: Final = frozenset({0x00, 0x92})
# §3.14.2.1: with what a client may go.
_GOODBYES: Final = frozenset(
    {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FilterRequest:
    """One filter of a SUBSCRIBE. It may be malformed: each is answered by itself."""

    topic_filter: str
    options: Subscription
    retain_handling: int
    """0: what is kept is sent, 1: unless the subscription was there before, 2: never (§3.8.3.1)."""


def split_publish5(first: int, body: bytes) -> tuple[bytes, int, Properties, bytes]:
    """§3.3: the topic's bytes, the packet id (0 at QoS 0), properties, the payload. The topic is still to be checked.

    The hot path of MQTT 5, as `split_publish` is of 3.1.1.
    """
    qos = first & 0x06
    if qos == 0x06:
        raise Violation("PUBLISH with QoS 3")
    if len(body) < 3:
        raise Violation("packet ends too early")
    end = 2 + (body[0] << 8 | body[1])
    at, packet_id = end, 0
    if qos:
        at += 2
        if len(body) <= at:
            raise Violation("packet ends too early")
        packet_id = body[end] << 8 | body[end + 1]
        if not packet_id:
            raise Violation("packet id 0", Reason.PROTOCOL_ERROR)
    elif first & 0x08:
        raise Violation("PUBLISH at QoS 0 marked as repeated")
    elif len(body) <= at:
        raise Violation("packet ends too early")
    if not body[at]:
        return body[2:end], packet_id, NONE, body[at + 1 :]
    rest = Body(body, at)
    properties = read_properties(rest, OF_PUBLISH)
    return body[2:end], packet_id, properties, body[rest.at :]


def read_acknowledgement(data: bytes, *, is_release: bool = False) -> tuple[int, int]:
    """PUBACK and PUBREC, or PUBREL and PUBCOMP: the packet id and the reason code, which may be left out."""
    if len(data) == 2 and data != b"\0\0":
        # All is well, as nearly always.
        return data[0] << 8 | data[1], 0
    body = Body(data)
    packet_id, reason = body.packet_id(), body.byte()
    if reason not in (_RELEASES if is_release else _ANSWERS):
        raise Violation(f"acknowledgement with reason 0x{reason:02x}")
    _read_last(body, OF_ACKNOWLEDGEMENT)
    return packet_id, reason


def read_subscribe5(data: bytes, most: int) -> tuple[int, list[FilterRequest]]:
    """§3.8."""
    body = Body(data)
    packet_id = body.packet_id()
    number = read_properties(body, OF_SUBSCRIBE).number(Property.SUBSCRIPTION_ID, 0)
    ids = (number,) if number else ()
    wanted: list[FilterRequest] = []
    while body:
        wanted.append(_wanted(body.text(), body.byte(), ids))
        check_count(wanted, most)
    if not wanted:
        raise Violation("SUBSCRIBE without a filter", Reason.PROTOCOL_ERROR)
    return packet_id, wanted


def _wanted(topic_filter: str, options: int, ids: tuple[int, ...]) -> FilterRequest:
    if options & 0xC0:
        raise Violation("reserved option of a subscription is set")
    if options & 0x03 == 0x03 or options & 0x30 == 0x30:
        raise Violation("subscription with QoS 3 or retain handling 3", Reason.PROTOCOL_ERROR)
    no_local = bool(options & 0x04)
    if no_local and topic_filter.startswith(SHARE):
        raise Violation("shared subscription that leaves out its own messages", Reason.PROTOCOL_ERROR)
    granted = Subscription(options & 0x03, no_local=no_local, as_published=bool(options & 0x08), ids=ids)
    return FilterRequest(topic_filter, granted, options >> 4)


def read_unsubscribe5(data: bytes, most: int) -> tuple[int, list[str]]:
    """§3.10."""
    body = Body(data)
    packet_id = body.packet_id()
    read_properties(body, OF_UNSUBSCRIBE)
    unwanted: list[str] = []
    while body:
        unwanted.append(body.text())
        check_count(unwanted, most)
    if not unwanted:
        raise Violation("UNSUBSCRIBE without a filter", Reason.PROTOCOL_ERROR)
    return packet_id, unwanted


def read_disconnect(data: bytes) -> tuple[int, int | None]:
    """§3.14: the reason code, and seconds for which the session is to be kept, where that changes."""
    body = Body(data)
    if not body:
        return 0, None
    reason = body.byte()
    if reason not in _GOODBYES:
        raise Violation(f"DISCONNECT with reason 0x{reason:02x}")
    expiry = _read_last(body, OF_DISCONNECT).number(Property.SESSION_EXPIRY, -1)
    return reason, None if expiry < 0 else expiry


def _read_last(body: Body, allowed: frozenset[Property]) -> Properties:
    """Properties with which a packet ends, and which it may do without (§3.4.2.2.1)."""
    properties = read_properties(body, allowed) if body else NONE
    if body:
        raise Violation("packet is longer than its fields")
    return properties
