"""Which happenings are worth a line of the log: one for each kind and sender, within a budget over all senders.

Whoever can make the broker write can do so at line speed and under ever new names. What is over the budget is counted,
and said in sums. `LineBudget` decides and is pure; `Lines` writes.
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from rigwatch.clock import Clock

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = 600.0
"""Seconds after which the same kind from the same sender gets another line, with a count."""
BURST: Final = 60
"""Lines of one kind that may be written at once."""
LINE_EVERY: Final = 10.0
"""Seconds in which one more line of a kind is earned."""
SUM_EVERY: Final = 60.0
"""Seconds between two lines that sum up what was left out."""
# Senders are the attacker's choice; the ones longest quiet are forgotten first.
_SENDERS: Final = 10_000


@dataclass(slots=True)
class _Said:
    at: float
    silent: int = 0


@dataclass(slots=True)
class _Purse:
    """Lines that one kind of happening may still take, and what it could not pay for."""

    lines: float
    at: float
    times: int = 0
    senders: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What had no line of its own since the last sum. `senders` counts at most ten thousand."""

    what: str
    times: int
    senders: int


class LineBudget:
    """Remembers what was said, by kind of happening and sender. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str], _Said] = OrderedDict()
        self._purses: dict[str, _Purse] = {}
        self._summed_at = 0.0

    def times_to_say(self, what: str, sender: str, now: float) -> int:
        """How many happenings a line now would stand for; 0: not worth one."""
        said = self._said.get((what, sender))
        if said is not None:
            said.silent += 1
            if now - said.at < AGAIN_AFTER:
                return 0
        purse = self._purses.get(what)
        if purse is None:
            purse = self._purses[what] = _Purse(BURST, now)
        purse.lines = min(BURST, purse.lines + (now - purse.at) / LINE_EVERY)
        purse.at = now
        if purse.lines < 1:
            purse.times += 1
            if len(purse.senders) < _SENDERS:
                purse.senders.add(sender)
            return 0
        purse.lines -= 1
        return self._note(what, sender, now)

    def left_out(self, now: float) -> list[LeftOut]:
        """What to sum up now: now and then, and only where something was left out."""
        if now - self._summed_at < SUM_EVERY:
            return []
        self._summed_at = now
        found = [LeftOut(what, each.times, len(each.senders)) for what, each in self._purses.items() if each.times]
        for purse in self._purses.values():
            purse.times, purse.senders = 0, set()
        return found

    def _note(self, what: str, sender: str, now: float) -> int:
        said = self._said.pop((what, sender), None)
        self._said[what, sender] = _Said(now)
        if len(self._said) > _SENDERS:
            self._said.popitem(last=False)
        return max(1, said.silent) if said is not None else 1


class Lines:
    """Writes what the budget allows. The loggers are those of the modules in which things happen."""

    def __init__(self, clock: Clock) -> None:
        self._budget = LineBudget()
        self._clock = clock

    def warning(self, logger: logging.Logger, what: str, sender: str, details: str, *arguments: object) -> None:
        """`what` is constant; `details` are its `key=value` pairs, put together only where there is a line."""
        self.write(logger, logging.WARNING, what, sender, details, arguments)

    def info(self, logger: logging.Logger, what: str, sender: str, details: str, *arguments: object) -> None:
        self.write(logger, logging.INFO, what, sender, details, arguments)

    def write(  # noqa: PLR0917 - as logging's own
        self,
        logger: logging.Logger,
        level: int,
        what: str,
        sender: str,
        details: str,
        arguments: tuple[object, ...],
        failure: BaseException | None = None,
    ) -> None:
        times = self._budget.times_to_say(what, sender, self._clock.monotonic())
        if times:
            again = f" times={times}" if times > 1 else ""
            logger.log(level, "%s %s%s", what, details % arguments, again, exc_info=failure)

    def sum_up(self) -> None:
        """Call it now and then."""
        for each in self._budget.left_out(self._clock.monotonic()):
            log.warning("left out of the log: %s times=%s senders=%s", each.what, each.times, each.senders)


def network_of(address: str) -> str:
    """What a sender is known by: the address, or for IPv6 its /64, which one machine has to itself."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))
