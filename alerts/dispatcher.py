"""Telling: which incidents say something now, to whom, together with which others; and what keeps them quiet. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

from msgspec.structs import replace

from alerts.book import Book
from alerts.explainer import Explainer
from alerts.group import Crowd, release, size_of, subject_of
from alerts.incident import Incident, IncidentState, NotificationKind, Scope
from alerts.notice import Notice, NoticeReason, notice_of
from alerts.notification import Notification, NotificationContext, NotificationText, text_of, together
from alerts.policy import Policy
from alerts.route import Route
from alerts.rule import Rule, RulePolicy, worst
from alerts.suppression import FleetFacts, Suppressor
from alerts.words import duration
from rigwatch.clock import Millis
from rigwatch.topics import NodeId

_Key: TypeAlias = tuple[Rule, NotificationKind]
_Unit: TypeAlias = tuple[Incident, Notice]
_SAID_AGAIN = frozenset({NotificationKind.REMINDER, NotificationKind.PROGRESS, NotificationKind.CAUSE})
_BEGINNINGS = frozenset({NotificationKind.FIRST, NotificationKind.FLAPPING})


class Dispatcher:
    """Writes the notifications of a step."""

    def __init__(self, book: Book, fleet: FleetFacts, policy: Policy, routes: Sequence[Route], *, link: str) -> None:
        self._book = book
        self._fleet = fleet
        self._policy = policy
        self._suppressor = Suppressor(book, fleet, policy)
        self._routes = routes
        self._link = link
        # By rule, beginnings and ends apart.
        self._told_at: dict[tuple[Rule, bool], Millis] = {}
        self._gathering: defaultdict[_Key, set[int]] = defaultdict(set)
        self._planned: dict[_Key, Millis] = {}
        self._foreseen: defaultdict[Rule, dict[NodeId, Millis]] = defaultdict(dict)
        self._notifications: list[Notification] = []
        self._explainer = Explainer(book, fleet)
        self.refused: dict[str, str] = {}

    @property
    def next_at(self) -> Millis | None:
        """When those that wait for others may go, or a cause may be known."""
        asked_at = self._explainer.next_at
        return min([*self._planned.values(), *([] if asked_at is None else [asked_at])], default=None)

    def asked(self) -> tuple[str, ...]:
        """The plugs that should say now what they draw."""
        return self._explainer.asked()

    def foresee(self, rule: Rule, node: NodeId, at: Millis | None) -> None:
        """When time alone will make the rule hold for a node that nothing is wrong with so far; None = never."""
        known = self._foreseen[rule]
        if at is not None:
            known[node] = at
        else:
            known.pop(node, None)

    def forget(self, node: NodeId) -> None:
        for known in self._foreseen.values():
            known.pop(node, None)

    def speak(self, now: Millis) -> tuple[Notification, ...]:
        """The notifications of this moment."""
        self._notifications = []
        self._explainer.look(now)
        # Of groups, and of the server's own parts, each is told by itself.
        at_once: defaultdict[tuple[Rule, NotificationKind, int], list[_Unit]] = defaultdict(list)
        joined: defaultdict[_Key, set[int]] = defaultdict(set)
        for number in self._book.units.due(now):
            incident = self._book.incidents.get(number)
            if incident is None:
                continue
            notice = self._notice(incident, now)
            if notice.reason is not NoticeReason.OWED or notice.kind is None:
                self._hold_back(incident, notice, now)
            elif notice.kind in _SAID_AGAIN or incident.subject.scope is not Scope.NODE:
                alone = 0 if incident.subject.scope is Scope.NODE else number
                at_once[incident.rule, notice.kind, alone].append((incident, notice))
            else:
                joined[incident.rule, notice.kind].add(number)
        for (rule, kind, _), units in at_once.items():
            self._tell(rule, kind, units, now)
        due = [key for key, at in self._planned.items() if at <= now]
        for key in dict.fromkeys([*due, *joined]):
            self._gathering[key] |= joined[key]
            self._release(key, joined[key], now)
        return tuple(self._notifications)

    def _notice(self, incident: Incident, now: Millis) -> Notice:
        policy = self._policy_of(incident)
        back = (0, 0)
        if incident.id in self._book.children:
            back = (incident.members - self._book.still(incident.id), incident.turned_at)
        return notice_of(incident, policy.schedule, quiet=self._suppressor.of(incident, now), back=back, now=now)

    def _hold_back(self, incident: Incident, notice: Notice, now: Millis) -> None:
        if notice.check_at is not None:
            self._book.units.plan(incident.id, notice.check_at)
        if notice.kind is None:
            return
        if notice.reason.value != incident.reason:
            self._book.note(
                incident.id, now, "not told", f"{notice.kind.value}: {notice.reason.value} {notice.detail}".strip()
            )
            incident = replace(incident, reason=notice.reason.value)
            self._book.save(incident)
        if notice.drop:
            count = incident.members - self._book.still(incident.id) if incident.id in self._book.children else 0
            owes = None if incident.owes is NotificationKind.CAUSE else incident.owes
            dropped = replace(incident, told=max(notice.step, incident.told), came_back=count, owes=owes)
            self._book.save(dropped)
            self._book.units.add(incident.id)

    def _release(self, key: _Key, joined: set[int], now: Millis) -> None:
        """Of those that owe the same: who has nobody to wait for any more speaks."""
        self._planned.pop(key, None)
        while owing := self._owing(key):
            when = release(self._crowd(key, owing, now), self._policy.group_wait)
            if when.at > now:
                self._planned[key] = when.at
                for incident in owing:
                    if incident.id in joined:
                        self._hold_back(incident, Notice(NoticeReason.GROUPING, key[1]), now)
                return
            going = [incident for incident in owing if incident.owed_at <= when.upto]
            self._gathering[key] -= {incident.id for incident in going}
            self._say(key, going, now)

    def _owing(self, key: _Key) -> list[Incident]:
        """Those that still do: who got well, or speaks through a parent, has left."""
        kind = key[1]
        found = (self._book.incidents.get(number) for number in sorted(self._gathering[key]))
        owing = [each for each in found if each is not None and each.owes is kind and each.parent is None]
        self._gathering[key] = {each.id for each in owing}
        return owing

    def _crowd(self, key: _Key, owing: Sequence[Incident], now: Millis) -> Crowd:
        rule, kind = key
        hold = self._policy.of_site("", rule).hold
        begins = kind in _BEGINNINGS and hold < self._policy.group_wait
        joined_at = self._book.begun_at.get(rule, 0) if begins else max(incident.owed_at for incident in owing)
        told_at = self._told_at.get((rule, kind in _BEGINNINGS))
        return Crowd([incident.owed_at for incident in owing], self._coming(rule, kind, now), joined_at, told_at)

    def _say(self, key: _Key, going: Sequence[Incident], now: Millis) -> None:
        rule, kind = key
        units: list[_Unit] = []
        for incident in going:
            # What keeps it quiet may have begun while it waited.
            notice = self._notice(incident, now)
            if notice.reason is NoticeReason.OWED:
                units.append((incident, notice))
            else:
                self._hold_back(incident, notice, now)
        if kind is NotificationKind.FIRST and len(units) > 1:
            parent = self._gather(rule, [incident for incident, _ in units], now)
            # After a silence, steps of the schedule that are past are done with as well.
            units = [(parent, Notice(NoticeReason.OWED, kind, step=max(notice.step for _, notice in units)))]
        if units:
            self._tell(rule, kind, units, now)

    def _coming(self, rule: Rule, kind: NotificationKind, now: Millis) -> list[Millis]:
        """When others will owe the same if nothing changes: ends of running holds, of recoveries, of calm; and nodes
        that time alone brings to it. What is past has nothing to say: nobody knows whether it still holds."""
        moments: list[Millis] = []
        for subject, rules in self._book.open.items():
            number = rules.get(rule)
            if number is None or subject.scope is not Scope.NODE:
                continue
            incident = self._book.incidents[number]
            if incident.parent is None or kind in _BEGINNINGS:
                at = self._turns_at(incident, kind)
                moments += [] if at is None else [at]
        if kind is NotificationKind.FIRST:
            moments += [at + _told_after(self._policy.of_node(node)[rule]) for node, at in self._foreseen[rule].items()]
        return [at for at in moments if at > now]

    def _turns_at(self, incident: Incident, kind: NotificationKind) -> Millis | None:
        policy = self._policy_of(incident)
        if kind in _BEGINNINGS and incident.state is IncidentState.PENDING:
            return incident.since + _told_after(policy)
        if kind in _BEGINNINGS:
            return incident.owed_at if incident.owes is kind else None
        if kind is NotificationKind.RECOVERY:
            return incident.turned_at + policy.clear_hold if incident.state is IncidentState.CLEARING else None
        return incident.turned_at + self._policy.flap_within if incident.state is IncidentState.FLAPPING else None

    def _gather(self, rule: Rule, owed: Sequence[Incident], now: Millis) -> Incident:
        parent = Incident(
            next(self._book.ids),
            rule,
            subject_of(owed, self._fleet.places()),
            IncidentState.FIRING,
            min(each.since for each in owed),
            severity=worst(each.severity for each in owed),
            evidence=f"{len(owed)} nodes together",
            fired_at=min(each.fired_at or now for each in owed),
            turned_at=now,
            members=len(owed),
            owes=NotificationKind.FIRST,
            owed_at=now,
        )
        self._book.save(parent)
        self._book.note(
            parent.id, now, IncidentState.FIRING.value, f"{len(owed)} incidents began within {self._wait_words()}"
        )
        for each in owed:
            self._book.save(replace(each, parent=parent.id, owes=None, reason=""))
            self._book.children[parent.id].add(each.id)
            self._book.note(each.id, now, "grouped", f"into incident {parent.id}: {parent.subject}")
        return parent

    def _wait_words(self) -> str:
        return duration(self._policy.group_wait)

    def _tell(self, rule: Rule, kind: NotificationKind, units: list[tuple[Incident, Notice]], now: Millis) -> None:
        for incident, notice in units:
            count = incident.members - self._book.still(incident.id) if incident.id in self._book.children else 0
            owes = None if incident.owes is kind else incident.owes
            known = self._explainer.told(incident, now) if kind is NotificationKind.FIRST else incident
            told = replace(
                known, told=max(notice.step, incident.told), told_at=now, owes=owes, came_back=count, reason=""
            )
            self._book.save(told)
            self._book.units.add(incident.id)
        if kind not in _SAID_AGAIN:
            self._told_at[rule, kind in _BEGINNINGS] = now
        saved = [self._book.incidents[incident.id] for incident, _ in units]
        for route in self._routes:
            self._write(route, kind, saved, now)
        self._note_unheard(kind, [incident for incident, _ in units], now)
        # What follows in the schedule is planned at once.
        for incident, _ in units:
            self._plan(incident.id, now)

    def _note_unheard(self, kind: NotificationKind, incidents: Sequence[Incident], now: Millis) -> None:
        for incident in incidents:
            if any(route.takes(incident.severity, self._sites(incident)) for route in self._routes):
                continue
            where = f" of {incident.subject.site}" if incident.subject.site else ""
            why = f"no channel takes {incident.severity.value}{where}" if self._routes else "no channel is set up"
            self._book.note(incident.id, now, "not told", f"{kind.value}: {why}")

    def _write(self, route: Route, kind: NotificationKind, incidents: Sequence[Incident], now: Millis) -> None:
        chosen = [each for each in incidents if route.takes(each.severity, self._sites(each))]
        chosen = [each for each in chosen if not (each.rule is Rule.CHANNEL_REFUSED and each.subject.name == route.key)]
        if route.key in self.refused or not chosen:
            if chosen:
                self._book.note(
                    chosen[0].id, now, "not told", f"channel {route.key} may not send: {self.refused[route.key]}"
                )
            return
        texts = [self._text(each, kind, now) for each in chosen]
        text = together(texts, chosen[0].rule, kind, chosen)
        severity = worst(each.severity for each in chosen)
        numbers = tuple(each.id for each in chosen)
        self._notifications.append(Notification(route.key, kind, severity, text.title, text.body, numbers))
        for each in chosen:
            self._book.note(each.id, now, "told", f"{kind.value} to {route.key}")

    def _text(self, incident: Incident, kind: NotificationKind, now: Millis) -> NotificationText:
        subject = incident.subject
        facts = self._fleet.facts.get(NodeId(subject.site, subject.name)) if subject.scope is Scope.NODE else None
        children = tuple(self._book.incidents[each] for each in self._book.children.get(incident.id, ()))
        return text_of(
            NotificationContext(
                incident,
                kind,
                now,
                self._policy.zone,
                facts=facts,
                children=tuple(sorted(children, key=lambda each: (each.since, each.subject))),
                of=size_of(subject, self._fleet.places()) if children else 0,
                hold=self._policy_of(incident).hold,
                link=self._link,
            )
        )

    def _plan(self, number: int, now: Millis) -> None:
        notice = self._notice(self._book.incidents[number], now)
        if notice.check_at is not None:
            self._book.units.plan(number, notice.check_at)

    def _policy_of(self, incident: Incident) -> RulePolicy:
        if incident.subject.scope is Scope.NODE:
            return self._policy.of_node(NodeId(incident.subject.site, incident.subject.name))[incident.rule]
        return self._policy.of_site(incident.subject.site, incident.rule)

    def _sites(self, incident: Incident) -> frozenset[str]:
        children = self._book.children.get(incident.id, ())
        found = {self._book.incidents[each].subject.site for each in children} | {incident.subject.site}
        return frozenset(found - {""})


def _told_after(policy: RulePolicy) -> Millis:
    """From when it holds until people are told."""
    return policy.hold + (policy.schedule[0] if policy.schedule else 0)
