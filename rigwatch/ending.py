"""How a node's connection ended, as the embedded broker saw it and tells the subscriber: plain JSON."""

from enum import StrEnum

import msgspec
from msgspec import Struct

from rigwatch.clock import Millis
from rigwatch.errors import DecodeError, TopicError
from rigwatch.topics import ENDINGS, NodeId


class Ending(StrEnum):
    """Who ended it, which tells a machine that lives from one that does not."""

    # its end closed it without a goodbye: the process is gone, and the system under it answered for it
    CLOSED = "closed"
    # nothing came for 1.5 times its keep-alive: no power, no network, or the whole machine hangs
    TIMED_OUT = "timed out"
    # the broker did
    REFUSED = "refused"


class ConnectionEnd(Struct, frozen=True):
    """One connection's end."""

    at: Millis
    ending: Ending


_decoder = msgspec.json.Decoder(ConnectionEnd)


def topic_of_ending(node: NodeId) -> str:
    return f"{ENDINGS}{node}"


def decode_ending(topic: str, payload: bytes) -> tuple[NodeId, ConnectionEnd]:
    """Whose, and how; raises `TopicError` or `DecodeError`."""
    if not topic.startswith(ENDINGS):
        raise TopicError(f"{topic[:200]!r} is not below {ENDINGS}")
    try:
        return NodeId.parse(topic.removeprefix(ENDINGS)), _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise DecodeError(f"not a connection's end: {exc}") from None
