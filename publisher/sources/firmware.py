"""What the firmware of ASICs tells by commands of its own (`stats`, `temps`, `fans`, `version`), and the units that it
gets wrong. Nothing is asked here.

The shapes are those of published answers: Bitmain's bmminer and cgminer (S9 to S21, L3+, D3), Canaan's Avalon, Braiins'
BOSminer, MicroBT's Whatsminer, Innosilicon.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from publisher.sources.cards import highest, speed, warmth
from publisher.sources.reading import Reading
from publisher.sources.tolerance import UnreadableError, number_of

Sections = Callable[[str], list[dict[str, Any]]]
"""The sections of a command, none where it is refused."""

DEVS: Final = re.compile(r"DEVS")
POOLS: Final = re.compile(r"POOLS?\d*")
SECTIONS: Final = {
    "stats": re.compile(r"STATS\d*"),
    "temps": re.compile(r"TEMPS"),
    "fans": re.compile(r"FANS"),
    "tunerstatus": re.compile(r"TUNERSTATUS"),
    "version": re.compile(r"VERSION"),
}
_IN_MEGAHASHES: Final = re.compile(r"\b(L3|D3|E3)\b", re.IGNORECASE)
"""Antminers whose `GHS` count MH/s, whatever stands behind (`L3+`, `D3 Blissz`)."""
_IN_HASHES: Final = re.compile(r"\bB3\b", re.IGNORECASE)
_UNITS: Final = {"h": 1.0, "kh": 1e3, "mh": 1e6, "gh": 1e9, "th": 1e12, "sol": 1.0, "ksol": 1e3}
_GIGA: Final = 1e9
_MEGA: Final = 1e6
_INNOSILICON: Final = "HLT"
"""The name of the driver of Innosilicon's miners of every coin but Bitcoin; its `MHS` count hashes."""
_CHIP: Final = re.compile(r"(?:temp2_|temp_chip)\d+")
_BOARD: Final = re.compile(r"temp(?:_pcb)?\d+")
_AVALON: Final = re.compile(r"(TMax|MTmax|Temp|FanR|PS|MPO)\[([^\]]*)\]")
_AVALON_POWER: Final = 4
"""Where the power supply's answer has the watts that it gives; before and behind stand volts, amperes and the limit."""
_AVALON_SUPPLY: Final = 6


def scale(summary: Mapping[str, Any], devices: Sequence[Mapping[str, Any]], ask: Sections) -> float:
    """By what a rate of the usual commands has to be multiplied to be right."""
    if any(str(device.get("Name", "")).startswith(_INNOSILICON) for device in devices):
        return 1 / _MEGA
    if not any(key.startswith("GHS") for key in summary):
        # Innosilicon's older firmware has no devices and says in `stats` who it is.
        hlt = not devices and any(str(each.get("ID", "")).startswith(_INNOSILICON) for each in ask("stats"))
        return 1 / _MEGA if hlt else 1.0
    stats = ask("stats")
    model = " ".join(str(each.get("Type", "")) for each in (*ask("version"), *stats))
    if unit := next((str(each["rate_unit"]) for each in stats if each.get("rate_unit")), ""):
        return _UNITS.get(unit.lower().removesuffix("/s").removesuffix("s"), _GIGA) / _GIGA
    if _IN_MEGAHASHES.search(model):
        return _MEGA / _GIGA
    return 1 / _GIGA if _IN_HASHES.search(model) else 1.0


def completed(reading: Reading, ask: Sections) -> Reading:
    """The reading with what it lacks of temperature, fan and power, as far as the firmware tells."""
    if reading.temperature is None or reading.fan is None:
        found = _of_stats(ask("stats"))
        if found.temperature is None and reading.temperature is None:
            found = structs.replace(found, temperature=_of_temps(ask("temps")))
            if ask("temps") and reading.power is None:
                found = structs.replace(found, power=_of_tuner(ask("tunerstatus")))
        if found.fan is None and reading.fan is None and not ask("stats"):
            found = structs.replace(found, fan=_of_fans(ask("fans")))
        for name in ("temperature", "fan", "power"):
            if getattr(reading, name) is None and getattr(found, name) is not None:
                reading = structs.replace(reading, **{name: getattr(found, name)})
    return reading


def number(value: object) -> float | None:
    """Of a number, or of a text that holds one; None for anything else."""
    if isinstance(value, str):
        try:
            return number_of(value)
        except UnreadableError:
            return None
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30
    return float(value) if known else None  # type: ignore[arg-type]  # known to be a number


def _of_stats(sections: Sequence[Mapping[str, Any]]) -> Reading:
    """The hottest chip, or board where no chip is told of; the fan's per cent; the power where it is measured."""
    chips: list[float | None] = []
    boards: list[float | None] = []
    fans: list[float | None] = []
    power: float | None = None
    for section in sections:
        for key, value in section.items():
            if _CHIP.fullmatch(key):
                chips += _several(value)
            elif _BOARD.fullmatch(key) or key in ("Temp", "Temp max"):
                boards += _several(value)
            elif key in ("Fan duty", "fan_pwm", "Fan Percent"):
                fans.append(speed(number(value)))
            elif key.startswith("MM ID"):
                warm, fan, watts = _of_avalon(str(value))
                chips.append(warm)
                fans.append(fan)
                power = watts if power is None else power + (watts or 0)
    return Reading(
        temperature=_first_known(highest(chips), highest(boards)),
        fan=highest(fans),
        power=power,
    )


def _of_avalon(text: str) -> tuple[float | None, float | None, float | None]:
    """Temperature, fan and power of `… Temp[28] TMax[75] FanR[47%] PS[0 1212 1315 174 2288 1320] …`."""
    found = {name: [number(word) for word in values.split()] for name, values in _AVALON.findall(text)}
    hottest = highest(warmth(value) for name in ("TMax", "MTmax") for value in found.get(name, ()))
    around = highest(warmth(value) for value in found.get("Temp", ()))
    supply = found.get("PS", [])
    power = supply[_AVALON_POWER] if len(supply) >= _AVALON_SUPPLY else None
    fan = highest(speed(value) for value in found.get("FanR", ()))
    return _first_known(hottest, around), fan, power or None


def _of_temps(sections: Sequence[Mapping[str, Any]]) -> float | None:
    """BOSminer: `Board` and `Chip`, 0 where one of them is not measured."""
    return highest(warmth(number(section.get(key))) for section in sections for key in ("Board", "Chip"))


def _of_fans(sections: Sequence[Mapping[str, Any]]) -> float | None:
    """BOSminer: `Speed` is in per cent, and told of fans that are not there as well."""
    return highest(speed(number(section.get("Speed"))) for section in sections)


def _of_tuner(sections: Sequence[Mapping[str, Any]]) -> float | None:
    """BOSminer reckons its watts from what it has set."""
    return highest(number(section.get("ApproximateMinerPowerConsumption")) for section in sections) or None


def _several(value: object) -> list[float | None]:
    """Of 75, or of `62-62-74-74`."""
    parts = value.split("-") if isinstance(value, str) and "-" in value.lstrip("-") else [value]
    return [warmth(number(part)) for part in parts]


def _first_known(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
