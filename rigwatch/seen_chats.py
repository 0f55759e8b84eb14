"""Which Telegram chats a bot has heard of, out of what `getUpdates` brings. Pure; anybody may write to a bot."""

from typing import Any, Final

from rigwatch.texts import plain

TITLE_MAX: Final = 60
_NUMBER_MAX: Final = 2**53
# Where the Bot API says which chat an update is of; somebody may have written, or let the bot into a group.
_WITH_CHAT: Final = ("message", "edited_message", "channel_post", "my_chat_member")


def chat_of(update: object) -> tuple[int, str] | None:
    """The chat and what it calls itself, as "Ada Lovelace (@ada)" or "Farm (group)"; None for what is of none."""
    if not isinstance(update, dict):
        return None
    for kind in _WITH_CHAT:
        inner = update.get(kind)
        chat = inner.get("chat") if isinstance(inner, dict) else None
        number = chat.get("id") if isinstance(chat, dict) else None
        if isinstance(chat, dict) and isinstance(number, int) and not isinstance(number, bool):
            return (number, _title(chat)) if 0 < abs(number) < _NUMBER_MAX else None
    return None


def _title(chat: dict[str, Any]) -> str:
    title, user = _text(chat, "title"), _text(chat, "username")
    person = " ".join(filter(None, (_text(chat, "first_name"), _text(chat, "last_name"))))
    name = title or person or user or "without a name"
    more = f"@{user}" if user and not title else "group" if title else ""
    return plain(f"{name} ({more})" if more else name, TITLE_MAX).strip()


def _text(chat: dict[str, Any], key: str) -> str:
    value = chat.get(key)
    return plain(value, TITLE_MAX).strip() if isinstance(value, str) else ""
