"""CONNECT, in which the versions of MQTT differ least: 3.1 and 3.1.1 and 5 are read by one function (§3.1 of each)."""

from dataclasses import dataclass, field
from typing import Final

from broker.body import Body
from broker.frames import Violation
from broker.properties import NONE, OF_CONNECT, OF_WILL, Properties, Property, read_properties
from broker.reasons import Reason
from broker.topics import is_topic

_BRIDGE: Final = 0x80
_NAMES: Final = {3: b"MQIsdp", 4: b"MQTT", 5: b"MQTT"}
_BEGINS_AS_5: Final = b"\0\4MQTT\5"
MOST_PACKETS: Final = 65_535
FOREVER: Final = 0xFFFF_FFFF
"""Seconds for which a session is kept until the limit ends it."""


class UnknownProtocol(Violation):
    """A CONNECT of another version of MQTT; it is answered with the code for that."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for a client that goes without saying so."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    retain: bool
    properties: bytes = b""
    """Those of MQTT 5 that travel with it."""
    delay: int = 0
    """Seconds to wait for the client to come back."""
    expiry: int | None = None
    """Seconds, from its sending on, for which it means something."""


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What a client of MQTT 5 says of itself; these are the defaults, and what holds for all others."""

    session_expiry: int = 0
    """Seconds for which its session is kept after it has gone."""
    receive_maximum: int = MOST_PACKETS
    packet_maximum: int | None = None
    alias_maximum: int = 0
    has_authentication: bool = False
    """Whether it wants to prove itself by another way than a password."""


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
    options: ConnectOptions | None = None
    """Only in MQTT 5."""


def is_version_5(data: bytes) -> bool:
    """Whether an answer to this CONNECT, right or wrong, has to be one of MQTT 5."""
    return data.startswith(_BEGINS_AS_5)


def read_connect(data: bytes) -> Connect:
    """Raises `UnknownProtocol` for another version of MQTT, `Violation` for anything else that is wrong."""
    body = Body(data)
    level, bridge = _read_version(body)
    is_5 = level == 5
    flags = body.byte()
    _check_flags(flags, is_5=is_5)
    keep_alive = body.number()
    properties = read_properties(body, OF_CONNECT) if is_5 else NONE
    client_id = body.text()
    will = _read_will(body, flags, is_5=is_5) if flags & 0x04 else None
    user = body.text() if flags & 0x80 else None
    password = body.binary() if flags & 0x40 else None
    if body:
        raise Violation("CONNECT is longer than its fields")
    options = _options(properties) if is_5 else None
    return Connect(client_id, bool(flags & 0x02), keep_alive, user, password, will, bridge, options)


def _read_version(body: Body) -> tuple[int, bool]:
    name, level = body.binary(), body.byte()
    # Not in the standard: Mosquitto, RSMB and others mark a bridge by the highest bit.
    bridge = level in {3 | _BRIDGE, 4 | _BRIDGE}
    version = level & ~_BRIDGE if bridge else level
    if name == _NAMES.get(version):
        return version, bridge
    if name in _NAMES.values():
        raise UnknownProtocol(f"MQTT level {level}, only 3 to 5 are spoken here", Reason.UNSUPPORTED_VERSION)
    raise Violation("not MQTT")


def _check_flags(flags: int, *, is_5: bool) -> None:
    if flags & 0x01:
        raise Violation("reserved flag of CONNECT is set")
    if not flags & 0x04 and flags & 0x38:
        raise Violation("CONNECT has a will's flags without a will")
    if flags & 0x18 == 0x18:
        raise Violation("will with QoS 3")
    if flags & 0x40 and not flags & 0x80 and not is_5:
        raise Violation("password without a user name")


def _read_will(body: Body, flags: int, *, is_5: bool) -> Will:
    properties = read_properties(body, OF_WILL) if is_5 else NONE
    topic, payload = body.text(), body.binary()
    if not is_topic(topic):
        raise Violation("will without a proper topic", Reason.TOPIC_INVALID)
    return Will(
        topic,
        payload,
        qos=flags >> 3 & 0x03,
        retain=bool(flags & 0x20),
        properties=properties.travelling,
        delay=properties.number(Property.WILL_DELAY, 0),
        expiry=expiry_of(properties),
    )


def expiry_of(properties: Properties) -> int | None:
    """Seconds for which a message means something; None: for ever."""
    expiry = properties.number(Property.MESSAGE_EXPIRY, -1)
    return None if expiry < 0 else expiry


def _options(properties: Properties) -> ConnectOptions:
    has_method = Property.AUTHENTICATION_METHOD in properties
    if Property.AUTHENTICATION_DATA in properties and not has_method:
        raise Violation("authentication data without a method", Reason.PROTOCOL_ERROR)
    packet_maximum = properties.number(Property.PACKET_MAXIMUM, 0)
    return ConnectOptions(
        properties.number(Property.SESSION_EXPIRY, 0),
        receive_maximum=properties.number(Property.RECEIVE_MAXIMUM, MOST_PACKETS),
        packet_maximum=packet_maximum or None,
        alias_maximum=properties.number(Property.ALIAS_MAXIMUM, 0),
        has_authentication=has_method,
    )
