"""Which sockets may stay open, before anything is known of them but their address. Pure; the sockets are elsewhere."""

from collections import Counter

from rigwatch.settings.server import BrokerLimits


class Admission:
    """Counts sockets in all and by address."""

    def __init__(self, limits: BrokerLimits) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self._total = 0

    def objection(self, address: str) -> str | None:
        """Why a further socket from there is closed at once, or None."""
        if self._total >= self._limits.connections:
            return "too many connections"
        if self._by_address[address] >= self._limits.connections_per_address:
            return "too many connections from one address"
        return None

    def enter(self, address: str) -> None:
        self._total += 1
        self._by_address[address] += 1

    def leave(self, address: str) -> None:
        self._total -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
