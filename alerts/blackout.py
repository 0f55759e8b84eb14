"""The incident that the database itself is away: decided like any other, but from memory, and told from memory. Pure.

No table can hold it while it lasts. Its notifications are handed over at once; an incident that is over goes to the
store when there is one again, for the record, and nobody is told of it a second time.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from alerts.book import Decision
from alerts.check import CheckResult, Holds
from alerts.decide import decide
from alerts.incident import Incident, IncidentState, NotificationKind, Scope, Subject
from alerts.notice import Notice, NoticeReason, Suppression, notice_of
from alerts.notification import Notification, NotificationContext, text_of
from alerts.policy import Policy
from alerts.route import Route
from alerts.rule import Rule
from alerts.silence import Silence, Target, quiet_until, silenced_by
from rigwatch.clock import Millis


class DatabaseTrouble(Struct, frozen=True):
    """What is wrong with the database now."""

    since: Millis
    fault: str
    evidence: str


class TellingState(Struct, frozen=True):
    """What was known last of how people want to be told: silences, and channels that may not send, with why."""

    silences: tuple[Silence, ...] = ()
    refused: Mapping[str, str] = {}


class PastIncident(Struct, frozen=True):
    """An incident that is over, with its story; its numbers are given by whoever stores it."""

    incident: Incident
    decisions: tuple[Decision, ...]


class Blackout:
    """At most one incident at a time."""

    def __init__(self, policy: Policy, routes: Sequence[Route]) -> None:
        self.policy = policy
        self.routes = routes
        self._incident: Incident | None = None
        self._decisions: list[Decision] = []
        self._recent: tuple[Millis, ...] = ()
        self._over: list[PastIncident] = []

    def step(self, trouble: DatabaseTrouble | None, known: TellingState, now: Millis) -> tuple[Notification, ...]:
        """What people are told now; `trouble` None: the database works."""
        policy = self.policy.of_site("", Rule.NO_DATABASE)
        if self._incident is None:
            if trouble is None or not policy.enabled:
                return ()
            self._incident = self._begun(trouble, now)
        result = (
            CheckResult(Holds.YES, trouble.evidence) if trouble else CheckResult(Holds.NO, "it takes everything again")
        )
        step = decide(self._incident, result, policy, general=self.policy, now=now)
        for change in step.changes:
            self._note(now, change.after.value, change.reason)
        self._incident = step.incident
        notifications = self._told(known, now)
        if not self._incident.is_open and self._incident.owes is None:
            self._end(self._incident)
        return notifications

    def take_over(self) -> list[PastIncident]:
        """Those that are over since the last time."""
        over, self._over = self._over, []
        return over

    def _begun(self, trouble: DatabaseTrouble, now: Millis) -> Incident:
        severity = self.policy.of_site("", Rule.NO_DATABASE).severity
        self._decisions = []
        self._note(now, "noticed", trouble.evidence)
        return Incident(
            0,
            Rule.NO_DATABASE,
            Subject(Scope.SERVER, "", trouble.fault),
            IncidentState.PENDING,
            min(trouble.since, now),
            severity=severity,
            evidence=trouble.evidence,
            changes=self._recent,
        )

    def _told(self, known: TellingState, now: Millis) -> tuple[Notification, ...]:
        assert self._incident is not None
        incident, schedule = self._incident, self.policy.of_site("", Rule.NO_DATABASE).schedule
        notice = notice_of(incident, schedule, quiet=self._quiet(incident, known, now), back=(0, 0), now=now)
        if notice.kind is None:
            return ()
        if notice.reason is not NoticeReason.OWED:
            self._held_back(incident, notice, now)
            return ()
        told = max(notice.step, incident.told)
        self._incident = replace(incident, owes=None, told=told, told_at=now, reason="")
        chosen = [each for each in self.routes if each.takes(incident.severity, ()) and each.key not in known.refused]
        for route in chosen:
            self._note(now, "told", f"{notice.kind.value} to {route.key}")
        return tuple(self._notification(route, notice.kind, now) for route in chosen)

    def _held_back(self, incident: Incident, notice: Notice, now: Millis) -> None:
        if notice.reason.value != incident.reason:
            self._note(now, "not told", f"{notice.reason.value} {notice.detail}".strip())
            # Silences and quiet hours put off and drop nothing: `notice.drop` is about groups and what is worse.
            self._incident = replace(incident, reason=notice.reason.value)

    def _quiet(self, incident: Incident, known: TellingState, now: Millis) -> Suppression | None:
        target = Target("", "", "", incident.rule.value, incident.severity.value)
        silenced = silenced_by(known.silences, target, now, self.policy.zone)
        if silenced is not None:
            return Suppression(NoticeReason.SILENCED, silenced[1], f"by {silenced[0].by}")
        until = quiet_until(self.policy.quiet, incident.severity, now, self.policy.zone)
        return Suppression(NoticeReason.QUIET_HOURS, until) if until is not None else None

    def _notification(self, route: Route, kind: NotificationKind, now: Millis) -> Notification:
        assert self._incident is not None
        hold = self.policy.of_site("", Rule.NO_DATABASE).hold
        text = text_of(NotificationContext(self._incident, kind, now, self.policy.zone, hold=hold))
        return Notification(route.key, kind, self._incident.severity, text.title, text.body, ())

    def _end(self, incident: Incident) -> None:
        # What was over before anybody was told is in the log, and not worth a row.
        if incident.state is IncidentState.RESOLVED:
            self._over.append(PastIncident(incident, tuple(self._decisions)))
        self._recent = incident.changes
        self._incident = None

    def _note(self, at: Millis, what: str, why: str) -> None:
        self._decisions.append(Decision(0, at, what, why))
