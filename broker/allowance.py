"""What one account may still send: packets, bytes and logins, whichever of its connections they come by. Pure.

A cost is taken when it is known, which may be after it arose; so an allowance can be in debt, and its connections are
not read until it is paid. Nothing is dropped for that. Times are broker time, seconds.
"""

from typing import Final

from broker.rights import Account, Role
from rigwatch.settings.server import BrokerLimits

BYTES_BURST: Final = 8.0
"""Seconds' worth of bytes that go at once: a node that comes back with a day or two of samples is not slowed down."""
LOGIN_WAIT: Final = 8.0
"""The longest that a login is held back; less than a client waits for the answer."""
_UNLIMITED: Final = float("inf")
_MINUTE: Final = 60.0


class Allowance:
    """Fills up at the rates of its limits."""

    __slots__ = ("_at", "_bytes", "_bytes_rate", "_logins", "_logins_rate", "_packets", "_packets_rate", "connections")

    def __init__(self, *, packets: float, size: float, logins: float, now: float) -> None:
        self._packets = self._packets_rate = packets
        self._bytes_rate = size
        self._bytes = size * BYTES_BURST
        self._logins = logins
        self._logins_rate = logins / _MINUTE
        self._at = now
        self.connections = 0

    def is_spent(self, now: float) -> bool:
        """Whether nothing more may be read now."""
        if now != self._at:
            self._fill(now)
        return self._packets < 1 or self._bytes < 1

    def spend(self, packets: float, size: int) -> None:
        self._packets -= packets
        self._bytes -= size

    def login_wait(self, now: float) -> float | None:
        """Seconds to hold a login back; None: there are too many that wait already."""
        self._fill(now)
        wait = (1 - self._logins) / self._logins_rate if self._logins < 1 else 0.0
        if wait > LOGIN_WAIT:
            return None
        self._logins -= 1
        return wait

    def is_idle(self, now: float) -> bool:
        """Whether a new one would be no different."""
        if self.connections:
            return False
        self._fill(now)
        return (
            self._packets >= self._packets_rate
            and self._bytes >= self._bytes_rate * BYTES_BURST
            and self._logins >= self._logins_rate * _MINUTE
        )

    def _fill(self, now: float) -> None:
        passed, self._at = now - self._at, now
        # Nothing times unlimited is no number.
        if passed > 0:
            self._packets = min(self._packets_rate, self._packets + passed * self._packets_rate)
            self._bytes = min(self._bytes_rate * BYTES_BURST, self._bytes + passed * self._bytes_rate)
            self._logins = min(self._logins_rate * _MINUTE, self._logins + passed * self._logins_rate)


class Allowances:
    """One for each account that is here, or was a moment ago: who comes anew does not begin anew."""

    def __init__(self, limits: BrokerLimits) -> None:
        self._limits = limits
        self._by_account: dict[str, Allowance] = {}

    def of(self, account: Account, now: float) -> Allowance:
        found = self._by_account.get(account.name)
        if found is None:
            found = self._by_account[account.name] = self._new(account, now)
        return found

    def forget_idle(self, now: float) -> None:
        for name in [name for name, each in self._by_account.items() if each.is_idle(now)]:
            del self._by_account[name]

    def _new(self, account: Account, now: float) -> Allowance:
        # The server's own subscriber answers for many nodes at once.
        if account.role is Role.SUBSCRIBER:
            return Allowance(packets=_UNLIMITED, size=_UNLIMITED, logins=_UNLIMITED, now=now)
        limits = self._limits
        return Allowance(
            packets=limits.messages_per_second,
            size=limits.bytes_per_second,
            logins=limits.logins_per_minute,
            now=now,
        )


def packet_size_of(account: Account, limits: BrokerLimits) -> int:
    """The largest packet that the account may send: who publishes nothing has nothing large to say."""
    if account.role is Role.NODE:
        return min(limits.node_packet_size, limits.packet_size)
    if account.role in {Role.CONSUMER, Role.WATCH}:
        return min(SMALL_PACKET, limits.packet_size)
    return limits.packet_size


SMALL_PACKET: Final = 256 * 1024
"""Room for a SUBSCRIBE with some hundred filters."""
