"""Telling: which incidents say something now, to whom, together with which others; and what keeps them quiet. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from subscriber.alerts.book import Book
from subscriber.alerts.group import release_at, size_of, subject_of
from subscriber.alerts.incident import Incident, Kind, Scope, State
from subscriber.alerts.letter import Letter, Said, Text, text_of, together
from subscriber.alerts.notice import Notice, Reason, notice_of
from subscriber.alerts.policy import Policy
from subscriber.alerts.quiet import Fleet, Peace
from subscriber.alerts.route import Route
from subscriber.alerts.rule import Rule, RulePolicy, worst
from subscriber.alerts.words import duration


class Speaker:
    """Writes the letters of a step."""

    def __init__(self, book: Book, fleet: Fleet, policy: Policy, routes: Sequence[Route], *, link: str) -> None:
        self._book = book
        self._fleet = fleet
        self._policy = policy
        self._peace = Peace(book, fleet, policy)
        self._routes = routes
        self._link = link
        self._told_at: dict[Rule, Millis] = {}
        self._letters: list[Letter] = []
        self.refused: dict[str, str] = {}

    def speak(self, now: Millis) -> tuple[Letter, ...]:
        """The letters of this moment."""
        self._letters = []
        owing: defaultdict[tuple[Rule, Kind], list[tuple[Incident, Notice]]] = defaultdict(list)
        for number in self._book.units.due(now):
            incident = self._book.incidents.get(number)
            if incident is None:
                continue
            notice = self._notice(incident, now)
            if notice.reason is Reason.OWED and notice.kind is not None:
                owing[incident.rule, notice.kind].append((incident, notice))
            else:
                self._hold_back(incident, notice, now)
        for (rule, kind), units in owing.items():
            self._release(rule, kind, units, now)
        return tuple(self._letters)

    def _notice(self, incident: Incident, now: Millis) -> Notice:
        policy = self._policy_of(incident)
        back = (0, 0)
        if incident.id in self._book.children:
            back = (incident.members - self._book.still(incident.id), incident.turned_at)
        return notice_of(incident, policy.schedule, quiet=self._peace.of(incident, now), back=back, now=now)

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
            self._book.save(replace(incident, told=max(notice.step, incident.told), came_back=count))
            self._book.units.add(incident.id)

    def _release(self, rule: Rule, kind: Kind, units: list[tuple[Incident, Notice]], now: Millis) -> None:
        owed = [incident for incident, _ in units]
        if kind is not Kind.REMINDER and kind is not Kind.PROGRESS:
            last = self._told_at.get(rule) if kind in (Kind.FIRST, Kind.FLAPPING) else None
            wait = self._policy.group_wait if owed[0].subject.scope is Scope.NODE else 0
            at = release_at(owed, self._coming(rule, kind, now), last_told_at=last, wait=wait)
            if at > now:
                for incident in owed:
                    self._hold_back(incident, Notice(Reason.GROUPING, kind, at), now)
                return
        if kind is Kind.FIRST and len(owed) > 1 and owed[0].subject.scope is Scope.NODE:
            parent = self._gather(rule, owed, now)
            # After a silence, steps of the schedule that are past are done with as well.
            units = [(parent, Notice(Reason.OWED, kind, step=max(notice.step for _, notice in units)))]
        self._tell(rule, kind, units, now)

    def _coming(self, rule: Rule, kind: Kind, now: Millis) -> list[Millis]:
        """When others may owe the same: ends of running holds, and of recoveries that go on."""
        expected: list[Millis] = []
        for subject, rules in self._book.open.items():
            number = rules.get(rule)
            if number is None or subject.scope is not Scope.NODE:
                continue
            incident = self._book.incidents[number]
            if kind in (Kind.FIRST, Kind.FLAPPING):
                if incident.state is State.PENDING:
                    hold = self._policy.of_node(NodeId(subject.site, subject.name))[rule].hold
                    expected.append(max(incident.since + hold, now + 1))
            elif incident.parent is None and incident.state is (
                State.CLEARING if kind is Kind.RECOVERY else State.FLAPPING
            ):
                expected.append(now + self._policy.group_wait)
        return expected

    def _gather(self, rule: Rule, owed: Sequence[Incident], now: Millis) -> Incident:
        parent = Incident(
            next(self._book.ids),
            rule,
            subject_of(owed, self._fleet.places()),
            State.FIRING,
            min(each.since for each in owed),
            severity=worst(each.severity for each in owed),
            evidence=f"{len(owed)} nodes together",
            fired_at=min(each.fired_at or now for each in owed),
            turned_at=now,
            members=len(owed),
            owes=Kind.FIRST,
            owed_at=now,
        )
        self._book.save(parent)
        self._book.note(parent.id, now, State.FIRING.value, f"{len(owed)} incidents began within {self._wait_words()}")
        for each in owed:
            self._book.save(replace(each, parent=parent.id, owes=None, reason=""))
            self._book.children[parent.id].add(each.id)
            self._book.note(each.id, now, "grouped", f"into incident {parent.id}: {parent.subject}")
        return parent

    def _wait_words(self) -> str:
        return duration(self._policy.group_wait)

    def _tell(self, rule: Rule, kind: Kind, units: list[tuple[Incident, Notice]], now: Millis) -> None:
        for incident, notice in units:
            count = incident.members - self._book.still(incident.id) if incident.id in self._book.children else 0
            owes = None if incident.owes is kind else incident.owes
            told = replace(
                incident, told=max(notice.step, incident.told), told_at=now, owes=owes, came_back=count, reason=""
            )
            self._book.save(told)
            self._book.units.add(incident.id)
        if kind in (Kind.FIRST, Kind.FLAPPING):
            self._told_at[rule] = now
        for route in self._routes:
            self._write(route, kind, [incident for incident, _ in units], now)
        self._note_unheard(kind, [incident for incident, _ in units], now)
        # What follows in the schedule is planned at once.
        for incident, _ in units:
            self._plan(incident.id, now)

    def _note_unheard(self, kind: Kind, incidents: Sequence[Incident], now: Millis) -> None:
        for incident in incidents:
            if any(route.takes(incident.severity, self._sites(incident)) for route in self._routes):
                continue
            where = f" of {incident.subject.site}" if incident.subject.site else ""
            why = f"no channel takes {incident.severity.value}{where}" if self._routes else "no channel is set up"
            self._book.note(incident.id, now, "not told", f"{kind.value}: {why}")

    def _write(self, route: Route, kind: Kind, incidents: Sequence[Incident], now: Millis) -> None:
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
        self._letters.append(Letter(route.key, kind, severity, text.title, text.body, numbers))
        for each in chosen:
            self._book.note(each.id, now, "told", f"{kind.value} to {route.key}")

    def _text(self, incident: Incident, kind: Kind, now: Millis) -> Text:
        subject = incident.subject
        facts = self._fleet.facts.get(NodeId(subject.site, subject.name)) if subject.scope is Scope.NODE else None
        children = tuple(self._book.incidents[each] for each in self._book.children.get(incident.id, ()))
        return text_of(
            Said(
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
