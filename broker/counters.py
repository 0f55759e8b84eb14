"""What the broker counts. Plain integers, changed where things happen; how they are shown is in `broker.figures`."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Totals since the start, and the present numbers of a few things."""

    connections: int = 0
    """Sockets open now, logged in or not."""
    clients: int = 0
    """Clients logged in now."""
    clients_maximum: int = 0
    sessions: int = 0
    """Sessions kept now, of clients that are here and of those that may come back."""
    sessions_expired: int = 0
    """Sessions forgotten because their clients stayed away."""
    subscriptions: int = 0
    retained: int = 0
    accepted: int = 0
    """Sockets accepted in all."""
    logins: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    wills_sent: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Messages that somebody should have had, by reason."""
    refused: Counter[str] = field(default_factory=Counter)
    """Logins that were refused, by reason."""
    turned_away: Counter[str] = field(default_factory=Counter)
    """Sockets closed before a login, by reason."""
    closed: Counter[str] = field(default_factory=Counter)
    """Clients that the broker closed, by reason."""

    def drop(self, reason: str, count: int = 1) -> None:
        if count:
            self.dropped[reason] += count
