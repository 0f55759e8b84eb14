"""The alerts of a whole fleet, in memory: facts and a moment go in, incidents, reasons and letters come out.

No database, no network and no clock: whoever drives it stores what `step` gives, in one transaction, before it is sent.
Cost follows what changed and what is due, not the size of the fleet: about 60 µs a node that reported.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from subscriber.alerts.agenda import Agenda
from subscriber.alerts.decide import Change, close, decide
from subscriber.alerts.fleet import Chain, chain_of, chains_of
from subscriber.alerts.group import Place, release_at, size_of, subject_of
from subscriber.alerts.incident import Acknowledged, Incident, Kind, Scope, State, Subject
from subscriber.alerts.letter import Letter, Said, Text, text_of, together
from subscriber.alerts.mute import Mute, MuteKind, Target, muted_by, quiet_until
from subscriber.alerts.notice import Notice, Quiet, Reason, notice_of
from subscriber.alerts.policy import Policy
from subscriber.alerts.route import Route
from subscriber.alerts.rule import MINUTE, OF_THE_SERVER, SECOND, Rule, RulePolicy, worst
from subscriber.alerts.rules import LOOKS
from subscriber.alerts.status import NodeStatus, is_blind, status_at
from subscriber.alerts.trail import Trail, follow
from subscriber.alerts.view import Finding, Holds, View
from subscriber.alerts.words import duration
from subscriber.facts import NodeFacts, ServerFacts

_PRESENCE = frozenset({Rule.LOST, Rule.SILENT, Rule.OFFLINE})
_THERE = frozenset({NodeStatus.ONLINE, NodeStatus.DEGRADED})
_FLEET_LOOK: Millis = SECOND
_SERVER = Subject(Scope.SERVER)


class Decision(Struct, frozen=True):
    """One line of an incident's story: what was decided, and why."""

    incident: int
    at: Millis
    what: str
    why: str


class Outcome(Struct, frozen=True):
    """What one step changed. `check_at` is when time alone may change more; None = nothing is foreseen."""

    incidents: tuple[Incident, ...] = ()
    trails: tuple[tuple[NodeId, Trail], ...] = ()
    decisions: tuple[Decision, ...] = ()
    letters: tuple[Letter, ...] = ()
    check_at: Millis | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.incidents or self.trails or self.decisions or self.letters)


class Start(Struct, frozen=True):
    """What is known when an engine begins. `recent` are incidents that ended lately: they may be flapping."""

    nodes: Sequence[NodeFacts] = ()
    trails: dict[NodeId, Trail] = {}
    incidents: Sequence[Incident] = ()
    recent: Sequence[Incident] = ()
    mutes: tuple[Mute, ...] = ()
    usual: dict[NodeId, float] = {}
    next_id: int = 1


class Engine:
    """One at a time may drive a fleet."""

    def __init__(self, policy: Policy, routes: Sequence[Route], start: Start, *, link: str = "") -> None:
        self._policy = policy
        self._routes = routes
        self._link = link
        self._ids = itertools.count(start.next_id)
        self._facts = {facts.id: facts for facts in start.nodes}
        self._trails = dict(start.trails)
        self._usual = start.usual
        self._mutes = start.mutes
        self._server = ServerFacts()
        self._began_at: Millis | None = None
        self._refused: dict[str, str] = {}
        self._incidents = {each.id: each for each in start.incidents}
        self._open = {(each.subject, each.rule): each.id for each in start.incidents if each.is_open}
        self._recent = {(each.subject, each.rule): each.changes for each in start.recent}
        self._children: defaultdict[int, set[int]] = defaultdict(set)
        for each in start.incidents:
            if each.parent is not None:
                self._children[each.parent].add(each.id)
        self._told_at: dict[Rule, Millis] = {}
        self._chains: dict[str, Chain] = {}
        self._chains_at: Millis = 0
        self._places: dict[NodeId, Place] | None = None
        self._nodes = Agenda[NodeId](self._facts)
        self._units = Agenda[int](self._incidents)
        self._changed: dict[int, Incident] = {}
        self._walked: dict[NodeId, Trail] = {}
        self._decisions: list[Decision] = []
        self._letters: list[Letter] = []

    # what goes in

    def take(self, nodes: Iterable[NodeFacts]) -> None:
        """Nodes whose facts may have changed."""
        for facts in nodes:
            if facts.id not in self._facts or self._facts[facts.id].host != facts.host:
                self._places = None
            self._facts[facts.id] = facts
            self._nodes.add(facts.id)
            if facts.sample is not None:
                before = self._trails.get(facts.id, Trail())
                after = follow(before, facts.sample)
                if after is not before:
                    self._trails[facts.id] = self._walked[facts.id] = after

    def take_all(self, nodes: Sequence[NodeFacts]) -> None:
        """Every node there is; what is missing is no longer looked at."""
        here = {facts.id for facts in nodes}
        for gone in [node for node in self._facts if node not in here]:
            del self._facts[gone]
            self._trails.pop(gone, None)
            self._nodes.add(gone)
            self._places = None
        self.take(facts for facts in nodes if self._facts.get(facts.id) != facts)

    def set_mutes(self, mutes: tuple[Mute, ...]) -> None:
        if mutes != self._mutes:
            self._mutes = mutes
            self._nodes.update(self._facts)
            self._units.update(self._incidents)

    def set_acknowledged(self, acknowledged: dict[int, Acknowledged]) -> None:
        """Those of open incidents; by whoever wrote them down."""
        for number, incident in self._incidents.items():
            wanted = acknowledged.get(number)
            if incident.acknowledged != wanted and wanted is not None:
                self._incidents[number] = replace(incident, acknowledged=wanted)
                self._note(number, wanted.at, "acknowledged", f"by {wanted.by}: {wanted.why}".rstrip(": "))
                self._units.add(number)

    def set_usual(self, usual: dict[NodeId, float]) -> None:
        """Each node's own median hashrate (H/s)."""
        self._usual = usual

    def set_refused(self, refused: dict[str, str]) -> None:
        """Channels that may not send any more, and why."""
        self._refused = refused

    # what comes out

    def step(self, server: ServerFacts, now: Millis) -> Outcome:
        """Decides what there is to decide at `now`; everything that changed since the last step."""
        if self._began_at is None:
            self._began_at = now
        self._look_at_server(server, now)
        self._look_at_fleet(now)
        for node in self._nodes.due(now):
            self._look_at(node, now)
        self._look_at_parents(now)
        self._speak(now)
        check_at = min((at for at in (self._nodes.next_at, self._units.next_at) if at is not None), default=None)
        outcome = Outcome(
            tuple(self._changed.values()),
            tuple(self._walked.items()),
            tuple(self._decisions),
            tuple(self._letters),
            check_at,
        )
        for incident in self._changed.values():
            if not incident.is_open and incident.owes is None and not self._parent_open(incident):
                self._forget(incident)
        self._changed, self._walked, self._decisions, self._letters = {}, {}, [], []
        return outcome

    def incidents(self) -> list[Incident]:
        """All that are open, and those whose end people have not been told."""
        return list(self._incidents.values())

    def next_id(self) -> int:
        """A number that no incident and no decision has yet."""
        return next(self._ids)

    # the server and the fleet

    def _look_at_server(self, server: ServerFacts, now: Millis) -> None:
        # A sign of life has no meaning for whoever gives it; the blind part is whether there is a broker.
        if (server.connected_at is None) != (self._server.connected_at is None) or (
            server.connected_at != self._server.connected_at
        ):
            self._nodes.update(self._facts)
            self._units.update(self._incidents)
        self._server = server
        since = self._blind_since(now)
        holds = Holds.YES if since is not None else Holds.NO
        evidence = "no connection to the broker; every node's status is unknown" if since is not None else "connected"
        policy = self._policy.of_site("", Rule.NO_BROKER)
        self._judge(_SERVER, Rule.NO_BROKER, Finding(holds, evidence, since), policy, now)
        known = {subject.name for subject, rule in self._open if rule is Rule.CHANNEL_REFUSED}
        for name in known | self._refused.keys():
            why = self._refused.get(name)
            refused = Finding(Holds.YES, why) if why is not None else Finding(Holds.NO, "it sends again")
            policy = self._policy.of_site("", Rule.CHANNEL_REFUSED)
            self._judge(Subject(Scope.SERVER, "", name), Rule.CHANNEL_REFUSED, refused, policy, now)

    def _blind_since(self, now: Millis) -> Millis | None:
        if self._server.connected_at is not None:
            return None
        number = self._open.get((_SERVER, Rule.NO_BROKER))
        return self._incidents[number].since if number is not None else now

    def _look_at_fleet(self, now: Millis) -> None:
        if now - self._chains_at >= _FLEET_LOOK:
            self._chains_at = now
            there = ((facts, self._trails[node]) for node, facts in self._facts.items() if node in self._trails)
            self._chains = chains_of(there)

    # nodes

    def _look_at(self, node: NodeId, now: Millis) -> None:
        facts = self._facts.get(node)
        subject = Subject(Scope.NODE, node.site, node.node)
        if facts is None:
            for rule in LOOKS:
                self._close(subject, rule, "the node is no longer known", now)
            return
        view = self._view(facts, now)
        policies = self._policy.of_node(node)
        checks = [view.now + MINUTE] if view.status is NodeStatus.MAINTENANCE else []
        for rule, look in LOOKS.items():
            policy = policies[rule]
            number = self._open.get((subject, rule))
            if not policy.enabled:
                self._close(subject, rule, "the rule was switched off", now)
                continue
            counted = number is not None and self._incidents[number].state is not State.PENDING
            finding = look(view, policy, counted)
            if number is None and finding.holds is not Holds.YES:
                check_at = finding.check_at
            else:
                check_at = self._judge(subject, rule, finding, policy, now)
            if check_at is not None:
                checks.append(check_at)
        if checks:
            self._nodes.plan(node, min(checks))

    def _view(self, facts: NodeFacts, now: Millis) -> View:
        maintained = self._maintained(facts, now)
        return View(
            facts=facts,
            server=self._server,
            now=now,
            status=status_at(facts, self._server, now, maintained=maintained),
            trail=self._trails.get(facts.id, Trail()),
            chain=self._chains.get(chain_of(facts) if facts.tags else "", Chain()),
            usual=self._usual.get(facts.id),
            grace=self._policy.grace,
        )

    def _judge(self, subject: Subject, rule: Rule, finding: Finding, policy: RulePolicy, now: Millis) -> Millis | None:  # noqa: PLR0917
        number = self._open.get((subject, rule))
        if number is None:
            if finding.holds is not Holds.YES or not policy.enabled:
                return finding.check_at
            incident = self._begin(subject, rule, finding, policy, now)
        else:
            incident = self._incidents[number]
        step = decide(incident, finding, policy, general=self._policy, now=now)
        self._apply(incident, step.incident, step.changes, now)
        checks = [at for at in (step.check_at, finding.check_at) if at is not None and at > now]
        return min(checks, default=None)

    def _begin(self, subject: Subject, rule: Rule, finding: Finding, policy: RulePolicy, now: Millis) -> Incident:  # noqa: PLR0917
        since = min(finding.since if finding.since is not None else now, now)
        incident = Incident(
            next(self._ids),
            rule,
            subject,
            State.PENDING,
            since,
            severity=policy.severity,
            evidence=finding.evidence,
            changes=self._recent.pop((subject, rule), ()),
        )
        self._open[subject, rule] = incident.id
        self._save(incident)
        self._note(incident.id, now, "noticed", finding.evidence)
        return incident

    def _apply(self, before: Incident, after: Incident, changes: Sequence[Change], now: Millis) -> None:
        for change in changes:
            self._note(before.id, now, change.after.value, change.reason)
        if after == before:
            return
        self._save(after)
        self._units.add(after.id)
        if not after.is_open:
            self._open.pop((after.subject, after.rule), None)
            if after.changes:
                self._recent[after.subject, after.rule] = after.changes
        if before.parent is not None and (after.parent is None or not after.is_open):
            self._leave(before.parent, after, now)

    def _close(self, subject: Subject, rule: Rule, reason: str, now: Millis) -> None:
        number = self._open.get((subject, rule))
        if number is not None:
            step = close(self._incidents[number], reason, now)
            self._apply(self._incidents[number], step.incident, step.changes, now)

    # groups

    def _leave(self, parent: int, child: Incident, now: Millis) -> None:
        known = self._incidents.get(parent)
        if known is None:
            return
        if child.parent is None:
            # It flaps, and from now on speaks for itself.
            self._children[parent].discard(child.id)
            known = replace(known, members=known.members - 1)
        self._save(replace(known, turned_at=now))
        self._units.add(parent)

    def _look_at_parents(self, now: Millis) -> None:
        for number in [number for number in self._units.ready() if number in self._children]:
            parent = self._incidents.get(number)
            if parent is None or not parent.is_open:
                continue
            still = self._still(number)
            holds = Holds.YES if still else Holds.NO
            finding = Finding(holds, f"{still} of {parent.members} nodes" if still else "all are back")
            policy = self._group_policy(parent)
            step = decide(parent, finding, policy, general=self._policy, now=now)
            self._apply(parent, replace(step.incident, turned_at=parent.turned_at), step.changes, now)

    def _group_policy(self, parent: Incident) -> RulePolicy:
        policy = self._policy.of_site(parent.subject.site, parent.rule)
        return RulePolicy(severity=parent.severity, schedule=policy.schedule, recovery=policy.recovery)

    def _still(self, parent: int) -> int:
        return sum(1 for child in self._children[parent] if self._incidents[child].is_open)

    def _parent_open(self, incident: Incident) -> bool:
        parent = self._incidents.get(incident.parent) if incident.parent is not None else None
        return parent is not None and (parent.is_open or parent.owes is not None)

    # speaking

    def _speak(self, now: Millis) -> None:
        owing: defaultdict[tuple[Rule, Kind], list[tuple[Incident, Notice]]] = defaultdict(list)
        for number in self._units.due(now):
            incident = self._incidents.get(number)
            if incident is None:
                continue
            notice = self._notice(incident, now)
            if notice.reason is Reason.OWED and notice.kind is not None:
                owing[incident.rule, notice.kind].append((incident, notice))
            else:
                self._hold_back(incident, notice, now)
        for (rule, kind), units in owing.items():
            self._release(rule, kind, units, now)

    def _notice(self, incident: Incident, now: Millis) -> Notice:
        policy = self._policy_of(incident)
        back = (0, 0)
        if incident.id in self._children:
            back = (incident.members - self._still(incident.id), incident.turned_at)
        return notice_of(incident, policy.schedule, quiet=self._quiet(incident, now), back=back, now=now)

    def _hold_back(self, incident: Incident, notice: Notice, now: Millis) -> None:
        if notice.check_at is not None:
            self._units.plan(incident.id, notice.check_at)
        if notice.kind is None:
            return
        if notice.reason.value != incident.reason:
            self._note(
                incident.id, now, "not told", f"{notice.kind.value}: {notice.reason.value} {notice.detail}".strip()
            )
            incident = replace(incident, reason=notice.reason.value)
            self._save(incident)
        if notice.drop:
            count = incident.members - self._still(incident.id) if incident.id in self._children else 0
            self._save(replace(incident, told=max(notice.step, incident.told), came_back=count))
            self._units.add(incident.id)

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
            units = [(parent, Notice(Reason.OWED, kind, step=1))]
        self._tell(rule, kind, units, now)

    def _coming(self, rule: Rule, kind: Kind, now: Millis) -> list[Millis]:
        """When others may owe the same: ends of running holds, and of recoveries that go on."""
        expected: list[Millis] = []
        for (subject, other), number in self._open.items():
            if other is not rule or subject.scope is not Scope.NODE:
                continue
            incident = self._incidents[number]
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
            next(self._ids),
            rule,
            subject_of(owed, self._where()),
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
        self._save(parent)
        self._note(parent.id, now, State.FIRING.value, f"{len(owed)} incidents began within {self._wait_words()}")
        for each in owed:
            self._save(replace(each, parent=parent.id, owes=None, reason=""))
            self._children[parent.id].add(each.id)
            self._note(each.id, now, "grouped", f"into incident {parent.id}: {parent.subject}")
        return parent

    def _wait_words(self) -> str:
        return duration(self._policy.group_wait)

    def _tell(self, rule: Rule, kind: Kind, units: list[tuple[Incident, Notice]], now: Millis) -> None:
        for incident, notice in units:
            count = incident.members - self._still(incident.id) if incident.id in self._children else 0
            owes = None if incident.owes is kind else incident.owes
            told = replace(
                incident, told=max(notice.step, incident.told), told_at=now, owes=owes, came_back=count, reason=""
            )
            self._save(told)
            self._units.add(incident.id)
        if kind in (Kind.FIRST, Kind.FLAPPING):
            self._told_at[rule] = now
        for route in self._routes:
            self._write(route, kind, [incident for incident, _ in units], now)
        # What follows in the schedule is planned at once.
        for incident, _ in units:
            self._plan(incident.id, now)

    def _write(self, route: Route, kind: Kind, incidents: Sequence[Incident], now: Millis) -> None:
        chosen = [each for each in incidents if route.takes(each.severity, self._sites(each))]
        chosen = [each for each in chosen if not (each.rule is Rule.CHANNEL_REFUSED and each.subject.name == route.key)]
        if route.key in self._refused or not chosen:
            if chosen:
                self._note(
                    chosen[0].id, now, "not told", f"channel {route.key} may not send: {self._refused[route.key]}"
                )
            return
        texts = [self._text(each, kind, now) for each in chosen]
        text = together(texts, chosen[0].rule, kind, chosen)
        severity = worst(each.severity for each in chosen)
        numbers = tuple(each.id for each in chosen)
        self._letters.append(Letter(route.key, kind, severity, text.title, text.body, numbers))
        for each in chosen:
            self._note(each.id, now, "told", f"{kind.value} to {route.key}")

    def _text(self, incident: Incident, kind: Kind, now: Millis) -> Text:
        subject = incident.subject
        facts = self._facts.get(NodeId(subject.site, subject.name)) if subject.scope is Scope.NODE else None
        children = tuple(self._incidents[each] for each in self._children.get(incident.id, ()))
        return text_of(
            Said(
                incident,
                kind,
                now,
                self._policy.zone,
                facts=facts,
                children=tuple(sorted(children, key=lambda each: (each.since, each.subject))),
                of=size_of(subject, self._where()) if children else 0,
                hold=self._policy_of(incident).hold,
                link=self._link,
            )
        )

    def _plan(self, number: int, now: Millis) -> None:
        notice = self._notice(self._incidents[number], now)
        if notice.check_at is not None:
            self._units.plan(number, notice.check_at)

    # quiet

    def _quiet(self, incident: Incident, now: Millis) -> Quiet | None:
        if incident.id in self._children:
            children = [self._incidents[each] for each in self._children[incident.id]]
            spoken = [each for each in children if each.is_open] or children
            quiet = [self._quiet_alone(each, now) for each in spoken]
            if incident.acknowledged is None and spoken and all(quiet):
                return quiet[0]
        return self._quiet_alone(incident, now)

    def _quiet_alone(self, incident: Incident, now: Millis) -> Quiet | None:
        subject, ending = incident.subject, incident.owes in (Kind.RECOVERY, Kind.SETTLED)
        if incident.acknowledged is not None and not ending and incident.owes is not Kind.FIRST:
            return Quiet(Reason.ACKNOWLEDGED, None, f"by {incident.acknowledged.by}")
        if is_blind(self._server, now) and incident.rule not in OF_THE_SERVER:
            return Quiet(Reason.INHIBITED, None, "rigwatch itself has no broker")
        facts = self._facts.get(NodeId(subject.site, subject.name)) if subject.scope is Scope.NODE else None
        host = facts.host if facts else (subject.name if subject.scope is Scope.HOST else "")
        node = subject.name if subject.scope is Scope.NODE else ""
        target = Target(subject.site, host, node, incident.rule.value, incident.severity.value)
        muted = muted_by(self._mutes, target, now, self._policy.zone)
        if muted is not None:
            mute, until = muted
            reason = Reason.MAINTENANCE if mute.kind is MuteKind.MAINTENANCE else Reason.SILENCED
            return Quiet(reason, until, f"by {mute.by}: {mute.why}".rstrip(": "))
        if facts is not None and not ending and incident.rule not in _PRESENCE:
            status = status_at(facts, self._server, now)
            if status not in _THERE:
                return Quiet(Reason.INHIBITED, now + MINUTE, f"it is {status.value}")
        until_morning = quiet_until(self._policy.quiet, incident.severity, now, self._policy.zone)
        return Quiet(Reason.QUIET_HOURS, until_morning) if until_morning is not None else None

    def _maintained(self, facts: NodeFacts, now: Millis) -> bool:
        if not self._mutes:
            return False
        windows = [each for each in self._mutes if each.kind is MuteKind.MAINTENANCE]
        target = Target(facts.id.site, facts.host, facts.id.node)
        return muted_by(windows, target, now, self._policy.zone) is not None

    # small things

    def _policy_of(self, incident: Incident) -> RulePolicy:
        if incident.subject.scope is Scope.NODE:
            return self._policy.of_node(NodeId(incident.subject.site, incident.subject.name))[incident.rule]
        return self._policy.of_site(incident.subject.site, incident.rule)

    def _sites(self, incident: Incident) -> frozenset[str]:
        children = self._children.get(incident.id, ())
        found = {self._incidents[each].subject.site for each in children} | {incident.subject.site}
        return frozenset(found - {""})

    def _where(self) -> dict[NodeId, Place]:
        if self._places is None:
            self._places = {node: Place(facts.host, node.site) for node, facts in self._facts.items()}
        return self._places

    def _save(self, incident: Incident) -> None:
        self._incidents[incident.id] = self._changed[incident.id] = incident

    def _note(self, incident: int, at: Millis, what: str, why: str) -> None:
        self._decisions.append(Decision(incident, at, what, why))

    def _forget(self, incident: Incident) -> None:
        for child in self._children.pop(incident.id, ()):
            self._incidents.pop(child, None)
        self._incidents.pop(incident.id, None)
        self._units.forget(incident.id)
