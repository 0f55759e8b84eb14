"""What Telegram brings of people, taken apart. Pure; anybody on earth may write to a bot, so nothing is trusted."""

import re
from typing import Any, Final, TypeGuard

from msgspec import Struct

from rigwatch.texts import plain

_BUTTON = re.compile(r"(ack|mute) (\d{1,18})", re.ASCII)
_NUMBER_MAX: Final = 2**53
_TEXT_MAX: Final = 200
_NAME_MAX: Final = 40
_ID_MAX: Final = 64


class ChatUser(Struct, frozen=True):
    """Who wrote or pressed; `number` is Telegram's own for the person, which nobody can choose, 0 = not told."""

    name: str
    number: int = 0


class Pressed(Struct, frozen=True):
    """A button under a message; `verb` is `ack` or `silence`, or empty where it is no button of ours."""

    query: str
    chat: int
    who: ChatUser
    verb: str
    incident: int


class Asked(Struct, frozen=True):
    """A text."""

    chat: int
    text: str


class Renumbered(Struct, frozen=True):
    """A group has become a supergroup."""

    chat: int
    to: int


Update = Pressed | Asked | Renumbered


def number_of(raw: object) -> int | None:
    """The update's own number, so that it is not brought again; None for what is no update."""
    number = raw.get("update_id") if isinstance(raw, dict) else None
    return number if _is_number(number) and number >= 0 else None


def update_of(raw: object) -> Update | None:
    """What it says; None for all that rigwatch has no use for, and for what is not as the Bot API has it."""
    if not isinstance(raw, dict):
        return None
    query, message = raw.get("callback_query"), raw.get("message")
    if isinstance(query, dict):
        return _pressed(query)
    return _said(message) if isinstance(message, dict) else None


def _pressed(query: dict[str, Any]) -> Pressed | None:
    message, number = query.get("message"), query.get("id")
    chat = _chat(message) if isinstance(message, dict) else None
    if chat is None or not isinstance(number, str) or len(number) > _ID_MAX:
        return None
    data = query.get("data")
    button = _BUTTON.fullmatch(data) if isinstance(data, str) else None
    verb, incident = (button.group(1), int(button.group(2))) if button else ("", 0)
    return Pressed(number, chat, _person(query.get("from")), verb, incident)


def _said(message: dict[str, Any]) -> Asked | Renumbered | None:
    chat, to, text = _chat(message), message.get("migrate_to_chat_id"), message.get("text")
    if chat is None:
        return None
    if _is_number(to) and to:
        return Renumbered(chat, to)
    return Asked(chat, text[:_TEXT_MAX]) if isinstance(text, str) else None


def _chat(message: dict[str, Any]) -> int | None:
    chat = message.get("chat")
    number = chat.get("id") if isinstance(chat, dict) else None
    return number if _is_number(number) else None


def _person(raw: object) -> ChatUser:
    person = raw if isinstance(raw, dict) else {}
    names = (person.get("username"), person.get("first_name"))
    name = next((plain(each, _NAME_MAX).strip() for each in names if isinstance(each, str) and each.strip()), "")
    number = person.get("id")
    return ChatUser(name or "somebody", number if _is_number(number) else 0)


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _NUMBER_MAX
