"""Sending through Apprise: the only module that imports it, and only when there is a channel (it takes 44 MB)."""

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from alerts.notification import MARKS, NotificationText
from rigwatch.errors import SettingsError
from rigwatch.settings.channels import scheme_of
from store.outbox import StoredNotification
from subscriber.notify.channel import NotSent
from subscriber.notify.fit import MessageLimits, fit, utf8, utf16
from subscriber.notify.refusal import clean, refusal_of, secrets_of

_CONNECT_S = 15.0
_REMEMBERED = 200
_loading = threading.Lock()

# Apprise knows more than these take: ntfy makes a file of what is longer.
_BYTES: Final = {"ntfy": 3800, "ntfys": 3800}


class AppriseSender:
    """One address. Made without Apprise, which is loaded at the first message or by `warm_up`."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._secrets = secrets_of(url)
        # One a message under way: plugins keep connections and counts, and were not made for several at a time.
        self._idle: list[Any] = []
        self._make: Callable[[], Any] | None = None
        self._tracker: Any = None
        self._answers: Any = None
        # Which of several targets in one address have a message: they do not get it again for the others' sake.
        self._delivered: OrderedDict[tuple[int, str, str], set[Any]] = OrderedDict()

    def warm_up(self) -> None:
        """Loads Apprise (0.3 s), so that the first alert does not wait for it. Raises `SettingsError`."""
        with _loading:
            if self._make is not None:
                return
            import apprise  # noqa: PLC0415 - 44 MB that a server without channels does not need
            from apprise.plugins.base import _delivery_tracker  # noqa: PLC0415 - no public way to go on after a part

            from subscriber.notify import bounded  # noqa: PLC0415 - it needs requests, as Apprise does

            # What it has to say of a message is in its result; its own lines would say it twice, and hold addresses.
            said = logging.getLogger("apprise")
            said.propagate = False
            said.addHandler(logging.NullHandler())
            said.setLevel(logging.DEBUG)
            bounded.bound()
            # Its own time limits leave threads behind that the end of a process waits for; ours do not.
            asset = apprise.AppriseAsset(service_timeout=0, app_id="rigwatch", app_desc="rigwatch")

            def make() -> Any:  # noqa: ANN401 - a library without types
                loaded = apprise.Apprise(asset=asset)
                if not loaded.add(self._url) or not len(loaded):
                    raise SettingsError(f"alerts: channel {self._key} is not an address that Apprise knows")
                return loaded

            self._idle.append(make())
            self._answers, self._tracker, self._make = bounded, _delivery_tracker, make

    def send(self, notification: StoredNotification, *, timeout: float) -> None:
        """Names of nodes are text, whatever they look like: Apprise escapes it where the service has a markup."""
        try:
            self.warm_up()
            result, partly = self._notify(notification, timeout)
        except SettingsError as exc:
            raise NotSent(str(exc), permanent=True) from exc
        except Exception as exc:
            # A plugin's defect is one failed attempt; the message stays in the outbox and is tried again.
            raise NotSent(clean(f"{type(exc).__name__}: {exc}", self._secrets), maybe=True) from exc
        if not result:
            lines = [(str(entry.level), str(entry.message)) for entry in result.logs()]
            raise refusal_of(lines, self._secrets, partly=partly, wait=self._answers.wait())

    def _notify(self, notification: StoredNotification, timeout: float) -> tuple[Any, bool]:
        """What Apprise says, and whether some targets have it."""
        with _loading:
            assert self._make is not None
            loaded = self._idle.pop() if self._idle else self._make()
        plugin = loaded[0]
        self._limit(plugin, timeout)
        text = fit(NotificationText(notification.title, notification.body or notification.title), self._room(plugin))
        delivered = self._remembered(notification)
        self._answers.begin()
        token = self._tracker.set(delivered)
        try:
            result = loaded.notify(title=text.title, body=text.body, body_format="text", log_level=logging.DEBUG)
        finally:
            self._tracker.reset(token)
            self._idle.append(loaded)
        return result, bool(delivered)

    def _remembered(self, notification: StoredNotification) -> set[Any]:
        key = (notification.id, re.sub(rf"(?: {MARKS})+$", "", notification.title), notification.body)
        with _loading:
            found = self._delivered.setdefault(key, set())
            while len(self._delivered) > _REMEMBERED:
                self._delivered.popitem(last=False)
        return found

    def _limit(self, plugin: Any, timeout: float) -> None:  # noqa: ANN401 - a plugin has no common type of use here
        """Our time limits, but for those that stand in the address. Mail has one only, for each of its steps."""
        if "rto=" not in self._url:
            plugin.socket_read_timeout = timeout
        if "cto=" not in self._url:
            plugin.socket_connect_timeout = timeout if scheme_of(self._url).startswith("mailto") else _CONNECT_S
        if "overflow=" not in self._url:
            # What we cut may grow when it is written as the service's markup; that is cut there.
            plugin.overflow_mode = type(plugin.overflow_mode)("truncate")

    def _room(self, plugin: Any) -> MessageLimits:  # noqa: ANN401 - as above
        title, body = int(plugin.title_maxlen), int(plugin.body_maxlen)
        most = _BYTES.get(scheme_of(self._url))
        if most is not None:
            return MessageLimits(title, most, shared=True, measure=utf8)
        return MessageLimits(title, body, shared=bool(plugin.overflow_amalgamate_title), measure=utf16)
