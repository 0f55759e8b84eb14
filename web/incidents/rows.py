"""Incidents as templates print them: every word, time and sign is decided here. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from alerts.book import Decision
from alerts.facts import NodeFacts
from alerts.incident import Incident, IncidentState, NotificationKind, Scope
from alerts.rule import Severity
from alerts.silence import Silence, SilenceKind, Target, silenced_by
from alerts.words import duration
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from store.incidents import SentNotification
from store.outbox import DeliveryState
from web import units
from web.incidents.titles import headline
from web.language.texts import N_, Phrase, joined
from web.language.texts import gettext as _
from web.row import DisplaySettings, TimeText

STATE_MEANING: Final[Mapping[IncidentState, str]] = {
    IncidentState.PENDING: N_("noticed; nobody is told before it has held for a while"),
    IncidentState.FIRING: N_("it counts: people are told"),
    IncidentState.CLEARING: N_("over, but not for long enough yet to say so"),
    IncidentState.FLAPPING: N_("came and went too often; people hear of it again when it is stable"),
    IncidentState.RESOLVED: N_("over"),
    IncidentState.DISMISSED: N_("over before it counted; nobody was to be told"),
}
_WORDS: Final[Mapping[IncidentState, str]] = {
    IncidentState.PENDING: N_("noticed"),
    IncidentState.DISMISSED: N_("dismissed"),
}
_KINDS: Final[Mapping[str, str]] = {
    NotificationKind.FIRST.value: N_("first message"),
    NotificationKind.REMINDER.value: N_("reminder"),
    NotificationKind.PROGRESS.value: N_("progress"),
    NotificationKind.RECOVERY.value: N_("it is over"),
    NotificationKind.FLAPPING.value: N_("it flaps"),
    NotificationKind.SETTLED.value: N_("it is stable"),
    NotificationKind.CAUSE.value: N_("its cause"),
}


_QUIET: Final[Mapping[SilenceKind, str]] = {
    SilenceKind.MAINTENANCE: N_("in maintenance"),
    SilenceKind.SILENCE: N_("silenced"),
}


class Flag(NamedTuple):
    """A word on an incident's line; `kind` is a class of the style sheet."""

    kind: str
    text: Phrase | str


class IncidentRow(NamedTuple):
    """A line of the list. `lasted` is empty while it is open: its age counts on."""

    number: int
    severity: str
    title: str
    evidence: str
    state: str
    meaning: str
    began: TimeText
    age: str
    lasted: str
    flags: tuple[Flag, ...]
    cause: str = ""


class StoryRow(NamedTuple):
    """A decision. `kind` is a class of the style sheet."""

    at: TimeText
    what: str
    why: str
    kind: str


class SentRow(NamedTuple):
    """A message to one channel, as it was written and what became of it."""

    number: int
    at: TimeText
    channel: str
    kind: str
    title: str
    body: str
    result: str
    detail: str
    level: str


@dataclass(frozen=True, slots=True)
class IncidentContext:
    """What a line is told before: the nodes that are spoken of, what is quiet, how times are written, and now."""

    look: DisplaySettings
    facts: Mapping[NodeId, NodeFacts]
    silences: Sequence[Silence]
    now: Millis

    def facts_of(self, incident: Incident) -> NodeFacts | None:
        subject = incident.subject
        return self.facts.get(NodeId(subject.site, subject.name)) if subject.scope is Scope.NODE else None

    def host_of(self, incident: Incident) -> str:
        if incident.subject.scope is Scope.HOST:
            return incident.subject.name
        facts = self.facts_of(incident)
        return facts.host if facts else ""

    def quiet(self, incident: Incident) -> tuple[Silence, Millis] | None:
        """What keeps it quiet now, and until when."""
        return silenced_by(self.silences, self.target(incident), self.now, self.look.zone.tz) if self.silences else None

    def target(self, incident: Incident) -> Target:
        subject = incident.subject
        node = subject.name if subject.scope is Scope.NODE else ""
        return Target(subject.site, self.host_of(incident), node, incident.rule.value, incident.severity.value)

    def title(self, incident: Incident) -> str:
        facts = self.facts_of(incident)
        return headline(incident.rule, incident.subject, incident.members, facts.title if facts else "")


def incident_row(incident: Incident, row_context: IncidentContext) -> IncidentRow:
    lasted = "" if incident.is_open else duration((incident.resolved_at or incident.since) - incident.since)
    return IncidentRow(
        number=incident.id,
        severity=incident.severity.value,
        title=row_context.title(incident),
        evidence=incident.gist,
        state=state_word(incident.state),
        meaning=STATE_MEANING[incident.state],
        began=row_context.look.moment(incident.since),
        age=units.age(row_context.now - incident.since),
        lasted=lasted,
        flags=tuple(flags(incident, row_context)),
        cause=_upper_first(incident.cause),
    )


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def state_word(state: IncidentState) -> str:
    return _WORDS.get(state, state.value)


def without_group(row: IncidentRow) -> IncidentRow:
    """For the list of a group's own members."""
    return row._replace(flags=tuple(each for each in row.flags if each.kind != "group"))


def flags(incident: Incident, row_context: IncidentContext) -> list[Flag]:
    """What one should know before one runs."""
    found = []
    if incident.acknowledged:
        found.append(Flag("acknowledged", Phrase.of(N_("acknowledged by %(name)s"), name=incident.acknowledged.by)))
    if incident.is_open and (quiet := row_context.quiet(incident)):
        found.append(Flag("quiet", Phrase(_QUIET[quiet[0].kind])))
    elif incident.is_open and incident.reason and not incident.acknowledged:
        found.append(Flag("quiet", Phrase(incident.reason)))
    if incident.parent is not None:
        found.append(Flag("group", Phrase.of(N_("part of #%(number)s"), number=incident.parent)))
    if (
        not incident.is_open
        and incident.state is IncidentState.RESOLVED
        and incident.told_at is None
        and not incident.parent
    ):
        found.append(Flag("quiet", Phrase(N_("nobody was told"))))
    return found


def by_attention(incidents: Sequence[Incident]) -> list[Incident]:
    """The worst first, then the newest."""
    rank = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
    return sorted(incidents, key=lambda each: (rank[each.severity], -each.since, -each.id))


_STORY_KINDS: Final[Mapping[str, str]] = {
    "firing": "bad",
    "flapping": "bad",
    "not sent": "bad",
    "resolved": "good",
    "dismissed": "good",
    "clearing": "good",
    "told": "told",
    "sent": "told",
    "acknowledged": "person",
}


def story_row(decision: Decision, look: DisplaySettings) -> StoryRow:
    return StoryRow(look.moment(decision.at), decision.what, decision.why, _STORY_KINDS.get(decision.what, ""))


def sent_row(sent: SentNotification, look: DisplaySettings) -> SentRow:
    result, detail, level = _result(sent, look)
    kind = _KINDS.get(sent.kind, sent.kind)
    at = look.moment(sent.created_at)
    return SentRow(sent.id, at, sent.channel, kind, sent.title, sent.body, result, detail, level)


def _result(sent: SentNotification, look: DisplaySettings) -> tuple[str, str, str]:
    often = _("at attempt %(number)s", number=sent.attempts) if sent.attempts > 1 else ""
    match sent.progress:
        case DeliveryState.SENT:
            span = (sent.sent_at or sent.created_at) - sent.created_at
            took = f"{span} ms" if span < 1000 else duration(span)
            return N_("sent"), joined((_("after %(time)s", time=took), often)), "green"
        case DeliveryState.FAILED:
            return N_("failed"), sent.error, "red"
        case DeliveryState.QUEUED:
            again = _("tried again at %(time)s: %(error)s", time=look.zone.clock(sent.next_at), error=sent.error)
            return N_("waits"), again, "yellow"
        case _:
            return N_("under way"), often, "yellow"
