"""Properties of MQTT 5 (§2.2.2.2): which packet may have which, read strictly, and written. Pure.

Those that travel with a message are never looked into beyond their form: they are passed on byte by byte.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from broker.body import Body
from broker.frames import Violation
from broker.reasons import Reason
from rigwatch.varint import varint

# None of ours has one, others have a handful; each costs a microsecond or two to read.
_MOST: Final = 128
_EMPTY: Final = b"\0"


class Property(IntEnum):
    """By their identifiers."""

    PAYLOAD_FORMAT = 0x01
    MESSAGE_EXPIRY = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_ID = 0x0B
    SESSION_EXPIRY = 0x11
    ASSIGNED_CLIENT_ID = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM = 0x17
    WILL_DELAY = 0x18
    REQUEST_RESPONSE = 0x19
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    ALIAS_MAXIMUM = 0x22
    ALIAS = 0x23
    USER = 0x26
    PACKET_MAXIMUM = 0x27


_P = Property
_TRAVELLING: Final = frozenset(
    {_P.PAYLOAD_FORMAT, _P.CONTENT_TYPE, _P.RESPONSE_TOPIC, _P.CORRELATION_DATA, _P.USER},
)
OF_PUBLISH: Final = _TRAVELLING | {_P.MESSAGE_EXPIRY, _P.ALIAS}
OF_WILL: Final = _TRAVELLING | {_P.MESSAGE_EXPIRY, _P.WILL_DELAY}
OF_CONNECT: Final = frozenset({
    _P.SESSION_EXPIRY, _P.RECEIVE_MAXIMUM, _P.PACKET_MAXIMUM, _P.ALIAS_MAXIMUM, _P.REQUEST_RESPONSE, _P.REQUEST_PROBLEM,
    _P.USER, _P.AUTHENTICATION_METHOD, _P.AUTHENTICATION_DATA,
})  # fmt: skip
OF_ACKNOWLEDGEMENT: Final = frozenset({_P.REASON_STRING, _P.USER})
OF_SUBSCRIBE: Final = frozenset({_P.SUBSCRIPTION_ID, _P.USER})
OF_UNSUBSCRIBE: Final = frozenset({_P.USER})
OF_DISCONNECT: Final = frozenset({_P.SESSION_EXPIRY, _P.REASON_STRING, _P.USER})

_SIZES: Final = {
    _P.PAYLOAD_FORMAT: 1, _P.REQUEST_PROBLEM: 1, _P.REQUEST_RESPONSE: 1,
    _P.SERVER_KEEP_ALIVE: 2, _P.RECEIVE_MAXIMUM: 2, _P.ALIAS_MAXIMUM: 2, _P.ALIAS: 2,
    _P.MESSAGE_EXPIRY: 4, _P.SESSION_EXPIRY: 4, _P.WILL_DELAY: 4, _P.PACKET_MAXIMUM: 4,
}  # fmt: skip
_FLAGS: Final = {_P.PAYLOAD_FORMAT, _P.REQUEST_PROBLEM, _P.REQUEST_RESPONSE}
_NEVER_ZERO: Final = {
    _P.RECEIVE_MAXIMUM: Reason.PROTOCOL_ERROR,
    _P.PACKET_MAXIMUM: Reason.PROTOCOL_ERROR,
    _P.SUBSCRIPTION_ID: Reason.PROTOCOL_ERROR,
    _P.ALIAS: Reason.ALIAS_INVALID,
}
_BINARY: Final = {_P.CORRELATION_DATA, _P.AUTHENTICATION_DATA}


class Properties:
    """What one packet had."""

    __slots__ = ("_found", "count", "travelling")

    def __init__(self, found: dict[int, int | str | bytes], travelling: bytes, count: int = 0) -> None:
        self._found = found
        self.count = count
        self.travelling = travelling
        """Those that are passed on with a message, as they came."""

    def number(self, which: Property, default: int) -> int:
        found = self._found.get(which)
        return found if isinstance(found, int) else default

    def __contains__(self, which: Property) -> bool:
        return which in self._found


NONE: Final = Properties({}, b"")


def read_properties(body: Body, allowed: frozenset[Property]) -> Properties:
    """Raises `Violation`. Of user properties nothing is kept but their bytes."""
    length = body.variable()
    if not length:
        return NONE
    end = body.at + length
    if end > len(body.data):
        raise Violation("properties end too late")
    inner = Body(body.data[:end], body.at)
    body.at = end
    found: dict[int, int | str | bytes] = {}
    travelling: list[bytes] = []
    count = 0
    while inner:
        if count == _MOST:
            raise Violation(f"more than {_MOST} properties", Reason.QUOTA_EXCEEDED)
        count += 1
        start = inner.at
        _read_one(inner, allowed, found)
        if inner.data[start] in _TRAVELLING:
            travelling.append(inner.data[start : inner.at])
    return Properties(found, b"".join(travelling), count)


def _read_one(body: Body, allowed: frozenset[Property], found: dict[int, int | str | bytes]) -> None:
    which = body.variable()
    if which not in allowed:
        raise Violation(f"property 0x{which:02x} does not belong here")
    if which == Property.USER:
        body.text()
        body.text()
        return
    if which in found:
        raise Violation(f"property 0x{which:02x} twice", Reason.PROTOCOL_ERROR)
    value = found[which] = _value(body, Property(which))
    if not value and which in _NEVER_ZERO:
        raise Violation(f"property 0x{which:02x} is 0", _NEVER_ZERO[Property(which)])
    if which in _FLAGS and value not in {0, 1}:
        raise Violation(f"property 0x{which:02x} is neither 0 nor 1", Reason.PROTOCOL_ERROR)
    if which == Property.RESPONSE_TOPIC and {"+", "#"} & set(str(value)):
        raise Violation("response topic with a wildcard", Reason.PROTOCOL_ERROR)


def _value(body: Body, which: Property) -> int | str | bytes:
    if which in _SIZES:
        return body.number(_SIZES[which])
    if which == Property.SUBSCRIPTION_ID:
        return body.variable()
    return body.binary() if which in _BINARY else body.text()


def write_properties(wanted: Iterable[tuple[Property, int | str]]) -> bytes:
    """With their length before them."""
    return with_length(b"".join(_written(which, value) for which, value in wanted))


def with_length(properties: bytes) -> bytes:
    return varint(len(properties)) + properties if properties else _EMPTY


def subscription_ids(ids: Iterable[int]) -> bytes:
    return b"".join(b"\x0b" + varint(each) for each in ids)


def _written(which: Property, value: int | str) -> bytes:
    if isinstance(value, int):
        return bytes((which,)) + value.to_bytes(_SIZES[which])
    text = value.encode()
    return bytes((which,)) + len(text).to_bytes(2) + text
