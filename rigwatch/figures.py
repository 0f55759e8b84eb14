"""What is measured of a node: each figure with its unit and bounds, and what a machine has several of.

`docs/protocol.md` is normative. `None` means "not known"; 0 is a measured zero.
"""

from typing import Annotated

from msgspec import Meta, Struct

from rigwatch.clock import Millis

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
Rate = Annotated[float, Meta(ge=0, le=1e24)]
Celsius = Annotated[float, Meta(ge=-100, le=1000)]
Watts = Annotated[float, Meta(ge=0, le=1e7)]
Percent = Annotated[float, Meta(ge=0, le=1000)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Rpm = Annotated[float, Meta(ge=0, le=1e6)]
Line = Annotated[str, Meta(max_length=LINE_MAX)]


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


class Measurements(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that a sample can say of a node and its machine: hashrate in H/s, temperature in °C, power in W, fan and cpu
    in %, uptime in s. Hashrate and shares are of `algorithm`; with several, `algorithms` has each one's.
    """

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
