"""Spans of time as the tables count them."""

from typing import Final

from rigwatch.clock import Millis

MINUTE: Final[Millis] = 60_000
HOUR: Final[Millis] = 60 * MINUTE
