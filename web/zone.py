"""The time zone that the pages speak in, and moments written in it."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Self
from zoneinfo import ZoneInfo

from rigwatch.clock import Millis, as_datetime

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Zone:
    """`name` as IANA calls it. `unknown` is the name that was asked for and does not exist; the zone is then UTC."""

    name: str
    tz: tzinfo
    unknown: str = ""

    @classmethod
    def find(cls, name: str) -> Self:
        """The zone of that name, or UTC with a warning: a wrong zone must not take the dashboard away."""
        try:
            return cls(name, ZoneInfo(name))
        except (KeyError, OSError, ValueError):
            # KeyError's child for most names, OSError for a folder ("Europe"), ValueError for "../x" and "".
            log.warning("time zone unknown, showing UTC zone=%s", name)
            return cls("UTC", UTC, unknown=name)

    def at(self, moment: Millis) -> datetime:
        return as_datetime(moment).astimezone(self.tz)

    def clock(self, moment: Millis) -> str:
        """`14:03:12`."""
        return f"{self.at(moment):%H:%M:%S}"

    def minute(self, moment: Millis) -> str:
        """`14:03`."""
        return f"{self.at(moment):%H:%M}"

    def full(self, moment: Millis) -> str:
        """`2026-11-23 14:03:12`."""
        return f"{self.at(moment):%Y-%m-%d %H:%M:%S}"
