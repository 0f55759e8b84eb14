"""The time zone that the pages speak in, and moments written in it."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Self

from rigwatch.clock import Millis, as_datetime
from web.display.choice import chosen_zone, known_zone

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Zone:
    """The server's: silences that recur go by it. Moments are written in the viewer's, where one is chosen.

    `name` as IANA calls it. `unknown` is the name that was asked for and does not exist; the zone is then UTC.
    """

    name: str
    tz: tzinfo
    unknown: str = ""

    @classmethod
    def find(cls, name: str) -> Self:
        """The zone of that name, or UTC with a warning: a wrong zone must not take the dashboard away."""
        found = known_zone(name)
        if found is None:
            log.warning("time zone unknown, showing UTC zone=%s", name)
            return cls("UTC", UTC, unknown=name)
        return cls(name, found)

    @property
    def shown(self) -> str:
        """The name of the zone that moments are written in."""
        chosen = chosen_zone()
        return self.name if chosen is None else chosen.key

    def at(self, moment: Millis) -> datetime:
        return as_datetime(moment).astimezone(chosen_zone() or self.tz)

    def clock(self, moment: Millis) -> str:
        """`14:03:12`."""
        return f"{self.at(moment):%H:%M:%S}"

    def minute(self, moment: Millis) -> str:
        """`14:03`."""
        return f"{self.at(moment):%H:%M}"

    def full(self, moment: Millis) -> str:
        """`2026-11-23 14:03:12`."""
        return f"{self.at(moment):%Y-%m-%d %H:%M:%S}"
