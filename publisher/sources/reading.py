"""What one read of a source gives; how readings become a sample is not decided here."""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_type_hints

import msgspec

from rigwatch.errors import RigwatchError
from rigwatch.figures import (
    ALGORITHMS_MAX,
    BOARDS_MAX,
    GPUS_MAX,
    LINE_MAX,
    MEASURED,
    AlgorithmFigures,
    Board,
    Fan,
    Gpu,
    Measurements,
)

WARMEST: Final = 127.0
"""°C: chips stop below it, and from here on stand the marks of sensors that are none (127, 255, 511, 32767)."""
COLDEST: Final = -60.0
_MARKS: Final = frozenset((6553.5, 32767.0, 65535.0, 4294967.295, 2147483647.0, 4294967295.0))
"""Watts that no meter shows: the highest numbers of 16 and 32 bits, some divided by ten or a thousand."""
_NAMED_MAX: Final = 12
_PARTS: Final = {"gpus": GPUS_MAX, "boards": BOARDS_MAX, "fans": BOARDS_MAX}


class SourceError(RigwatchError):
    """A source could not be read: the text goes to the dashboard, so it names what was asked and what came back."""


class Reading(Measurements, frozen=True, kw_only=True, omit_defaults=True):
    """The measurements of one moment.

    `Reading()` is "nothing here" (a host without sensors, say) and no failure.

    A card in `gpus` goes by its PCI address in the spelling of `pci`, which is the same whichever source tells of it.
    Two are no figures: `lacks` says what failed although the rest could be read, and goes into the errors; `odd` names
    the figures that were told in a way that is none, which is no failure: a card without a sensor stays so.
    """

    lacks: str = ""
    odd: tuple[str, ...] = ()


_VITAL: Final = ("hashrate", "block")
"""What alerts watch over before all: that it cannot be read is a failure."""


def checked(reading: Reading) -> Reading:
    """The same reading without the figures that cannot be one (negative, infinite, 511 °C), which are named.

    A subscriber refuses the whole report that one impossible figure is in, so it must not get that far.
    """
    if not reading.odd and _is_strict(reading) and not _implausible(reading):
        return reading
    odd: dict[str, None] = dict.fromkeys(reading.odd)
    told = {name: value for name in MEASURED if (value := getattr(reading, name)) is not None}
    kept = _kept(told, _TYPES[Reading], "", lambda what: odd.update({what: None}))
    for name in _implausible(Reading(**kept)):
        odd[f"{name}: {kept.pop(name):g} cannot be"] = None
    # Of a miner whose hashrate is not known, whatever could not be read may be why.
    unread = "miner" in kept and not any(name in kept for name in _VITAL)
    vital = [what for what in odd if unread or what.split(":")[0].split(" ")[0] in _VITAL]
    lacks = "; ".join(filter(None, (reading.lacks, named(tuple(vital)))))
    return Reading(**kept, lacks=lacks, odd=tuple(what for what in odd if what not in vital))


def named(what: tuple[str, ...]) -> str:
    """In one line, the first few."""
    more = f"; and {len(what) - _NAMED_MAX} more" if len(what) > _NAMED_MAX else ""
    return "; ".join(what[:_NAMED_MAX]) + more


def _is_strict(reading: Reading) -> bool:
    try:
        msgspec.convert(msgspec.to_builtins(reading), Reading)
    except (msgspec.ValidationError, TypeError, OverflowError):
        return False
    return True


def _implausible(reading: Reading) -> list[str]:
    """Figures that sensors give and no machine has."""
    found: list[str] = []
    if reading.temperature is not None and not COLDEST < reading.temperature < WARMEST:
        found.append("temperature")
    if reading.power in _MARKS:
        found.append("power")
    return found


def _kept(told: Mapping[str, Any], types: Mapping[str, Any], place: str, note: Callable[[str], None]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in told.items():
        if name in _PARTS:
            kept[name] = tuple(_part(each, f"{name}[{each.id}]", note) for each in value[: _PARTS[name]])
        elif name == "algorithms":
            few = list(value.items())[:ALGORITHMS_MAX]
            kept[name] = {each[:LINE_MAX]: _part(work, f"{name}[{each}]", note) for each, work in few}
        elif isinstance(value, str):
            kept[name] = value[:LINE_MAX]
        else:
            try:
                kept[name] = msgspec.convert(msgspec.to_builtins(value), types[name])
            except (msgspec.ValidationError, TypeError, OverflowError):
                note(f"{place}{name}: {value!r:.40} cannot be")
    return kept


def _part(part: Any, place: str, note: Callable[[str], None]) -> Any:  # noqa: ANN401 - a Gpu or a Work
    told = {name: value for name in part.__struct_fields__ if (value := getattr(part, name)) is not None}
    kept = _kept(told, _TYPES[type(part)], f"{place}.", note)
    return type(part)(**kept)


_TYPES: Final = {
    kind: get_type_hints(kind, include_extras=True) for kind in (Reading, Gpu, Board, Fan, AlgorithmFigures)
}
