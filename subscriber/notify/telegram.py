"""Telegram's Bot API, as far as rigwatch speaks it: messages with buttons, and long polling. Called in threads."""

import json
import re
import time
from http import HTTPStatus
from typing import Any

import msgspec

from alerts.notification import NotificationText
from rigwatch.http import Answer, HttpError, ask, status_text, wait_asked_for
from rigwatch.settings.alerts import TelegramSettings
from store.outbox import StoredNotification
from subscriber.notify.channel import NotSent
from subscriber.notify.chats import Chats
from subscriber.notify.fit import MessageLimits, fit, utf16

POLL_S = 25
TEXT_MAX = 4096
"""UTF-16 code units of one message."""
_ROOM = MessageLimits(0, TEXT_MAX, shared=True, measure=utf16)
_ANSWERS = frozenset({"recovery", "settled", "test"})
# What Telegram says with a 400 when it is the chat that cannot be written to; any other 400 is about the text.
_CHAT_WRONG = re.compile(
    r"chat not found|chat_id is empty|peer_id_invalid|deactivated|not enough rights|have no rights"
    r"|administrator rights|chat_write_forbidden|kicked|blocked|not a member|topic_closed|chat_restricted",
    re.IGNORECASE,
)
_WRONG = frozenset({401, 403, 404})
_TEXT_REFUSED = frozenset({400, 413, 414, 422})


class Moved(NotSent):
    """The group has become a supergroup, and has this number from now on."""

    def __init__(self, why: str, to: int) -> None:
        super().__init__(why)
        self.to = to


class Bot:
    """One bot. Errors never repeat the token, which is part of each address."""

    def __init__(self, api: str, token: str) -> None:
        self._base = f"{api.rstrip('/')}/bot{token}"

    def call(self, method: str, limit: float, /, **arguments: object) -> object:
        """The `result` of a method, waited for `limit` seconds at most. Raises `NotSent` and nothing else."""
        try:
            answer = ask(f"{self._base}/{method}", timeout=limit, body=json.dumps(arguments).encode())
        except HttpError as exc:
            raise NotSent(f"Telegram: {exc}", maybe=exc.sent) from None
        return result_of(answer, time.time())


def result_of(answer: Answer, now: float) -> object:
    """What a method gave; raises `NotSent` where it gave nothing. Whose words they are is looked at first: a proxy on
    the way answers as well, and its 403 says nothing about the bot.
    """
    said = _said(answer.body)
    if said is None or not isinstance(said.get("ok"), bool):
        raise NotSent(
            f"Telegram: {status_text(answer.status)}, and not in Telegram's words; is a proxy in between?",
            # A page for people was not made by who takes messages; half an object, or nothing, may have been.
            maybe=answer.status == HTTPStatus.OK and answer.body.lstrip()[:1] in (b"", b"{"),
            retry_after=answer.wait,
        )
    if said["ok"] and answer.status == HTTPStatus.OK:
        # That it was taken is all that most methods have to say.
        return said.get("result")
    raise _refusal(answer, said, now)


def _refusal(answer: Answer, said: dict[str, Any], now: float) -> NotSent:
    given, words, more = said.get("error_code"), said.get("description"), said.get("parameters")
    code = given if isinstance(given, int) and 100 <= given <= 999 else answer.status
    why = f"Telegram: {code} {words if isinstance(words, str) else 'without a reason'}"
    more = more if isinstance(more, dict) else {}
    to = more.get("migrate_to_chat_id")
    if isinstance(to, int) and not isinstance(to, bool) and abs(to) < 2**53 and to:
        return Moved(why, to)
    if code == HTTPStatus.BAD_REQUEST and _CHAT_WRONG.search(why):
        return NotSent(why, permanent=True)
    return NotSent(
        why,
        permanent=code in _WRONG,
        text=code in _TEXT_REFUSED,
        retry_after=wait_asked_for(more.get("retry_after"), now) or answer.wait,
    )


def _said(body: bytes) -> dict[str, Any] | None:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def bot_of(settings: TelegramSettings) -> Bot:
    return Bot(settings.api, settings.token)


class TelegramSender:
    """To one chat. Plain text: without a parse mode a node's name cannot be markup."""

    def __init__(self, bot: Bot, chat: int, chats: Chats) -> None:
        self._bot = bot
        self._chat = chat
        self._chats = chats

    def send(self, notification: StoredNotification, *, timeout: float) -> None:
        try:
            self._say(notification, timeout)
        except Moved as exc:
            self._chats.move(self._chats.now(self._chat), exc.to)
            self._say(notification, timeout)

    def _say(self, notification: StoredNotification, timeout: float) -> None:
        text = fit(NotificationText(notification.title, notification.body), _ROOM)
        arguments: dict[str, Any] = {
            "chat_id": self._chats.now(self._chat),
            "text": f"{text.title}\n\n{text.body}".strip(),
            "disable_web_page_preview": True,
        }
        if notification.incidents and notification.kind not in _ANSWERS:
            arguments["reply_markup"] = {"inline_keyboard": [_buttons(notification.incidents[0])]}
        self._bot.call("sendMessage", timeout, **arguments)


def _buttons(incident: int) -> list[dict[str, str]]:
    return [
        {"text": "ack", "callback_data": f"ack {incident}"},
        {"text": "mute 2 h", "callback_data": f"mute {incident}"},
    ]
