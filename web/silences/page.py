"""Quiet on purpose, `/quiet`: silences and maintenance that run, are planned, recur or ended lately; adding, ending."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from alerts.rule import Rule, Severity
from alerts.silence import DAYS, SilenceKind
from alerts.silence_request import KEYS, SilenceRequest, SilenceRequestError
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store import acts, reader, silences
from web.access.login import actor, is_admin
from web.access.sites import may_see, need_change, need_silence, sees_silence
from web.errors import BadQuery
from web.incidents.context import PageContext, go
from web.language.texts import N_
from web.language.texts import gettext as _
from web.parts import LiveParts
from web.silences.rows import counted, silence_row

_ENDED_SHOWN: Final = 30
_STANDS: Final = {
    "running": N_("Quiet now"),
    "planned": N_("Planned"),
    "waiting": N_("Again and again"),
    "ended": N_("Ended lately"),
}
NOTES: Final[Mapping[str, str]] = {
    "silence": N_("The silence is noted. Incidents still exist; what is still wrong when it ends is told then."),
    "maintenance": N_("The maintenance is noted. Nodes that come and go meanwhile are nobody's alarm."),
    "ended": N_("Ended. What is still wrong is told now."),
    "over": N_("It had ended already."),
}
_GIVEN: Final = KEYS[SilenceKind.SILENCE]


class QuietPage:
    """The page, its live part, and what its forms do."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._parts = LiveParts()

    def page(self) -> str:
        """The address may say what the form begins with: `/quiet?site=garage&node=rig1&rule=hot`."""
        return self._page(dict(request.args), note=_(NOTES.get(request.args.get("note", ""), "")))

    def live(self) -> Response:
        """The part that changes, or 304 while it has not. Admins are shown buttons, so they get another one."""
        now = self._page_context.clock.now()
        return self._parts.answer(
            f"admin={is_admin()}",
            self._page_context.version(now),
            lambda: render_template("quiet_live.html", **self._context(now)),
        )

    def add(self) -> AnyResponse | tuple[str, int]:
        now, form = self._page_context.clock.now(), request.form
        try:
            kind = SilenceKind(form.get("kind", ""))
        except ValueError:
            raise BadQuery("kind should be silence or maintenance") from None
        given = {key: form.get(key, "") for key in _GIVEN}
        if kind is SilenceKind.MAINTENANCE:
            # The form has these fields for silences; a node in maintenance is so with all its rules.
            given = {key: given[key] for key in KEYS[kind]}
        day = form.get("every_day", "")
        every = f"{day} {form.get('every_at', '')}".strip() if day else ""
        need_change(given["site"])
        asked = SilenceRequest(kind, given, form.get("length", ""), form.get("why", ""), every, form.get("start", ""))
        try:
            with self._page_context.store.write() as tx:
                acts.silences.add(tx, actor(), now, asked, zone=self._page_context.look.zone.tz)
        except SilenceRequestError as exc:
            return self._page(form.to_dict(), error=str(exc), wrong=exc.field), 400
        return go("incidents.quiet", note=kind.value)

    def end(self) -> AnyResponse:
        now, number = self._page_context.clock.now(), request.form.get("number", type=int) or 0
        try:
            with self._page_context.store.write() as tx:
                need_silence(tx, number)
                acts.silences.end(tx, actor(), now, number)
        except NotDone:
            return go("incidents.quiet", note="over")
        return go("incidents.quiet", note="ended")

    def _page(self, filled: Mapping[str, str], *, note: str = "", error: str = "", wrong: str = "") -> str:
        context = self._context(self._page_context.clock.now())
        return render_template(
            "quiet.html",
            live_url=url_for("incidents.quiet_live"),
            note=note,
            error=error,
            wrong=wrong,
            filled=filled,
            rules=[each.value for each in Rule],
            severities=[each.value for each in Severity],
            days=DAYS,
            **context,
        )

    def _context(self, now: Millis) -> Mapping[str, Any]:
        look = self._page_context.look
        with self._page_context.store.read() as tx:
            nodes = reader.nodes(tx)
            current, ended = silences.running(tx, now), silences.ended(tx, now, _ENDED_SHOWN)
        nodes = [each for each in nodes if may_see(each.id.site)]
        current, ended = (tuple(each for each in of if sees_silence(each.matcher)) for of in (current, ended))
        rows = [silence_row(each, look, now, counted(each, nodes)) for each in current]
        rows += [silence_row(each, look, now) for each in ended]
        sections = [(stands, title, [row for row in rows if row.stands == stands]) for stands, title in _STANDS.items()]
        return {**self._page_context.context(now), "sections": sections}


def register(blueprint: Blueprint, page_context: PageContext) -> None:
    page = QuietPage(page_context)
    blueprint.add_url_rule("/quiet", "quiet", page.page)
    blueprint.add_url_rule("/quiet/live", "quiet_live", page.live)
    blueprint.add_url_rule("/quiet", "add_quiet", page.add, methods=["POST"])
    blueprint.add_url_rule("/quiet/end", "end_quiet", page.end, methods=["POST"])
