"""Why something was refused or ended, in the codes of MQTT 5 (§2.4), of which 3.1.1 knows a handful."""

from enum import IntEnum
from typing import Final


class Reason(IntEnum):
    """Those that this broker sends or has to know; below 0x80 all is well."""

    SUCCESS = 0x00
    NO_SUBSCRIPTION = 0x11
    UNSPECIFIED = 0x80
    MALFORMED = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_VERSION = 0x84
    CLIENT_ID_REFUSED = 0x85
    WRONG_LOGIN = 0x86
    NOT_AUTHORIZED = 0x87
    UNAVAILABLE = 0x88
    BUSY = 0x89
    SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE = 0x8D
    TAKEN_OVER = 0x8E
    FILTER_INVALID = 0x8F
    TOPIC_INVALID = 0x90
    PACKET_ID_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM = 0x93
    ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    RATE_EXCEEDED = 0x9F


REFUSED: Final = 0x80
"""From here on a code is a refusal; and it is the only one that a SUBACK of 3.1.1 has."""

_CONNACK_311: Final = {
    Reason.SUCCESS: 0,
    Reason.UNSUPPORTED_VERSION: 1,
    Reason.CLIENT_ID_REFUSED: 2,
    Reason.WRONG_LOGIN: 4,
    Reason.NOT_AUTHORIZED: 5,
}


def connack_code(reason: Reason) -> int:
    """The return code of a CONNACK in 3.1.1 (§3.2.2.3), where all that passes by itself is "unavailable"."""
    return _CONNACK_311.get(reason, 3)
