"""What the sealed messages say: typed, validated values and their JSON. No sealing, no sending.

`docs/protocol.md` is normative. An absent field and null both mean "not known"; 0 is a measured zero. Unknown fields
are ignored, so that an older server can read a newer publisher.
"""

from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from rigwatch.clock import Millis
from rigwatch.errors import DecodeError

SAMPLES_MAX = 500
"""The most samples in one report."""
GPUS_MAX = 64
"""The most cards in one sample."""
BOARDS_MAX = 32
"""The most hash boards in one sample, and the most fans."""
ALGORITHMS_MAX = 8
"""The most algorithms of one node in one sample."""
LINE_MAX = 200
"""The most characters of a text."""

# Bounds keep a broken or hostile rig from storing what no column or chart can hold; they are wider than any machine.
# 2^53 is where JSON numbers of other languages stop being exact.
COUNT_MAX = 2**53
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Moment = Annotated[Millis, Meta(ge=0, le=2**53)]
Sequence = Annotated[int, Meta(ge=1, le=2**53)]
Rate = Annotated[float, Meta(ge=0, le=1e24)]
Celsius = Annotated[float, Meta(ge=-100, le=1000)]
Watts = Annotated[float, Meta(ge=0, le=1e7)]
Percent = Annotated[float, Meta(ge=0, le=1000)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Rpm = Annotated[float, Meta(ge=0, le=1e6)]
Interval = Annotated[float, Meta(ge=0.1, le=86400)]
Line = Annotated[str, Meta(max_length=LINE_MAX)]


class NodeState(StrEnum):
    """What a node says of itself, or its will says for it."""

    ONLINE = "online"
    LOST = "lost"
    OFFLINE = "offline"


class Gpu(Struct, frozen=True, omit_defaults=True):
    """One card, known by its PCI address or UUID, never by its index: indices move when a card drops out."""

    id: Line
    name: Line = ""
    hashrate: Rate | None = None
    temperature: Celsius | None = None
    memory_temperature: Celsius | None = None
    power: Watts | None = None
    fan: Percent | None = None
    utilization: Percent | None = None
    accepted: Count | None = None
    rejected: Count | None = None
    invalid: Count | None = None
    hardware_errors: Count | None = None


class Board(Struct, frozen=True, omit_defaults=True):
    """A hash board of an ASIC, known by its place: `chips` that work, of `chips_expected`. One that is not `active`
    hashes nothing, or is not there at all."""

    id: Line
    active: bool | None = None
    hashrate: Rate | None = None
    temperature: Celsius | None = None
    chip_temperature: Celsius | None = None
    chips: Count | None = None
    chips_expected: Count | None = None


class Fan(Struct, frozen=True, omit_defaults=True):
    """A fan of an ASIC, known by its place."""

    id: Line
    rpm: Rpm | None = None


class Work(Struct, frozen=True, omit_defaults=True):
    """What a node does for one algorithm, where it mines several."""

    hashrate: Rate | None = None
    accepted: Count | None = None
    rejected: Count | None = None
    stale: Count | None = None
    invalid: Count | None = None


class Miner(Struct, frozen=True, omit_defaults=True):
    """The mining program."""

    name: Line
    version: Line = ""


class Sample(Struct, frozen=True, omit_defaults=True):
    """One node's figures over one interval that ended at `at`: hashrate in H/s, temperature in °C, power in W,
    fan and cpu in %, uptime in s; `errors` maps a source's name to why it could not be read, `odd` to the figures that
    it told in a way that is none. Hashrate and shares are of `algorithm`; with several, `algorithms` has each one's.
    """

    n: Sequence
    at: Moment
    hashrate: Rate | None = None
    peers: Count | None = None
    block: Count | None = None
    block_hash: Line | None = None
    syncing: bool | None = None
    accepted: Count | None = None
    rejected: Count | None = None
    stale: Count | None = None
    invalid: Count | None = None
    hardware_errors: Count | None = None
    algorithm: Line | None = None
    algorithms: Annotated[dict[Line, Work], Meta(max_length=ALGORITHMS_MAX)] | None = None
    last_share_at: Moment | None = None
    temperature: Celsius | None = None
    power: Watts | None = None
    fan: Percent | None = None
    cpu: Percent | None = None
    gpus: Annotated[tuple[Gpu, ...], Meta(max_length=GPUS_MAX)] | None = None
    boards: Annotated[tuple[Board, ...], Meta(max_length=BOARDS_MAX)] | None = None
    fans: Annotated[tuple[Fan, ...], Meta(max_length=BOARDS_MAX)] | None = None
    miner: Miner | None = None
    pool: Line | None = None
    uptime: Seconds | None = None
    errors: Annotated[dict[Line, Line], Meta(max_length=32)] = {}
    odd: Annotated[dict[Line, Line], Meta(max_length=32)] = {}


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


class Ack(Struct, frozen=True):
    """These samples are committed. With no `n`: your session is older than `session`, start one above it.

    `rival` is where another publisher with the same key connects from, as far as that is known.
    """

    session: Sequence
    n: Annotated[tuple[Sequence, ...], Meta(max_length=SAMPLES_MAX)] = ()
    rival: Line | UnsetType = UNSET


Message = TypeVar("Message", Status, Report, Ack)

_encoder = msgspec.json.Encoder()
_decoders: dict[type, msgspec.json.Decoder[Status | Report | Ack]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Status, Report, Ack)
}


def encode(message: Status | Report | Ack) -> bytes:
    """Compact UTF-8 JSON; fields that hold their default are left out."""
    return _encoder.encode(message)


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
