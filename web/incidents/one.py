"""One incident, `/incidents/<number>`: why it fired, what was decided and sent, and what an admin can do about it."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from alerts.incident import Incident, IncidentState, Scope
from alerts.rule import RulePolicy
from alerts.silence import SilenceKind, matches, was_quiet
from alerts.silence_request import Breadth, SilenceRequest, SilenceRequestError, around, breadths
from alerts.tables import figures_of
from alerts.words import duration
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from store import acts, alerts, incidents, silences
from store.incidents import IncidentFilter, IncidentPart
from store.transaction import Transaction
from web import units
from web.access.login import actor
from web.access.sites import may_change, need_change, seen_messages, sees
from web.errors import BadQuery
from web.incidents.context import PageContext, go
from web.incidents.rows import (
    STATE_MEANING,
    IncidentContext,
    by_attention,
    flags,
    incident_row,
    sent_row,
    state_word,
    story_row,
    without_group,
)
from web.language.texts import N_
from web.language.texts import gettext as _
from web.parts import LiveParts
from web.silences.rows import silence_row

_MEMBERS: Final = 60
_NUMBER: Final = "<int(max=9007199254740991):number>"
NOTES: Final[Mapping[str, str]] = {
    "acknowledged": N_("Acknowledged. There are no more reminders; its end is told."),
    "known": N_("It was acknowledged before, or is over."),
    "silence": N_("Silenced. What is still wrong when the silence ends is told then."),
    "maintenance": N_("Maintenance has begun. Nodes that come and go meanwhile are nobody's alarm."),
}
LENGTHS: Final = (
    *(
        ("30m", N_("30 minutes")),
        ("1h", N_("1 hour")),
        ("2h", N_("2 hours")),
        ("4h", N_("4 hours")),
        ("8h", N_("8 hours")),
    ),
    *(("24h", N_("a day")), ("3d", N_("3 days")), ("7d", N_("a week"))),
)


class IncidentPageView:
    """The page, its live part, and what its forms do."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._parts = LiveParts()

    def page(self, number: int) -> str:
        return self._page(number, note=_(NOTES.get(request.args.get("note", ""), "")))

    def live(self, number: int) -> Response:
        """The part that changes, or 304 while it has not."""
        now = self._page_context.clock.now()
        return self._parts.answer(
            str(number),
            self._page_context.version(now),
            lambda: render_template("incident_live.html", **self._context(number, now)),
        )

    def acknowledge(self, number: int) -> AnyResponse:
        now, why = self._page_context.clock.now(), request.form.get("why", "")
        with self._page_context.store.write() as tx:
            incident = _found(tx, number)
            need_change(incident.subject.site)
            changed = acts.incidents.acknowledge(tx, actor(), now, incident, why=why)
        return go("incidents.one", number=number, note="acknowledged" if changed else "known")

    def quieten(self, number: int) -> AnyResponse | tuple[str, int]:
        """A silence or maintenance around the incident, as wide as was chosen."""
        now, form = self._page_context.clock.now(), request.form
        try:
            kind, breadth = SilenceKind(form.get("kind", "")), Breadth(form.get("about", ""))
        except ValueError:
            raise BadQuery("kind should be silence or maintenance, about one of rule, node, host, site") from None
        try:
            with self._page_context.store.write() as tx:
                incident = _found(tx, number)
                need_change(incident.subject.site)
                row_context = self._page_context.row_context(tx, [incident], now)
                about = around(incident, breadth, row_context.host_of(incident))
                if kind is SilenceKind.MAINTENANCE:
                    about.pop("rule", None)
                need_change(about.get("site", ""))
                asked = SilenceRequest(kind, about, form.get("length", ""), form.get("why", ""))
                acts.silences.add(tx, actor(), now, asked, zone=self._page_context.look.zone.tz)
        except SilenceRequestError as exc:
            return self._page(number, error=str(exc)), 400
        return go("incidents.one", number=number, note=kind.value)

    def _page(self, number: int, *, note: str = "", error: str = "") -> str:
        now = self._page_context.clock.now()
        context = self._context(number, now)
        live_url = url_for("incidents.one_live", number=number)
        return render_template("incident.html", live_url=live_url, note=note, error=error, lengths=LENGTHS, **context)

    def _context(self, number: int, now: Millis) -> Mapping[str, Any]:
        with self._page_context.store.read() as tx:
            return self._read(tx, number, now)

    def _read(self, tx: Transaction, number: int, now: Millis) -> Mapping[str, Any]:
        incident, look = _found(tx, number), self._page_context.look
        members = _members(tx, number) if incident.members else []
        parent = alerts.one(tx, incident.parent) if incident.parent is not None else None
        parent = parent if parent is not None and sees(parent) else None
        row_context = self._page_context.row_context(tx, [incident, *members, *([parent] if parent else [])], now)
        return {
            **self._page_context.context(now),
            "is_admin": may_change(incident.subject.site),
            "incident": incident,
            "title": row_context.title(incident),
            "severity": incident.severity.value,
            "state": state_word(incident.state),
            "meaning": STATE_MEANING[incident.state],
            "flags": flags(incident, row_context),
            "node": incident.subject if incident.subject.scope is Scope.NODE else None,
            "facts": self._facts(incident, now),
            "rule_figures": figures_of(incident.rule, self._policy(incident)),
            "acknowledged_at": look.moment(incident.acknowledged.at) if incident.acknowledged else None,
            "story": [story_row(each, look) for each in alerts.story(tx, number)],
            "messages": [sent_row(each, look) for each in seen_messages(tx, number)],
            "parent": incident_row(parent, row_context) if parent else None,
            "members": [without_group(incident_row(each, row_context)) for each in by_attention(members)[:_MEMBERS]],
            "members_still": sum(1 for each in members if each.is_open),
            "quiets": self._quiets(tx, incident, row_context),
            "breadths": [each.value for each in breadths(incident, row_context.host_of(incident))],
            "host": row_context.host_of(incident),
        }

    def _facts(self, incident: Incident, now: Millis) -> list[tuple[str, str, Any, str]]:
        """What it is, when it was what: a label, words, and the moment with its age where it goes on."""
        look = self._page_context.look
        begun = "" if incident.is_open else look.zone.full(incident.since)
        age = units.age(now - incident.since) if incident.is_open else ""
        found: list[tuple[str, str, Any, str]] = [(N_("Began"), begun, look.moment(incident.since), age)]
        if incident.fired_at is not None:
            held = _("after %(time)s", time=duration(incident.fired_at - incident.since))
            found.append((N_("Counted"), held, look.moment(incident.fired_at), ""))
        if incident.resolved_at is not None and not incident.is_open:
            lasted = _("after %(time)s", time=duration(incident.resolved_at - incident.since))
            found.append((N_("Over"), lasted, look.moment(incident.resolved_at), ""))
        reminder = self._next_reminder(incident, now)
        if reminder is not None:
            found.append((N_("Next reminder"), look.zone.clock(reminder), look.moment(reminder), ""))
        return found

    def _next_reminder(self, incident: Incident, now: Millis) -> Millis | None:
        if incident.state is not IncidentState.FIRING or incident.fired_at is None:
            return None
        if incident.acknowledged or incident.parent is not None:
            return None
        waits = self._policy(incident).schedule[incident.told :]
        return next((at for wait in waits if (at := incident.fired_at + wait) > now), None)

    def _policy(self, incident: Incident) -> RulePolicy:
        subject = incident.subject
        if subject.scope is Scope.NODE:
            return self._page_context.policy.of_node(NodeId(subject.site, subject.name))[incident.rule]
        return self._page_context.policy.of_site(subject.site, incident.rule)

    def _quiets(self, tx: Transaction, incident: Incident, row_context: IncidentContext) -> list[Any]:
        """What kept it quiet, or does, or may yet."""
        until = row_context.now + 1 if incident.is_open else (incident.resolved_at or row_context.now)
        target = row_context.target(incident)
        found = [
            each
            for each in silences.during(tx, incident.since, until)
            if matches(each.matcher, target) and was_quiet(each, incident.since, until, row_context.look.zone.tz)
        ]
        return [silence_row(each, row_context.look, row_context.now) for each in found]


def register(blueprint: Blueprint, page_context: PageContext) -> None:
    page = IncidentPageView(page_context)
    blueprint.add_url_rule(f"/incidents/{_NUMBER}", "one", page.page)
    blueprint.add_url_rule(f"/incidents/{_NUMBER}/live", "one_live", page.live)
    blueprint.add_url_rule(f"/incidents/{_NUMBER}/acknowledge", "acknowledge", page.acknowledge, methods=["POST"])
    blueprint.add_url_rule(f"/incidents/{_NUMBER}/quiet", "quieten", page.quieten, methods=["POST"])


def _found(tx: Transaction, number: int) -> Incident:
    incident = alerts.one(tx, number)
    if incident is None or not sees(incident):
        raise NotFound(
            _("There is no incident %(number)s. Old ones are forgotten, see 'keep' in [alerts].", number=number)
        )
    return incident


def _members(tx: Transaction, number: int) -> list[Incident]:
    """Those that are open first; a page shows only so many, the list has them all."""
    parts = (IncidentPart.OPEN, IncidentPart.PAST)
    return [each for part in parts for each in incidents.page(tx, IncidentFilter(part, group=number), 5000)]
