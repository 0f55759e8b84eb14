"""Logins that were refused: how long the answer to the next is held back. Pure."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from rigwatch.backoff import doubled

_FREE: Final = 3
_DELAY: Final = 0.25
_DELAY_MAX: Final = 5.0
_FORGET_AFTER: Final = 60.0
# Addresses are the attacker's choice; the ones longest quiet are forgotten first.
_ADDRESSES: Final = 10_000


# Rigs behind one router that are named one by one when their keys are wrong.
_NAMED: Final = 3


@dataclass(slots=True)
class _Address:
    failures: int
    last: float
    named: set[str] = field(default_factory=set)


class Refusals:
    """Remembers failures by address. Times are broker time, seconds."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def delay(self, address: str, now: float) -> float:
        """Notes one more failure; returns seconds to hold the answer back: none for the first three, then doubling.

        Right passwords are never held back: a site behind one address must not suffer for one rig of it.
        """
        known = self._addresses.pop(address, None)
        if known is None or now - known.last >= _FORGET_AFTER:
            known = _Address(0, now)
        known.failures, known.last = known.failures + 1, now
        self._addresses[address] = known
        if len(self._addresses) > _ADDRESSES:
            self._addresses.popitem(last=False)
        more = known.failures - _FREE
        return doubled(more, first=_DELAY, most=_DELAY_MAX) if more > 0 else 0.0

    def is_named(self, address: str, user: str) -> bool:
        """Whether the user is one of the first few there, after a failure was noted."""
        known = self._addresses.get(address)
        if known is None or (len(known.named) >= _NAMED and user not in known.named):
            return False
        known.named.add(user)
        return True

    def is_hot(self, address: str, now: float) -> bool:
        """Whether so many logins failed from there lately that a costly check has to wait its turn."""
        known = self._addresses.get(address)
        return known is not None and known.failures > _FREE and now - known.last < _FORGET_AFTER
