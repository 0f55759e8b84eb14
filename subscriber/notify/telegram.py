"""Telegram's Bot API, as far as rigwatch speaks it: messages with buttons, and long polling. Called in threads."""

import contextlib
import json
import urllib.error
import urllib.request
from typing import Any

from rigwatch.settings.alerts import TelegramSettings
from subscriber.notify.channel import NotSent
from subscriber.store.outbox import Posted

TELEGRAM = "telegram"
"""The key of its channel."""

POLL_S = 25
_TEXT_MAX = 4096
_ANSWERS = frozenset({"recovery", "settled", "test"})


class Bot:
    """One bot. Errors never repeat the token, which is part of each address."""

    def __init__(self, api: str, token: str) -> None:
        self._base = f"{api.rstrip('/')}/bot{token}"

    def call(self, method: str, limit: float, /, **arguments: Any) -> Any:  # noqa: ANN401 - what each method answers
        """The `result` of a method, waited for `limit` seconds at most. Raises `NotSent`."""
        request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
            f"{self._base}/{method}",
            json.dumps(arguments).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=limit) as answer:  # noqa: S310
                return json.load(answer)["result"]
        except urllib.error.HTTPError as exc:
            raise _refusal(exc) from None
        except (OSError, ValueError, KeyError) as exc:
            reason = getattr(exc, "reason", exc)
            raise NotSent(f"Telegram: {reason}", maybe=isinstance(exc, TimeoutError)) from None


def bot_of(settings: TelegramSettings) -> Bot:
    return Bot(settings.api, settings.token)


class TelegramSender:
    """To every chat of the settings. Plain text: without a parse mode a node's name cannot be markup."""

    def __init__(self, bot: Bot, chats: tuple[int, ...]) -> None:
        self._bot = bot
        self._chats = chats
        # By message: a chat that has it must not get it again because another was unreachable.
        self._done: dict[int, set[int]] = {}

    def send(self, posted: Posted, *, timeout: float) -> None:
        done = self._done.setdefault(posted.id, set())
        for chat in self._chats:
            if chat in done:
                continue
            text = f"{posted.title}\n\n{posted.body}".strip()[:_TEXT_MAX]
            arguments: dict[str, Any] = {"chat_id": chat, "text": text, "disable_web_page_preview": True}
            if posted.incidents and posted.kind not in _ANSWERS:
                arguments["reply_markup"] = {"inline_keyboard": [_buttons(posted.incidents[0])]}
            self._bot.call("sendMessage", timeout, **arguments)
            done.add(chat)
        self._done.pop(posted.id, None)


def _buttons(incident: int) -> list[dict[str, str]]:
    return [
        {"text": "ack", "callback_data": f"ack {incident}"},
        {"text": "mute 2 h", "callback_data": f"mute {incident}"},
    ]


def _refusal(exc: urllib.error.HTTPError) -> NotSent:
    said: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError), exc:
        said = json.load(exc)
    why = f"Telegram: {exc.code} {said.get('description', exc.reason)}"
    after = said.get("parameters", {}).get("retry_after", 0) or exc.headers.get("Retry-After") or 0
    permanent = exc.code in {401, 403, 404} or (exc.code == 400 and "chat not found" in why)
    return NotSent(why, permanent=permanent, retry_after=float(after))
