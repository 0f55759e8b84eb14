"""The broker's limits. Each is a setting; what a limit does when it is reached is said where it is kept."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults fit a few thousand nodes on a small server."""

    connect_timeout: timedelta = timedelta(seconds=10)
    packet_size: int = 2 * 1024 * 1024
    connections: int = 20_000
    connections_per_address: int = 5_000
    pending: int = 1_000
    messages_per_second: int = 1_000
    inflight: int = 100
    half_received: int = 1_000
    queue_messages: int = 100_000
    queue_bytes: int = 32 * 1024 * 1024
    subscriptions: int = 1_000
    retained: int = 50_000
    sessions_per_account: int = 50
    session_expiry: timedelta = timedelta(hours=24)
