"""The incidents of an engine while it runs: which are open, who belongs to whom, and what a step has changed. Pure."""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from alerts.agenda import Agenda
from alerts.check import CheckResult
from alerts.decide import Transition, close
from alerts.incident import Incident, IncidentState, Spell, Subject
from alerts.rule import Rule, RulePolicy
from rigwatch.clock import Millis

_NONE: Mapping[Rule, int] = {}
_CALM: tuple[tuple[Millis, ...], tuple[Spell, ...]] = ((), ())


class Decision(Struct, frozen=True):
    """One line of an incident's story: what was decided, and why."""

    incident: int
    at: Millis
    what: str
    why: str


class Book:
    """`open` are the numbers of open incidents; `units` those that may have something to say now or later."""

    def __init__(self, incidents: Sequence[Incident], recent: Sequence[Incident], next_id: int) -> None:
        self.ids = itertools.count(next_id)
        self.incidents = {each.id: each for each in incidents}
        self.open: dict[Subject, dict[Rule, int]] = {}
        for each in incidents:
            if each.is_open:
                self.open.setdefault(each.subject, {})[each.rule] = each.id
        self.recent = {(each.subject, each.rule): (each.changes, each.spells) for each in recent}
        self.children: defaultdict[int, set[int]] = defaultdict(set)
        for each in incidents:
            if each.parent is not None:
                self.children[each.parent].add(each.id)
        self.units = Agenda[int](self.incidents)
        self.changed: dict[int, Incident] = {}
        self.decisions: list[Decision] = []
        self.begun_at: dict[Rule, Millis] = {}
        """When the last incident of a rule began."""

    def of(self, subject: Subject) -> Mapping[Rule, int]:
        """Its open incidents, by rule."""
        return self.open.get(subject, _NONE)

    def save(self, incident: Incident) -> None:
        self.incidents[incident.id] = self.changed[incident.id] = incident

    def note(self, incident: int, at: Millis, what: str, why: str) -> None:
        """A line of its story."""
        self.decisions.append(Decision(incident, at, what, why))

    def put_back(self, now: Millis) -> None:
        """Nothing in the book lies in the future."""
        self.units.update(self.incidents)
        for incident in list(self.incidents.values()):
            since, turned_at = min(incident.since, now), min(incident.turned_at, now)
            if (since, turned_at) != (incident.since, incident.turned_at):
                self.save(replace(incident, since=since, turned_at=turned_at))

    def begin(self, subject: Subject, rule: Rule, result: CheckResult, policy: RulePolicy, now: Millis) -> Incident:  # noqa: PLR0917 - what an incident is made of
        since = min(result.since if result.since is not None else now, now)
        changes, spells = self.recent.pop((subject, rule), _CALM)
        incident = Incident(
            next(self.ids),
            rule,
            subject,
            IncidentState.PENDING,
            since,
            severity=policy.severity,
            evidence=result.evidence,
            changes=changes,
            spells=spells,
        )
        self.open.setdefault(subject, {})[rule] = incident.id
        self.begun_at[rule] = now
        self.save(incident)
        self.note(incident.id, now, "noticed", result.evidence)
        return incident

    def apply(self, before: Incident, after: Incident, changes: Sequence[Transition], now: Millis) -> None:
        for change in changes:
            self.note(before.id, now, change.after.value, change.reason)
        if after == before:
            return
        self.save(after)
        self.units.add(after.id)
        if not after.is_open:
            self._close(after)
            if after.changes or after.spells:
                self.recent[after.subject, after.rule] = (after.changes, after.spells)
        if before.parent is not None and (after.parent is None or not after.is_open):
            self.leave(before.parent, after, now)

    def close(self, subject: Subject, rule: Rule, reason: str, now: Millis) -> None:
        number = self.of(subject).get(rule)
        if number is not None:
            step = close(self.incidents[number], reason, now)
            self.apply(self.incidents[number], step.incident, step.changes, now)

    def _close(self, incident: Incident) -> None:
        rules = self.open.get(incident.subject, {})
        rules.pop(incident.rule, None)
        if not rules:
            self.open.pop(incident.subject, None)

    def leave(self, parent: int, child: Incident, now: Millis) -> None:
        known = self.incidents.get(parent)
        if known is None:
            return
        if child.parent is None:
            # It flaps, and from now on speaks for itself.
            self.children[parent].discard(child.id)
            known = replace(known, members=known.members - 1)
        self.save(replace(known, turned_at=now))
        self.units.add(parent)

    def still(self, parent: int) -> int:
        return sum(1 for child in self.children[parent] if self.incidents[child].is_open)

    def parent_open(self, incident: Incident) -> bool:
        parent = self.incidents.get(incident.parent) if incident.parent is not None else None
        return parent is not None and (parent.is_open or parent.owes is not None)

    def forget(self, incident: Incident) -> None:
        for child in self.children.pop(incident.id, ()):
            self.incidents.pop(child, None)
        self.incidents.pop(incident.id, None)
        self.units.forget(incident.id)

    def end_step(self) -> tuple[tuple[Incident, ...], tuple[Decision, ...]]:
        """What the step has changed and decided; what nobody needs any more is let go."""
        changed, decided = tuple(self.changed.values()), tuple(self.decisions)
        for incident in changed:
            if not incident.is_open and incident.owes is None and not self.parent_open(incident):
                self.forget(incident)
        self.changed, self.decisions = {}, []
        return changed, decided
