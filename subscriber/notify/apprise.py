"""Sending through Apprise: the only module that imports it, and only when there is a channel (it takes 44 MB)."""

import logging
import re
import threading
from typing import Any

from rigwatch.errors import SettingsError
from subscriber.notify.channel import NotSent
from subscriber.store.outbox import Posted

# What a service says when the address itself is wrong: asking again would be the same question.
_PERMANENT = re.compile(
    r"error=(400|401|403|404|410)\b|unauthorized|forbidden|chat not found|bot was blocked", re.IGNORECASE
)
# 400 also stands for a text that one service does not like; it counts as permanent only with these words.
_BAD_REQUEST = re.compile(r"error=400\b", re.IGNORECASE)
_ADDRESS_WRONG = re.compile(
    r"chat not found|blocked|deactivated|kicked|invalid token|not a valid|unauthorized", re.IGNORECASE
)
_WAIT = re.compile(r"retry[ -]after[^0-9]{0,5}(\d+)", re.IGNORECASE)
_UNKNOWN = re.compile(r"time[d ]*out|connection error|exception", re.IGNORECASE)
_TOO_MANY_S = 10.0
_loading = threading.Lock()


class AppriseSender:
    """One address. Made without Apprise, which is loaded at the first message or by `warm_up`."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._apprise: Any = None

    def warm_up(self) -> None:
        """Loads Apprise (0.3 s), so that the first alert does not wait for it. Raises `SettingsError`."""
        with _loading:
            if self._apprise is not None:
                return
            import apprise  # noqa: PLC0415 - 44 MB that a server without channels does not need

            # What it has to say of a message is in its result; its own lines would say it twice.
            logging.getLogger("apprise").propagate = False
            loaded = apprise.Apprise()
            if not loaded.add(self._url):
                raise SettingsError(f"alerts: channel {self._key} is not an address that Apprise knows")
            self._apprise = loaded

    def send(self, posted: Posted, *, timeout: float) -> None:
        """Names of nodes are text, whatever they look like: Apprise escapes it where the service has a markup."""
        try:
            self.warm_up()
            result = self._apprise.notify(
                title=posted.title, body=posted.body or posted.title, body_format="text", timeout=timeout
            )
        except SettingsError as exc:
            raise NotSent(str(exc), permanent=True) from exc
        except Exception as exc:
            # A plugin's defect is one failed attempt; the message stays in the outbox and is tried again.
            raise NotSent(f"{type(exc).__name__}: {exc}") from exc
        if not result:
            raise _failure(" ".join(str(entry.message) for entry in result.logs()))


def _failure(said: str) -> NotSent:
    why = " ".join(said.split())[:300] or "refused without a reason"
    wait = _WAIT.search(why)
    if "error=429" in why or "Too Many Requests" in why:
        return NotSent(why, retry_after=float(wait.group(1)) if wait else _TOO_MANY_S)
    permanent = bool(_PERMANENT.search(why))
    if _BAD_REQUEST.search(why):
        permanent = bool(_ADDRESS_WRONG.search(why))
    return NotSent(why, permanent=permanent, maybe=bool(_UNKNOWN.search(why)))
