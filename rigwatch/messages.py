"""What the sealed messages say: typed, validated values and their JSON. No sealing, no sending.

`docs/protocol.md` is normative. An absent field and null both mean "not known"; 0 is a measured zero. Unknown fields
are ignored, so that an older server can read a newer publisher.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from rigwatch.clock import Millis
from rigwatch.errors import DecodeError
from rigwatch.figures import Line, Measurements, Moment

SAMPLES_MAX = 500
"""The most samples in one report."""
SERVERS_MAX = 8
"""The most addresses of a server."""

Sequence = Annotated[int, Meta(ge=1, le=2**53)]
Interval = Annotated[float, Meta(ge=0.1, le=86400)]


class NodeState(StrEnum):
    """What a node says of itself, or its will says for it."""

    ONLINE = "online"
    LOST = "lost"
    OFFLINE = "offline"


class _Told(Measurements, frozen=True, omit_defaults=True, kw_only=True):
    """What could not be measured as well. It stands between so that `n` and `at` come first on the wire."""

    errors: Annotated[dict[Line, Line], Meta(max_length=32)] = field(default_factory=dict)
    odd: Annotated[dict[Line, Line], Meta(max_length=32)] = field(default_factory=dict)


class Sample(_Told, frozen=True, omit_defaults=True):
    """One node's measurements over one interval that ended at `at`. `errors` maps a source's name to why it could not
    be read, `odd` to the figures that it told in a way that is none.
    """

    n: Sequence
    at: Moment


class Status(Struct, frozen=True, omit_defaults=True):
    """Birth, will or goodbye. `interval` is in seconds; `reason` says why a goodbye was said.

    `instance` is made up at the start of each publisher and kept nowhere: one that comes again after another was there
    has been running all the time, so there are two.
    """

    state: NodeState
    session: Sequence
    host: Line = ""
    name: Line = ""
    version: Line = ""
    interval: Interval = 60.0
    sources: Annotated[tuple[Line, ...], Meta(max_length=32)] = ()
    tags: Annotated[tuple[Line, ...], Meta(max_length=32)] = ()
    reason: Line = ""
    instance: Line = ""


class Report(Struct, frozen=True):
    """Samples of one node. `sent_at` is the rig's clock at sending, by which the server puts that clock right."""

    session: Sequence
    sent_at: Moment
    samples: Annotated[tuple[Sample, ...], Meta(min_length=1, max_length=SAMPLES_MAX)]


class _Spliced(Struct, frozen=True, gc=False):
    """A report that is written; its members are those of `Report`, in their order."""

    session: int
    sent_at: Millis
    samples: list[Raw]


class Ack(Struct, frozen=True):
    """These samples are committed. With no `n`: your session is older than `session`, start one above it.

    `rival` is where another publisher with the same key connects from, as far as that is known. `servers` are all the
    addresses at which this server can be found from now on, besides the one in the join token; none: that one alone.
    """

    session: Sequence
    n: Annotated[tuple[Sequence, ...], Meta(max_length=SAMPLES_MAX)] = ()
    rival: Line | UnsetType = UNSET
    servers: Annotated[tuple[Line, ...], Meta(max_length=SERVERS_MAX)] | UnsetType = UNSET


Message = TypeVar("Message", Status, Report, Ack)

_encoder = msgspec.json.Encoder()
_decoders: dict[type, msgspec.json.Decoder[Status | Report | Ack]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Status, Report, Ack)
}


def encode(message: Status | Report | Ack) -> bytes:
    """Compact UTF-8 JSON; fields that hold their default are left out."""
    return _encoder.encode(message)


def encode_report(session: int, sent_at: Millis, samples: Iterable[bytes]) -> bytes:
    """As `encode` of a report whose samples were written before: the JSON of each is taken as it stands, unread."""
    return _encoder.encode(_Spliced(session, sent_at, [Raw(each) for each in samples]))


def decode(data: bytes, kind: type[Message]) -> Message:
    """The message, valid in every field; raises `DecodeError` that names the wrong field but not its value."""
    try:
        message = _decoders[kind].decode(data)
    except msgspec.ValidationError as exc:
        raise DecodeError(f"not a {kind.__name__.lower()}: {_without_value(str(exc))}") from None
    except UnicodeDecodeError:
        raise DecodeError("not JSON: a text in it is not UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as exc:
        raise DecodeError(f"not JSON: {exc}") from None
    assert isinstance(message, kind)  # each decoder above yields the kind it is stored under
    return message


def _without_value(text: str) -> str:
    """msgspec repeats what stood in place of an enum's member, and nothing else of what a stranger sent."""
    what, at, where = text.rpartition(" - at `")
    return f"Invalid enum value{at}{where}" if what.startswith("Invalid enum value") else text
