"""How often a stranger may guess, at passwords, tokens and codes. Counted in memory, by this process."""

import ipaddress
import logging
from typing import Final

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

log = logging.getLogger(__name__)

GUESSES: Final = RateLimitItemPerMinute(10)
"""At one account from one address."""

GUESSES_IN_ALL: Final = RateLimitItemPerMinute(30)
"""From one address, at whatever accounts; wrong tokens count as well."""

CODES: Final = RateLimitItemPerHour(20)
"""At one user's codes, from all addresses together: who may try them knows the password already."""

NOTED: Final = RateLimitItemPerMinute(1)
"""Lines of the audit list about one account and address …"""

NOTED_IN_ALL: Final = RateLimitItemPerMinute(6)
"""… and about all of them: strangers write no more into the database."""

_SAID: Final = RateLimitItemPerMinute(60)


class Guesses:
    """Counts guesses by address and account over the last minute, in this process.

    A guess counts before it is checked: of many at once no more are checked than of as many one after the other.
    """

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, address: str, account: str) -> bool:
        """Whether there is one left; then it is one less."""
        source = source_of(address)
        return self._limiter.test(GUESSES_IN_ALL, source) and self._limiter.hit(GUESSES, source, account)

    def take_code(self, address: str, account: str) -> bool:
        """As `take`, for a code of six digits."""
        return self._limiter.test(CODES, account) and self.take(address, account) and self._limiter.hit(CODES, account)

    def was_right(self, address: str, account: str) -> None:
        """Who knows the password has not guessed it; those at other accounts stay counted."""
        self._limiter.clear(GUESSES, source_of(address), account)

    def code_was_right(self, account: str) -> None:
        self._limiter.clear(CODES, account)

    def was_wrong(self, address: str, account: str) -> None:
        source = source_of(address)
        self._limiter.hit(GUESSES_IN_ALL, source)
        # Of many addresses together, so many lines are enough to see what is going on.
        if self._limiter.hit(_SAID, "said"):
            log.info("wrong password address=%s", source)
            if not self._limiter.test(GUESSES, source, account):
                log.warning("too many wrong passwords, refusing for a minute address=%s", source)

    def is_worth_noting(self, address: str, account: str) -> bool:
        """Whether the audit list gets a line about it; at most `NOTED_IN_ALL` do."""
        source = source_of(address)
        return (
            self._limiter.test(NOTED_IN_ALL, "noted")
            and self._limiter.hit(NOTED, source, account)
            and self._limiter.hit(NOTED_IN_ALL, "noted")
        )


def source_of(address: str) -> str:
    """What guesses are counted by: the address, or for IPv6 its /64, which one machine has to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
