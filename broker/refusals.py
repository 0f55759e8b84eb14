"""Logins that were refused: how long the answer to the next is held back. Pure."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_FREE: Final = 3
_DELAY: Final = 0.25
_DELAY_MAX: Final = 5.0
_FORGET_AFTER: Final = 60.0
# Addresses are the attacker's choice; the ones longest quiet are forgotten first.
_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Address:
    failures: int
    last: float


class Refusals:
    """Remembers failures by address. Times are broker time, seconds."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def delay(self, address: str, now: float) -> float:
        """Notes one more failure; returns seconds to hold the answer back: none for the first three, then doubling.

        Right passwords are never held back: a site behind one address must not suffer for one rig of it.
        """
        known = self._addresses.pop(address, None)
        failures = known.failures + 1 if known is not None and now - known.last < _FORGET_AFTER else 1
        self._addresses[address] = _Address(failures, now)
        if len(self._addresses) > _ADDRESSES:
            self._addresses.popitem(last=False)
        if failures <= _FREE:
            return 0.0
        return float(min(_DELAY_MAX, _DELAY * 2 ** min(failures - _FREE - 1, 10)))

    def is_hot(self, address: str, now: float) -> bool:
        """Whether so many logins failed from there lately that a costly check has to wait its turn."""
        known = self._addresses.get(address)
        return known is not None and known.failures > _FREE and now - known.last < _FORGET_AFTER
