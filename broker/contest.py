"""How often a node's connection is taken over, and by whom. Pure; telling the subscriber is the broker's part.

A take-over alone is nothing: a rig whose network has changed comes back while its old connection still looks alive. But
that one has been silent for as long as the rig took to notice. One that was alive a moment ago and is taken over, and
so on within a minute, is two clients that throw each other out.
"""

from collections import OrderedDict, deque
from typing import Final

ALIVE_WITHIN: Final = 5.0
"""Seconds since a connection's last packet within which it was alive."""
TAKEOVERS: Final = 5
WITHIN: Final = 60.0
_ACCOUNTS: Final = 10_000


class Takeovers:
    """Remembers the last minute of each account, in broker time, seconds."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, account: str, *, silent: float, now: float) -> bool:
        """One more, of a connection that had said nothing for `silent` seconds; whether that makes two clients."""
        times = self._times.pop(account, None) or deque(maxlen=TAKEOVERS)
        self._times[account] = times
        if len(self._times) > _ACCOUNTS:
            self._times.popitem(last=False)
        if silent <= ALIVE_WITHIN:
            times.append(now)
        return len(times) == TAKEOVERS and now - times[0] <= WITHIN
