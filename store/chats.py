"""Where Telegram's groups have moved to: a group that becomes a supergroup has another number from then on."""

from collections.abc import Mapping

from rigwatch.clock import Millis
from store.transaction import Transaction

_ALL = "SELECT chat, moved_to FROM moved_chat"
_MOVED = """
INSERT INTO moved_chat (chat, moved_to, moved_at) VALUES (?, ?, ?)
ON CONFLICT (chat) DO UPDATE SET moved_to = excluded.moved_to, moved_at = excluded.moved_at
"""


def moved(tx: Transaction) -> dict[int, int]:
    """By the number that the chat had."""
    return dict(tx.rows(_ALL))


def remember(tx: Transaction, moves: Mapping[int, int], now: Millis) -> None:
    tx.run_many(_MOVED, [(chat, to, now) for chat, to in moves.items()])
