"""Rates as `$SYS/broker/load/…` shows them: a minute's worth, averaged over 1, 5 and 15 minutes. Pure.

The averages are exponential and begin at zero, as Mosquitto's do: dashboards that are made for those show the same.
"""

from collections.abc import Iterator, Mapping
from math import exp
from typing import Final

_WINDOWS: Final = {"1min": 60.0, "5min": 300.0, "15min": 900.0}
_MINUTE: Final = 60.0


class Load:
    """Feed it totals now and then; times are seconds of any one clock."""

    def __init__(self, now: float) -> None:
        self._at = now
        self._totals: Mapping[str, int] = {}
        self._averages: dict[str, float] = {}

    def note(self, totals: Mapping[str, int], now: float) -> None:
        """Totals since the start, by name."""
        passed = now - self._at
        if passed <= 0:
            return
        for name, total in totals.items():
            rate = (total - self._totals.get(name, 0)) * _MINUTE / passed
            for window, seconds in _WINDOWS.items():
                key = f"{name}/{window}"
                before = self._averages.get(key, 0.0)
                self._averages[key] = rate + (before - rate) * exp(-passed / seconds)
        self._at, self._totals = now, dict(totals)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """`<name>/<window>` with what came in a minute."""
        yield from self._averages.items()
