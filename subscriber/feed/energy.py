"""Energy from power: what nodes were seen to draw, added up report by report. Pure.

A sample's power is the mean since the one before it. For longer than two intervals without a report nobody knows what
was drawn, and nothing is added: a counter that stands still is better than one that guesses.
"""

from collections.abc import Mapping

from msgspec import Struct

from alerts.facts import NodeFacts
from rigwatch.clock import Millis, in_millis

_LONGEST = 2
_KWH = 3.6e9
"""Watt-milliseconds."""

_MOST_KWH = 1e12
"""More than a fleet draws in its life: what stands there was not written by a meter."""

FLEET = ""
"""Under this name the counter of all nodes together, which no node takes anything away from when it goes."""


class EnergyCounter(Struct, frozen=True):
    """A counter and up to which report it counts; None while no report has told a power."""

    kwh: float | None
    at: Millis


class Meter:
    """Counters by the node's origin. They only grow; one that nobody has noted begins at 0."""

    def __init__(self) -> None:
        self._of: dict[str, EnergyCounter] = {}

    def knows(self, origin: str) -> bool:
        return origin in self._of

    def recall(self, origin: str, state: Mapping[str, object]) -> None:
        """Goes on from what was published before: `state` is that of the node or the fleet."""
        kwh, at = state.get("energy_kwh"), state.get("reported_at_ms", 0)
        if isinstance(kwh, int | float) and 0 <= kwh <= _MOST_KWH and isinstance(at, int) and not self.knows(origin):
            self._of[origin] = EnergyCounter(float(kwh), at)

    def take(self, origin: str, facts: NodeFacts) -> None:
        """One more report, or the same once more."""
        if facts.last_report_at is None or facts.sample is None:
            return
        last = self._of.get(origin)
        if last is not None and facts.last_report_at <= last.at:
            return
        kwh, drawn = last.kwh if last else None, _drawn(facts, 0 if last is None else facts.last_report_at - last.at)
        if drawn is not None:
            kwh = (kwh or 0.0) + drawn
            fleet = self._of.get(FLEET, EnergyCounter(0.0, 0))
            self._of[FLEET] = EnergyCounter((fleet.kwh or 0.0) + drawn, fleet.at)
        self._of[origin] = EnergyCounter(kwh, facts.last_report_at)

    def kwh(self, origin: str) -> float | None:
        """To the milliwatt-hour; None where no report has told a power."""
        counter = self._of.get(origin)
        return None if counter is None or counter.kwh is None else round(counter.kwh, 6)


def _drawn(facts: NodeFacts, since: Millis) -> float | None:
    power = facts.sample.power if facts.sample else None
    return None if power is None else power * min(since, _LONGEST * in_millis(facts.interval)) / _KWH
