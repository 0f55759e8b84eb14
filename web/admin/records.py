"""Administration's pages to look at: the audit list, and the alert channels with their test."""

from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for

from store import acts, audit, outbox, running
from store.audit import AuditFilter
from web.access.login import admin_only
from web.admin.context import PAGE, AdminContext, attempt, done
from web.errors import BadQuery

_KINDS: Final = ("node", "user", "token", "account", "incident", "silence", "maintenance", "channel")
_TEXT_MAX: Final = 100
_ALIVE_MS: Final = 10_000
_NUMBER_MAX: Final = 2**63 - 1


class RecordsAdmin:
    """The audit list and the channels."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin
        self._test = admin.background.channels

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/audit", "audit", self.audit)
        blueprint.add_url_rule("/channels", "channels", self.channels)
        blueprint.add_url_rule(
            "/channels/test", "channels_test", partial(attempt, self.test, self._channels), methods=["POST"]
        )

    @admin_only
    def audit(self) -> str:
        """Newest first; the next page begins below the last number, so that new entries move nothing."""
        wanted = AuditFilter(
            *(request.args.get(name, "")[:_TEXT_MAX].replace("\0", "") for name in ("who", "kind", "q"))
        )
        with self._admin.store.read() as tx:
            entries = audit.page(tx, wanted, PAGE + 1, before=_before())
        shown, more = entries[:PAGE], len(entries) > PAGE
        query = {"who": wanted.who, "kind": wanted.kind, "q": wanted.text}
        asked = {name: value for name, value in query.items() if value}
        return render_template(
            "admin_audit.html",
            problem="",
            done="",
            entries=[(each, self._admin.zone.full(each.at)) for each in shown],
            wanted=wanted,
            kinds=_KINDS,
            first=_before() is None,
            newest=_link(asked),
            older=_link({**asked, "before": str(shown[-1].number)}) if more else "",
        )

    @admin_only
    def channels(self) -> str:
        return self._channels()

    def test(self) -> Response:
        self._admin.act(acts.channels.test, self._test.begin, channel="")
        return done(url_for("admin.channels"), "testing")

    def _channels(self, problem: str = "") -> str:
        with self._admin.store.read() as tx:
            refused = sorted((name, why) for name, (_, why) in outbox.refused(tx).items())
        return render_template(
            "admin_channels.html",
            problem=problem,
            done="",
            configured=self._configured(),
            refused=refused,
            test=self._test.latest(),
            zone=self._admin.zone,
        )

    def _configured(self) -> int:
        """How many channels there are: those in use, which a subscriber takes over while this process runs."""
        since = self._admin.now() - _ALIVE_MS
        with self._admin.store.read() as tx:
            in_use = running.alive(tx, since).values()
        alerts = self._admin.settings.alerts
        named = len(alerts.channels) + len(alerts.channel) + len(set(alerts.telegram.chats))
        return max((len(each.channels) for each in in_use), default=named)


def _link(query: Mapping[str, str]) -> str:
    return f"{url_for('admin.audit')}?{urlencode(query)}" if query else url_for("admin.audit")


def _before() -> int | None:
    text = request.args.get("before")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:20]) <= _NUMBER_MAX:
        raise BadQuery("before: should be the number of an entry")
    return int(text[:20])
