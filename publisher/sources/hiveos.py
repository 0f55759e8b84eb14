"""What HiveOS's own agent has measured on this rig: whatever miner Hive knows, from the files in /run/hive."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from publisher.sources import pci
from publisher.sources.answers import Answers, algorithm_of, at_place, miner_named
from publisher.sources.cards import Card, with_cards
from publisher.sources.hashfile import check_age, read_settled
from publisher.sources.mending import CutShortError, NotJsonError
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import BlockingSource, Context, SourceSettings, Stale
from publisher.sources.work import with_node
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Percent, Rate, Seconds, Watts

_TITLE: Final = "HiveOS"
_STATS: Final = "last_stat.json"
_SENSORS: Final = "gpu-stats.json"
_UNITS: Final = {"hs": 1.0, "khs": 1e3, "mhs": 1e6, "ghs": 1e9, "ths": 1e12}
_DIGITS_MAX: Final = 16
_ATTEMPTS: Final = 3
_PAUSE: Final = 0.05
"""Seconds: an agent that is writing a file has finished by then."""


class HiveosSettings(SourceSettings, frozen=True, forbid_unknown_fields=True):
    """`miner` is the number of the miner of the flight sheet, from 1."""

    folder: Annotated[str, Meta(min_length=1)] = "/run/hive"
    miner: Annotated[int, Meta(ge=1, le=32)] = 1
    stale: Stale = timedelta(minutes=2)


class Request(Struct):
    """Hive's last message to its server. It has the rig's password too, which is never looked at."""

    params: dict[str, Any]


class Stats(Struct):
    """What a miner's script told the agent; every number may be written as a text."""

    hs: list[Rate | None] | None = None
    khs: list[Rate | None] | None = None
    hs_units: str | None = None
    temp: list[Celsius | None] | None = None
    fan: list[Percent | None] | None = None
    uptime: Seconds | None = None
    algo: str | None = None
    ver: str | None = None
    ar: list[Count | str | None] | None = None
    bus_numbers: list[int | None] | None = None


class Slot(Struct):
    """One miner's place in the request."""

    name: str | None = None
    total_khs: Rate | None = None
    miner_stats: Stats | None = None


class HiveosSensors(Struct):
    """Of all cards in the rig, by their place on the bus."""

    busids: list[str | None] | None = None
    temp: list[Celsius | None] | None = None
    mtemp: list[Celsius | None] | None = None
    fan: list[Percent | None] | None = None
    power: list[Watts | None] | None = None


class HiveosSource(BlockingSource):
    """Files that the agent writes no more, and a miner that Hive itself cannot read, are errors, never 0 H/s."""

    def __init__(self, settings: HiveosSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._folder = Path(settings.folder).expanduser()
        self._miner = settings.miner
        self._stale = settings.stale

    def read(self) -> Reading:
        for left in reversed(range(_ATTEMPTS)):
            try:
                return self._read_once()
            except SourceError:
                if not left:
                    raise
                # The agent writes its files in place, so they may be half there for a moment.
                time.sleep(_PAUSE)
        raise AssertionError("the last attempt returns or raises")

    def _read_once(self) -> Reading:
        path = self._folder / _STATS
        stats, written = read_settled(path)
        check_age(path, written, self._stale, self.clock, why="Hive's agent seems to stand still")
        try:
            return parse(stats.encode(), self._sensors(), self._miner)
        except (NotJsonError, CutShortError):
            raise SourceError(f"{self._folder}: {_STATS} or {_SENSORS} is not JSON; does Hive's agent run?") from None

    def _sensors(self) -> bytes:
        """What `gpu-stats.json` says; a rig without cards has none, or one that says nothing."""
        try:
            text, written = read_settled(self._folder / _SENSORS)
            check_age(self._folder, written, self._stale, self.clock, why="")
        except SourceError:
            return b"{}"
        return text.encode() if text.lstrip().startswith("{") else b"{}"


def parse(request: bytes, sensors: bytes = b"{}", miner: int = 1) -> Reading:
    """The figures of `last_stat.json`, with what `gpu-stats.json` knows of the miner's cards."""
    told = Answers(_TITLE)
    params = told.decode(request, Request).params
    number = "" if miner == 1 else str(miner)
    given = {name: params.get(f"{name}{number}") for name in ("total_khs", "miner_stats")}
    slot = told.convert({"name": params.get(f"miner{number}"), **given}, Slot)
    if not slot.name:
        raise SourceError(f"Hive runs no miner {miner}")
    if not given["miner_stats"]:
        # The agent then writes a total of 0, which nobody has measured.
        raise SourceError(f"Hive itself cannot read {slot.name[:40]}; see `miner log` on the rig")
    stats = slot.miner_stats or Stats()
    counts = [_count(each) for each in stats.ar or ()]
    work = AlgorithmFigures(
        hashrate=None if slot.total_khs is None else 1e3 * slot.total_khs,
        accepted=at_place(counts, 0),
        rejected=at_place(counts, 1),
        invalid=at_place(counts, 2),
    )
    reading = Reading(algorithm=algorithm_of(stats.algo), miner=miner_named(slot.name, stats.ver), uptime=stats.uptime)
    found = told.section(_SENSORS, lambda: sensors, HiveosSensors) or HiveosSensors()
    return told.complete(with_cards(with_node(reading, work), cards(stats, found)))


def cards(stats: Stats, sensors: HiveosSensors) -> list[Card]:
    """The miner's cards, none where it mines on the processor; `sensors` also has cards that do not mine."""
    unit = 1e3 if stats.khs is not None else _UNITS.get((stats.hs_units or "khs").lower())
    rates = stats.khs or stats.hs or []
    places = _places(sensors.busids or ())
    found: list[Card] = []
    for at, bus in enumerate(stats.bus_numbers or ()):
        if bus is None or (identity := pci.of_bus(bus)) is None:
            continue
        rate, place = at_place(rates, at), places.get(identity, -1)
        temperature, fan = at_place(sensors.temp, place), at_place(sensors.fan, place)
        found.append(
            Card(
                id=identity,
                hashrate=None if rate is None or unit is None else rate * unit,
                temperature=at_place(stats.temp, at) if temperature is None else temperature,
                memory_temperature=at_place(sensors.mtemp, place),
                power=at_place(sensors.power, place),
                fan=at_place(stats.fan, at) if fan is None else fan,
            )
        )
    return found


def _places(busids: Sequence[str | None]) -> Mapping[str, int]:
    found = [(pci.address(busid or ""), at) for at, busid in enumerate(busids)]
    return {identity: at for identity, at in found if identity is not None}


def _count(value: int | str | None) -> int | None:
    """The lists of some miners go on after the counts of the whole rig: `"0;0"` is of each card."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < _DIGITS_MAX else None
    return value
