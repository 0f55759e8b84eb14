"""What is measured of a node: the figures of a sample with their bounds, and one table of what each is: its unit, and
what pages, third parties and metrics call it.

`docs/protocol.md` is normative. `None` means "not known"; 0 is a measured zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Final, NamedTuple

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
Milliseconds = Annotated[float, Meta(ge=0, le=1e7)]
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


class AlgorithmFigures(Struct, frozen=True, omit_defaults=True):
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
    in %, uptime in s, pool latency in ms. Hashrate and shares are of `algorithm`; with several, `algorithms` has each
    one's. A new one goes to the end.
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
    algorithms: Annotated[dict[Line, AlgorithmFigures], Meta(max_length=ALGORITHMS_MAX)] | None = None
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
    pool_latency: Milliseconds | None = None


MEASURED: Final = Measurements.__struct_fields__
"""The names of what is measured of a node."""


class Joined(Enum):
    """How a figure of several cards, boards or miners becomes the node's."""

    SUM = "sum"
    HIGHEST = "highest"
    FIRST = "first"


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What a figure counts or measures. `symbol` stands behind it; `spellings` are the units that people may write it
    in, in small letters, each with how many of this one it is.

    `mean`: of an interval the mean counts, else the last. `rising`: it counts from the start of the miner. `whole`: it
    has no fractions. `per_base`: how many make one of Prometheus' base units. `device_class`: Home Assistant's word.
    """

    symbol: str = ""
    mean: bool = False
    rising: bool = False
    whole: bool = False
    joined: Joined = Joined.FIRST
    per_base: int = 1
    device_class: str = ""
    spellings: Mapping[str, float] = field(default_factory=dict)


_RATES: Final = {"h": 1.0, "kh": 1e3, "mh": 1e6, "gh": 1e9, "th": 1e12, "ph": 1e15, "sol": 1.0, "ksol": 1e3, "g": 1.0}

HASHES: Final = Unit(
    "H/s",
    mean=True,
    joined=Joined.SUM,
    spellings={f"{name}{end}": factor for end in ("/s", "s") for name, factor in _RATES.items()},
)
CELSIUS: Final = Unit(
    "°C",
    mean=True,
    joined=Joined.HIGHEST,
    device_class="temperature",
    spellings={"c": 1.0, "°c": 1.0, "mc": 1e-3, "f": 1.0},  # of °F the zero is moved as well
)
WATTS: Final = Unit(
    "W", mean=True, joined=Joined.SUM, device_class="power", spellings={"w": 1.0, "kw": 1e3, "mw": 1e-3}
)
PERCENT: Final = Unit("%", mean=True, joined=Joined.HIGHEST, per_base=100, spellings={"%": 1.0, "ratio": 100.0})
RPM: Final = Unit("rpm", mean=True)
SECONDS: Final = Unit("s", spellings={"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0})
MILLISECONDS: Final = Unit(
    "ms", mean=True, per_base=1000, device_class="duration", spellings={"ms": 1.0, "s": 1000.0, "us": 1e-3}
)
COUNT: Final = Unit(whole=True)
COUNTER: Final = Unit(whole=True, rising=True, joined=Joined.SUM)
MOMENT: Final = Unit(whole=True, spellings={"s": 1000.0, "ms": 1.0})
FLAG: Final = Unit(whole=True, spellings={"not": -1.0})
TEXT: Final = Unit()
RECORD: Final = Unit()


class NodeMetric(NamedTuple):
    """A metric of each node, `rigwatch_node_<name>`. `by`: the label whose value is the figure's name, where several
    figures are one metric."""

    name: str
    help: str
    by: str = ""


class Figure(NamedTuple):
    """A row of the table. None: it has no place of its own there.

    `label` is its name on the node's page, `key` the one in the plain state tree, `entity` the one in Home Assistant,
    where what is `diagnostic` stands apart.
    """

    name: str
    unit: Unit
    label: str | None
    key: str | None
    metric: NodeMetric | None
    entity: str | None
    diagnostic: bool = False


_SHARES: Final = NodeMetric("shares", "Shares by what the pool said.", by="result")
_TEMPERATURE: Final = NodeMetric("temperature_celsius", "Temperature.")
_LATENCY: Final = NodeMetric("pool_latency_seconds", "How long the pool takes to answer.")
_HARDWARE_ERRORS: Final = NodeMetric("hardware_errors", "Errors of the hardware.")
_TABLE: Final = (
    # Its name and unit; its label, key, metric and entity.
    Figure("hashrate", HASHES, "Hashrate", "hashrate_hs", NodeMetric("hashes_per_second", "Hashrate."), "Hashrate"),
    Figure("peers", COUNT, "Peers", "peers", NodeMetric("peers", "Peers of the chain client."), "Peers"),
    Figure("block", COUNT, "Block", "block", NodeMetric("block_height", "Number of the newest block."), "Block", True),
    Figure("syncing", FLAG, None, None, NodeMetric("syncing", "1 while the chain client catches up."), None),
    Figure("temperature", CELSIUS, "Temperature", "temperature_c", _TEMPERATURE, "Temperature"),
    Figure("power", WATTS, "Power", "power_w", NodeMetric("power_watts", "Power drawn."), "Power"),
    Figure("fan", PERCENT, "Fan", "fan_percent", NodeMetric("fan_ratio", "Fan speed, 1 = full."), "Fan"),
    Figure("cpu", PERCENT, "CPU", "cpu_percent", NodeMetric("cpu_ratio", "Processor use, 1 = one full."), None),
    Figure("accepted", COUNTER, "Shares accepted", "accepted_shares", _SHARES, "Accepted shares"),
    Figure("rejected", COUNTER, None, "rejected_shares", _SHARES, "Rejected shares"),
    Figure("stale", COUNTER, None, "stale_shares", _SHARES, None),
    Figure("invalid", COUNTER, None, "invalid_shares", _SHARES, None),
    Figure("hardware_errors", COUNTER, "Hardware errors", "hardware_errors", _HARDWARE_ERRORS, None),
    Figure("uptime", SECONDS, "Up for", "uptime_s", None, None),
    Figure("pool_latency", MILLISECONDS, "Pool latency", "pool_latency_ms", _LATENCY, "Pool latency", True),
    # Beside others, or in tables of their own.
    Figure("algorithm", TEXT, None, "algorithm", None, None),
    Figure("last_share_at", MOMENT, None, None, None, None),
    *(Figure(name, TEXT, None, None, None, None) for name in ("block_hash", "pool")),
    *(Figure(name, RECORD, None, None, None, None) for name in ("algorithms", "gpus", "boards", "fans", "miner")),
    # Of a card, a hash board or a fan only.
    Figure("memory_temperature", CELSIUS, None, "memory_temperature_c", None, None),
    Figure("utilization", PERCENT, None, "utilization_percent", None, None),
    Figure("chip_temperature", CELSIUS, None, None, None, None),
    Figure("rpm", RPM, None, None, None, None),
)
FIGURES: Final[Mapping[str, Figure]] = {each.name: each for each in _TABLE}
"""By name, in the order in which people look for them."""
