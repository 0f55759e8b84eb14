"""Figures as messages say them: short, with units. Pure."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.incident import Spell
from alerts.wall import shown
from rigwatch.clock import Millis, as_datetime
from rigwatch.messages import Sample

NAME_MAX = 80
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def duration(span: Millis) -> str:
    """The two largest units: '45 s', '3 min 20 s', '2 h 5 min', '3 d 4 h'."""
    seconds = max(round(span / 1000), 0)
    if seconds < 10 and span % 1000 and span > 0:
        return f"{span / 1000:.1f} s"
    pieces = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            pieces.append(f"{count} {unit}")
    return " ".join(pieces[:2]) or "0 s"


def hashrate(rate: float) -> str:
    """'0 H/s', '45.2 MH/s'."""
    for prefix in _PREFIXES:
        if abs(rate) < 1000 or prefix == _PREFIXES[-1]:
            return f"{rate:.4g} {prefix}H/s"
        rate /= 1000
    raise AssertionError  # the last prefix returns


def moment(at: Millis, zone: ZoneInfo, now: Millis) -> str:
    """The time of day, with the date where it is not today's."""
    there, here = as_datetime(at).astimezone(zone), as_datetime(now).astimezone(zone)
    return shown(at, zone, "%H:%M:%S" if _same_day(there, here) else "%Y-%m-%d %H:%M:%S")


def spelled(spells: Sequence[Spell]) -> str:
    """'14 times in 30 min, longest 8 s', of at least one."""
    longest = max(spell.until - spell.since for spell in spells)
    return f"{len(spells)} times in {duration(spells[-1].until - spells[0].since)}, longest {duration(longest)}"


def figures(sample: Sample) -> str:
    """What a sample holds, without what is not known: '45.2 MH/s, 12 peers, block 534211, 61 °C'."""
    known = [
        None if sample.hashrate is None else hashrate(sample.hashrate),
        None if sample.peers is None else f"{sample.peers} peers",
        None if sample.block is None else f"block {sample.block}",
        None if sample.temperature is None else f"{sample.temperature:.0f} °C",
        None if sample.power is None else f"{sample.power:.0f} W",
    ]
    return ", ".join(each for each in known if each) or "no figures"


def _same_day(one: datetime, other: datetime) -> bool:
    return one.date() == other.date()
