"""Spans of time as the tables count them."""

from datetime import timedelta
from functools import cache
from typing import Final

from rigwatch.clock import Millis

MINUTE: Final[Millis] = 60_000
HOUR: Final[Millis] = 60 * MINUTE


@cache
def as_interval(millis: Millis) -> timedelta:
    """Cached: a fleet has few different intervals, and the page asks for each node's."""
    return timedelta(milliseconds=millis)


def in_millis(span: timedelta) -> Millis:
    """Rounded down to whole milliseconds."""
    return span // timedelta(milliseconds=1)
