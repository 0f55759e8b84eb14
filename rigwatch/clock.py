"""Time as the parts see it: one injected clock, so that a test can be hours long and take no time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol, TypeAlias

Millis: TypeAlias = int
"""Milliseconds since 1970-01-01 UTC: what is sent and stored. Durations in settings are `timedelta`."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY: Millis = 86_400_000
_FIRST: Millis = -62_135_596_800_000  # of the year 1
_LAST: Millis = 253_402_300_799_999  # of the year 9999


class Clock(Protocol):
    """What a part may know of time."""

    def now(self) -> Millis:
        """The wall clock; it may jump, so never subtract two of these to measure a wait."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, from an arbitrary start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds` of monotonic time, at once (after other tasks ran) when not positive."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def lead_of(clock: Clock) -> Millis:
    """Of the wall clock before the monotonic one: another one when it was set, or stood still."""
    return clock.now() - round(clock.monotonic() * 1000)


def as_datetime(moment: Millis) -> datetime:
    """An aware UTC datetime, for showing and for calendars; what no calendar has becomes the nearest that it has."""
    # A day from the end, so that it can be written in every zone.
    bounded = min(max(moment, _FIRST + _DAY), _LAST - _DAY)
    return datetime.fromtimestamp(bounded / 1000, UTC)


def millis_of(moment: datetime) -> Millis:
    """Of an aware datetime, to the nearest millisecond."""
    return round((moment - _EPOCH) / _MILLISECOND)


def in_millis(span: timedelta) -> Millis:
    """Rounded down to whole milliseconds."""
    return span // _MILLISECOND


@cache
def as_interval(millis: Millis) -> timedelta:
    """Cached: a fleet has few different intervals, and the page asks for each node's."""
    return timedelta(milliseconds=millis)


def as_iso(moment: Millis) -> str:
    """`2026-11-23T14:03:12.345Z`: for programs, always to the millisecond and in UTC; at most the end of 9999."""
    # What a rig sends may be any number, and must not make a page break that shows it.
    seconds, rest = divmod(min(max(moment, _FIRST), _LAST), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"
