"""Durations as people write them: `500ms`, `90s`, `5m`, `48h`, `7d`, or several together, `1h30m`."""

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PIECE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhd])")
_WHOLE = re.compile(rf"(?:{_PIECE.pattern})+")


def parse_duration(text: str) -> timedelta:
    """Raises `ValueError` that tells how to write one."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("write a duration as a number and a unit: 90s, 5m, 48h, 7d")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text)))
    except OverflowError:
        raise ValueError("is longer than any calendar") from None


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back to the millisecond."""
    left = round(duration.total_seconds() * 1000)
    pieces = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            pieces.append(f"{count}{unit}")
    return "".join(pieces) or "0s"
