"""Where Telegram's groups have moved to: a group that becomes a supergroup has another number from then on. And which
chats have written to the bot without being listed, so that somebody may list them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from rigwatch.clock import Millis
from store.texts import storable
from store.transaction import Transaction

_ALL = "SELECT chat, moved_to FROM moved_chat"
_MOVED = """
INSERT INTO moved_chat (chat, moved_to, moved_at) VALUES (?, ?, ?)
ON CONFLICT (chat) DO UPDATE SET moved_to = excluded.moved_to, moved_at = excluded.moved_at
"""

_SEEN = """
INSERT INTO seen_chat (chat, title, seen_at) VALUES (?, ?, ?)
ON CONFLICT (chat) DO UPDATE SET title = excluded.title, seen_at = excluded.seen_at
"""
_ALL_SEEN = "SELECT chat, title, seen_at FROM seen_chat ORDER BY seen_at DESC, chat LIMIT ?"
_FORGET_SEEN = """
DELETE FROM seen_chat WHERE chat NOT IN (SELECT chat FROM seen_chat ORDER BY seen_at DESC, chat LIMIT ?)
"""
SEEN_MAX: Final = 20
"""Anybody may find the bot: older ones make room."""


class SeenChat(NamedTuple):
    """`title` is what it calls itself, which may be anything."""

    chat: int
    title: str
    seen_at: Millis


def moved(tx: Transaction) -> dict[int, int]:
    """By the number that the chat had."""
    return dict(tx.rows(_ALL))


def remember(tx: Transaction, moves: Mapping[int, int], now: Millis) -> None:
    tx.run_many(_MOVED, [(chat, to, now) for chat, to in moves.items()])


def see(tx: Transaction, seen: Mapping[int, str], now: Millis) -> None:
    """Chats that are not listed, each with its title."""
    tx.run_many(_SEEN, [(chat, storable(title, 100), now) for chat, title in seen.items()])
    tx.run(_FORGET_SEEN, (SEEN_MAX,))


def seen(tx: Transaction) -> list[SeenChat]:
    """Latest first."""
    return tx.typed(SeenChat, _ALL_SEEN, (SEEN_MAX,))
