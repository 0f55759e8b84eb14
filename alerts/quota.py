"""How much of the store one node may take a day, so that no node can fill the disk. Pure.

What is over it is neither stored nor acknowledged: the node keeps it, and it is taken on the next day. So an honest
node that sends more than anybody thought of loses nothing, and one with a stolen key gets no more than this.
"""

import sys
from typing import Final

from msgspec import Struct

from rigwatch.clock import Millis

DAY: Final[Millis] = 86_400_000


class Quota(Struct, frozen=True):
    """The most of one node on one day (UTC): samples, and bytes of the reports that they came in."""

    samples: int
    bytes: int


class DayUse(Struct, frozen=True):
    """What was stored of a node on its last day, as days since 1970, and how many samples were left with it then."""

    day: int = 0
    samples: int = 0
    bytes: int = 0
    refused: int = 0

    def on(self, now: Millis) -> "DayUse":
        """The same while the day lasts, nothing on any other."""
        day = now // DAY
        return self if self.day == day else DayUse(day)

    def room(self, quota: Quota | None, size: int) -> int:
        """For how many further samples of this size."""
        if quota is None:
            return sys.maxsize
        return max(min(quota.samples - self.samples, (quota.bytes - self.bytes) // max(size, 1)), 0)

    def add(self, samples: int, size: int, refused: int) -> "DayUse":
        return DayUse(self.day, self.samples + samples, self.bytes + size, self.refused + refused)
