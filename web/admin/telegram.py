"""Asks a Telegram bot who it is and who has written to it, while somebody sets it up. No error repeats the token."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from rigwatch.errors import RigwatchError
from rigwatch.http import HttpError, ask, status_text
from rigwatch.seen_chats import chat_of
from rigwatch.texts import plain
from web.language.texts import gettext as _

_TIMEOUT_S: Final = 10.0
_UPDATES_MAX: Final = 100
_WORDS_MAX: Final = 200
_NAME_MAX: Final = 64


class BotError(RigwatchError):
    """Telegram, or what answers in its place, says no; the text says what to do."""


class OfferedChat(NamedTuple):
    """A chat that may be taken."""

    chat: int
    title: str


def bot_name(api: str, token: str) -> str:
    """Its user name, without the @."""
    found = _call(api, token, "getMe")
    name = found.get("username") if isinstance(found, dict) else None
    return plain(name, _NAME_MAX) if isinstance(name, str) else _("without a name")


def chats_of(api: str, token: str) -> list[OfferedChat]:
    """Those that wrote to the bot in the last day and were not read of yet, latest first; nothing is taken away."""
    found = _call(api, token, "getUpdates")
    return offered(found[-_UPDATES_MAX:] if isinstance(found, list) else ())


def offered(updates: Iterable[object]) -> list[OfferedChat]:
    chats: dict[int, str] = {}
    for update in updates:
        seen = chat_of(update)
        if seen is not None:
            chats.pop(seen[0], None)
            chats[seen[0]] = seen[1]
    return [OfferedChat(*each) for each in reversed(chats.items())]


def _call(api: str, token: str, method: str) -> object:
    try:
        answer = ask(f"{api.rstrip('/')}/bot{token}/{method}", timeout=_TIMEOUT_S, body=b"{}")
    except HttpError as exc:
        raise BotError(_("Telegram cannot be asked from this server: %(why)s", why=exc)) from None
    try:
        said: Any = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        raise BotError(
            _("%(status)s, and not in Telegram's words; is a proxy in between?", status=status_text(answer.status))
        )
    if said["ok"]:
        return said.get("result")
    if answer.status in (401, 404):
        raise BotError(_("Telegram does not know this token. Copy it again from BotFather, whole."))
    words = said.get("description")
    raise BotError(f"Telegram: {plain(words, _WORDS_MAX) if isinstance(words, str) else status_text(answer.status)}")
