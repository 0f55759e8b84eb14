"""One incident, `/incidents/<number>`: why it fired, what was decided and sent, and what an admin can do about it."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from alerts.incident import Acknowledged, Incident, Scope, State
from alerts.mute import MuteKind, matches, was_quiet
from alerts.rule import RulePolicy
from alerts.tables import figures_of
from alerts.wish import Breadth, Wish, WishError, around, breadths, mute_of
from alerts.words import duration
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from store import alerts, audit, incidents, silences
from store.incidents import Part, Wanted
from store.work import Work
from web import units
from web.errors import BadQuery
from web.incidents.rows import (
    STATE_MEANING,
    Scene,
    by_attention,
    flags,
    incident_row,
    sent_row,
    state_word,
    story_row,
    without_group,
)
from web.incidents.sight import Sight, go, who
from web.parts import Parts
from web.quiet.rows import mute_row

_MEMBERS: Final = 60
_WHY_MAX: Final = 500
_NUMBER: Final = "<int(max=9007199254740991):number>"
NOTES: Final[Mapping[str, str]] = {
    "acknowledged": "Acknowledged. There are no more reminders; its end is told.",
    "known": "It was acknowledged before, or is over.",
    "silence": "Silenced. What is still wrong when the silence ends is told then.",
    "maintenance": "Maintenance has begun. Nodes that come and go meanwhile are nobody's alarm.",
}
LENGTHS: Final = (
    *(("30m", "30 minutes"), ("1h", "1 hour"), ("2h", "2 hours"), ("4h", "4 hours"), ("8h", "8 hours")),
    *(("24h", "a day"), ("3d", "3 days"), ("7d", "a week")),
)


class IncidentPage:
    """The page, its live part, and what its forms do."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._parts = Parts()

    def page(self, number: int) -> str:
        return self._page(number, note=NOTES.get(request.args.get("note", ""), ""))

    def live(self, number: int) -> Response:
        """The part that changes, or 304 while it has not."""
        now = self._sight.clock.now()
        return self._parts.answer(
            str(number),
            self._sight.version(now),
            lambda: render_template("incident_live.html", **self._context(number, now)),
        )

    def acknowledge(self, number: int) -> AnyResponse:
        now, name = self._sight.clock.now(), who()
        why = " ".join(request.form.get("why", "").replace("\0", "").split())[:_WHY_MAX]

        def change(work: Work) -> int:
            incident = _found(work, number)
            changed = alerts.acknowledge(work, [number], Acknowledged(now, name, why))
            if changed:
                detail = f"{incident.subject} {incident.rule.value}: {why}".rstrip(": ")
                audit.record(
                    work, who=name, action="incident.acknowledge", subject=f"#{number}", detail=detail, now=now
                )
            return changed

        changed = self._sight.store.change(change)
        return go("incidents.one", number=number, note="acknowledged" if changed else "known")

    def quieten(self, number: int) -> AnyResponse | tuple[str, int]:
        """A silence or maintenance around the incident, as wide as was chosen."""
        now, form = self._sight.clock.now(), request.form
        try:
            kind, breadth = MuteKind(form.get("kind", "")), Breadth(form.get("about", ""))
        except ValueError:
            raise BadQuery("kind should be silence or maintenance, about one of rule, node, host, site") from None

        def change(work: Work) -> None:
            incident = _found(work, number)
            scene = self._sight.scene(work, [incident], now)
            about = around(incident, breadth, scene.host_of(incident))
            if kind is MuteKind.MAINTENANCE:
                about.pop("rule", None)
            mute = mute_of(
                Wish(kind, about, form.get("length", ""), who(), form.get("why", "")), now, self._sight.look.zone.tz
            )
            quiet = silences.add(work, mute)
            detail = f"{mute.matcher} for {duration(mute.ends_at - now)}: {mute.why}".rstrip(": ")
            audit.record(work, who=who(), action=f"{kind.value}.add", subject=f"quiet {quiet}", detail=detail, now=now)

        try:
            self._sight.store.change(change)
        except WishError as exc:
            return self._page(number, error=str(exc)), 400
        return go("incidents.one", number=number, note=kind.value)

    def _page(self, number: int, *, note: str = "", error: str = "") -> str:
        now = self._sight.clock.now()
        context = self._context(number, now)
        live_url = url_for("incidents.one_live", number=number)
        return render_template("incident.html", live_url=live_url, note=note, error=error, lengths=LENGTHS, **context)

    def _context(self, number: int, now: Millis) -> Mapping[str, Any]:
        return self._sight.store.look(lambda work: self._read(work, number, now))

    def _read(self, work: Work, number: int, now: Millis) -> Mapping[str, Any]:
        incident, look = _found(work, number), self._sight.look
        members = _members(work, number) if incident.members else []
        parent = alerts.one(work, incident.parent) if incident.parent is not None else None
        scene = self._sight.scene(work, [incident, *members, *([parent] if parent else [])], now)
        return {
            **self._sight.context(now),
            "incident": incident,
            "title": scene.title(incident),
            "severity": incident.severity.value,
            "state": state_word(incident.state),
            "meaning": STATE_MEANING[incident.state],
            "flags": flags(incident, scene),
            "node": incident.subject if incident.subject.scope is Scope.NODE else None,
            "facts": self._facts(incident, now),
            "rule_figures": figures_of(incident.rule, self._policy(incident)),
            "acknowledged_at": look.moment(incident.acknowledged.at) if incident.acknowledged else None,
            "story": [story_row(each, look) for each in incidents.story(work, number)],
            "messages": [sent_row(each, look) for each in incidents.sent(work, number)],
            "parent": incident_row(parent, scene) if parent else None,
            "members": [without_group(incident_row(each, scene)) for each in by_attention(members)[:_MEMBERS]],
            "members_still": sum(1 for each in members if each.is_open),
            "quiets": self._quiets(work, incident, scene),
            "breadths": [each.value for each in breadths(incident, scene.host_of(incident))],
            "host": scene.host_of(incident),
        }

    def _facts(self, incident: Incident, now: Millis) -> list[tuple[str, str, Any, str]]:
        """What it is, when it was what: a label, words, and the moment with its age where it goes on."""
        look = self._sight.look
        begun = "" if incident.is_open else look.zone.full(incident.since)
        age = units.age(now - incident.since) if incident.is_open else ""
        found: list[tuple[str, str, Any, str]] = [("Began", begun, look.moment(incident.since), age)]
        if incident.fired_at is not None:
            held = f"after {duration(incident.fired_at - incident.since)}"
            found.append(("Counted", held, look.moment(incident.fired_at), ""))
        if incident.resolved_at is not None and not incident.is_open:
            lasted = f"after {duration(incident.resolved_at - incident.since)}"
            found.append(("Over", lasted, look.moment(incident.resolved_at), ""))
        reminder = self._next_reminder(incident, now)
        if reminder is not None:
            found.append(("Next reminder", look.zone.clock(reminder), look.moment(reminder), ""))
        return found

    def _next_reminder(self, incident: Incident, now: Millis) -> Millis | None:
        if incident.state is not State.FIRING or incident.fired_at is None:
            return None
        if incident.acknowledged or incident.parent is not None:
            return None
        waits = self._policy(incident).schedule[incident.told :]
        return next((at for wait in waits if (at := incident.fired_at + wait) > now), None)

    def _policy(self, incident: Incident) -> RulePolicy:
        subject = incident.subject
        if subject.scope is Scope.NODE:
            return self._sight.policy.of_node(NodeId(subject.site, subject.name))[incident.rule]
        return self._sight.policy.of_site(subject.site, incident.rule)

    def _quiets(self, work: Work, incident: Incident, scene: Scene) -> list[Any]:
        """What kept it quiet, or does, or may yet."""
        until = scene.now + 1 if incident.is_open else (incident.resolved_at or scene.now)
        target = scene.target(incident)
        found = [
            each
            for each in silences.during(work, incident.since, until)
            if matches(each.matcher, target) and was_quiet(each, incident.since, until, scene.look.zone.tz)
        ]
        return [mute_row(each, scene.look, scene.now) for each in found]


def register(blueprint: Blueprint, sight: Sight) -> None:
    page = IncidentPage(sight)
    blueprint.add_url_rule(f"/incidents/{_NUMBER}", "one", page.page)
    blueprint.add_url_rule(f"/incidents/{_NUMBER}/live", "one_live", page.live)
    blueprint.add_url_rule(f"/incidents/{_NUMBER}/acknowledge", "acknowledge", page.acknowledge, methods=["POST"])
    blueprint.add_url_rule(f"/incidents/{_NUMBER}/quiet", "quieten", page.quieten, methods=["POST"])


def _found(work: Work, number: int) -> Incident:
    incident = alerts.one(work, number)
    if incident is None:
        raise NotFound(f"There is no incident {number}. Old ones are forgotten, see 'keep' in [alerts].")
    return incident


def _members(work: Work, number: int) -> list[Incident]:
    """Those that are open first; a page shows only so many, the list has them all."""
    parts = (Part.OPEN, Part.PAST)
    return [each for part in parts for each in incidents.page(work, Wanted(part, group=number), 5000)]
