"""What the embedded broker tells the subscriber of a node whose connection was taken over: plain JSON."""

import msgspec
from msgspec import Struct

from rigwatch.clock import Millis
from rigwatch.errors import DecodeError, TopicError
from rigwatch.topics import TAKEOVERS, NodeId

Place = tuple[str, int]
"""An address and a port."""


class Takeover(Struct, frozen=True):
    """`old` lost its connection to `new`. `contested`: it takes two clients for this to happen so often."""

    at: Millis
    old: Place
    new: Place
    contested: bool = False


_decoder = msgspec.json.Decoder(Takeover)


def topic_of_takeover(node: NodeId) -> str:
    return f"{TAKEOVERS}{node}"


def decode_takeover(topic: str, payload: bytes) -> tuple[NodeId, Takeover]:
    """Whose, and what; raises `TopicError` or `DecodeError`."""
    if not topic.startswith(TAKEOVERS):
        raise TopicError(f"{topic[:200]!r} is not below {TAKEOVERS}")
    try:
        return NodeId.parse(topic.removeprefix(TAKEOVERS)), _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise DecodeError(f"not a take-over: {exc}") from None
