"""Energy at the wall, hour by hour, from what a plug said before and says now. Nothing is invented. Pure.

A plug's own counter counts, also what it counted while nobody heard it. One that went back was set to zero: what it
counts now it has counted since. Without a counter the power is added up between two of its messages, unless they are
further apart than `GAP`: nobody knows what was drawn in between.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from alerts.plugs import PlugState
from alerts.rule import HOUR, MINUTE
from rigwatch.clock import Millis

GAP: Final[Millis] = 15 * MINUTE
"""Tasmota tells every five minutes by itself."""
WATTS_MOST: Final = 25_000.0
"""More than one plug or meter of a household carries: a counter that runs faster is another plug's."""


class HourEnergy(NamedTuple):
    """Of the hour that begins then."""

    hour: Millis
    watt_hours: float


def metered(before: PlugState, after: PlugState) -> list[HourEnergy]:
    """What was drawn between two states of one plug, the later of which holds all that was said until then."""
    if before.watt_hours is not None and after.watt_hours is not None:
        return _counted(before, after)
    if after.watt_hours is not None or before.watts is None or after.watts is None:
        # The counter's first word says what was drawn before anybody asked.
        return []
    return _added_up(before, after)


def _counted(before: PlugState, after: PlugState) -> list[HourEnergy]:
    assert before.watt_hours is not None
    assert after.watt_hours is not None
    begin, end = before.watt_hours_at, after.watt_hours_at
    gained = after.watt_hours - before.watt_hours
    if gained < 0:
        gained = after.watt_hours
    if end <= begin or not 0 < gained <= WATTS_MOST * (end - begin) / HOUR:
        return []
    return list(_spread(gained, begin, end))


def _added_up(before: PlugState, after: PlugState) -> list[HourEnergy]:
    assert before.watts is not None
    assert after.watts is not None
    begin, end = before.watts_at, after.watts_at
    if not 0 < end - begin <= GAP:
        return []
    drawn = (before.watts + after.watts) / 2 * (end - begin) / HOUR
    return list(_spread(drawn, begin, end)) if drawn else []


def _spread(watt_hours: float, begin: Millis, end: Millis) -> Iterator[HourEnergy]:
    """Evenly over the time in which it was drawn."""
    at = begin
    while at < end:
        hour = at - at % HOUR
        until = min(hour + HOUR, end)
        yield HourEnergy(hour, watt_hours * (until - at) / (end - begin))
        at = until
