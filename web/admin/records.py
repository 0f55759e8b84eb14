"""Administration's page to look at: the audit list."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for

from store import audit
from store.audit import AuditFilter
from web.access.login import admin_only
from web.admin.context import PAGE, AdminContext
from web.errors import BadQuery

_KINDS: Final = ("node", "code", "user", "token", "account", "incident", "silence", "maintenance", "channel", "setting")
_TEXT_MAX: Final = 100
_NUMBER_MAX: Final = 2**63 - 1


class RecordsAdmin:
    """The audit list."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/audit", "audit", self.audit)

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


def _link(query: Mapping[str, str]) -> str:
    return f"{url_for('admin.audit')}?{urlencode(query)}" if query else url_for("admin.audit")


def _before() -> int | None:
    text = request.args.get("before")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:20]) <= _NUMBER_MAX:
        raise BadQuery("before: should be the number of an entry")
    return int(text[:20])
