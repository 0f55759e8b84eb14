"""The alerts of a whole fleet, in memory: facts and a moment go in, incidents, reasons and notifications come out.

No database, no network and no clock: whoever drives it stores what `step` gives, in one transaction, before it is sent.
Cost follows what changed and what is due, not the size of the fleet: about 60 µs a node that reported.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from alerts.agenda import Agenda
from alerts.book import Book, Decision
from alerts.check import CheckContext, CheckResult, Holds
from alerts.decide import decide
from alerts.dispatcher import Dispatcher
from alerts.facts import REVOKED, NodeFacts, ServerFacts
from alerts.fleet import Chain, chain_of, chains_of
from alerts.identity import identified
from alerts.incident import Acknowledged, Incident, IncidentState, Scope, Subject
from alerts.node_history import NodeHistory, follow
from alerts.notification import Notification
from alerts.plugs import PlugFacts, by_node
from alerts.policy import Policy
from alerts.route import Route
from alerts.rule import MINUTE, PRESENCE, SECOND, Rule, RulePolicy
from alerts.rules import LOOKS, Look, enabled
from alerts.silence import Silence, SilenceKind, Target, silenced_by
from alerts.status import NodeStatus, status_at
from alerts.suppression import FleetFacts
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId

_THERE = frozenset({NodeStatus.ONLINE, NodeStatus.DEGRADED})
_BY_TIME = frozenset({Rule.LOST, Rule.SILENT, Rule.BLOCK_STALLED, Rule.NO_SHARES})
"""Rules that come to hold without a word of the node."""
_FLEET_LOOK: Millis = SECOND
_SERVER = Subject(Scope.SERVER)
_NO_HISTORY = NodeHistory()
_NO_CHAIN = Chain()
# Of nodes that report more often, so much of a history is lost when the process is killed; it goes on from the rest.
_SAVE_EVERY: Millis = 10 * SECOND


class StepResult(Struct, frozen=True):
    """What one step changed. `check_at` is when time alone may change more; None = nothing is foreseen. `asked` are
    the plugs that should say now what they draw."""

    incidents: tuple[Incident, ...] = ()
    histories: tuple[tuple[NodeId, NodeHistory], ...] = ()
    decisions: tuple[Decision, ...] = ()
    notifications: tuple[Notification, ...] = ()
    check_at: Millis | None = None
    asked: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.incidents or self.histories or self.decisions or self.notifications)


class Start(Struct, frozen=True):
    """What is known when an engine begins. `recent` are incidents that ended lately: they may be flapping."""

    nodes: Sequence[NodeFacts] = ()
    histories: dict[NodeId, NodeHistory] = {}
    incidents: Sequence[Incident] = ()
    recent: Sequence[Incident] = ()
    silences: tuple[Silence, ...] = ()
    baseline: dict[NodeId, float] = {}
    next_id: int = 1


class Engine:
    """One at a time may drive a fleet."""

    def __init__(self, policy: Policy, routes: Sequence[Route], start: Start, *, link: str = "") -> None:
        self._policy = policy
        self._fleet = FleetFacts({facts.id: facts for facts in start.nodes}, start.silences)
        self._book = Book(start.incidents, start.recent, start.next_id)
        self._dispatcher = Dispatcher(self._book, self._fleet, policy, routes, link=link)
        self._histories = self._fleet.histories = dict(start.histories)
        self._baseline = dict(start.baseline)
        self._renewed: set[NodeId] = set()
        self._chains: dict[str, Chain] = {}
        self._chains_at: Millis = 0
        self._nodes = Agenda[NodeId](self._fleet.facts)
        self._server_at: Millis | None = None
        self._expiring: Mapping[str, str] = {}
        self._walked: dict[NodeId, NodeHistory] = {}
        self._saved_at: dict[NodeId, Millis] = {}
        self._looks: dict[NodeId, tuple[tuple[Rule, Look, RulePolicy], ...]] = {}
        self._shared: dict[tuple[tuple[Rule, Look, RulePolicy], ...], tuple[tuple[Rule, Look, RulePolicy], ...]] = {}

    # what goes in

    def take(self, nodes: Iterable[NodeFacts]) -> None:
        """Nodes whose facts may have changed."""
        for facts in nodes:
            node = facts.id
            before = self._fleet.facts.get(node)
            if before is None or before.host != facts.host:
                self._fleet.moved()
            self._fleet.facts[node] = facts
            self._nodes.add(node)
            if facts.sample is not None:
                self._follow(facts, facts.sample)

    def _follow(self, facts: NodeFacts, sample: Sample) -> None:
        node = facts.id
        before = self._histories.get(node, _NO_HISTORY)
        after = follow(identified(before, facts, sample), sample)
        if after is before:
            return
        if after.machine_at != before.machine_at:
            self._baseline.pop(node, None)
            self._renewed.add(node)
            self._saved_at.pop(node, None)
        self._histories[node] = after
        if not 0 <= after.at - self._saved_at.get(node, 0) < _SAVE_EVERY:
            self._saved_at[node] = after.at
            self._walked[node] = after

    def take_all(self, nodes: Sequence[NodeFacts]) -> None:
        """Every node there is; what is missing is no longer looked at."""
        here = {facts.id for facts in nodes}
        for gone in [node for node in self._fleet.facts if node not in here]:
            del self._fleet.facts[gone]
            for kept in (self._histories, self._saved_at, self._looks):
                kept.pop(gone, None)
            self._dispatcher.forget(gone)
            self._nodes.add(gone)
            self._fleet.moved()
        self.take(facts for facts in nodes if self._fleet.facts.get(facts.id) != facts)

    def set_silences(self, silences: tuple[Silence, ...]) -> None:
        if silences != self._fleet.silences:
            self._fleet.silences = silences
            self._nodes.update(self._fleet.facts)
            self._book.units.update(self._book.incidents)

    def set_acknowledged(self, acknowledged: dict[int, Acknowledged]) -> None:
        """Those of open incidents; by whoever wrote them down."""
        for number, incident in self._book.incidents.items():
            wanted = acknowledged.get(number)
            if incident.acknowledged != wanted and wanted is not None:
                self._book.incidents[number] = replace(incident, acknowledged=wanted)
                self._book.note(number, wanted.at, "acknowledged", f"by {wanted.by}: {wanted.why}".rstrip(": "))
                self._book.units.add(number)

    def set_plugs(self, plugs: Iterable[PlugFacts]) -> None:
        """Every plug there is, with what it said last."""
        self._fleet.plugs = by_node(plugs)

    def set_baselines(self, baseline: dict[NodeId, float]) -> None:
        """Each node's own median hashrate (H/s)."""
        self._baseline = dict(baseline)

    def machines_since(self, since: Millis) -> dict[NodeId, Millis]:
        """Nodes whose name was given to another machine after that, and when."""
        return {node: history.machine_at for node, history in self._histories.items() if history.machine_at > since}

    def set_refused(self, refused: dict[str, str]) -> None:
        """Channels that may not send any more, and why."""
        self._dispatcher.refused = refused

    def set_expiring(self, expiring: Mapping[str, str]) -> None:
        """Certificates that end soon, or are not valid now, and what to do."""
        self._expiring = expiring

    def clock_went_back(self, now: Millis) -> None:
        """What was planned is planned anew, and what is dated in the future begins now: nobody waits for it to pass."""
        self._nodes.update(self._fleet.facts)
        self._book.put_back(now)
        self._chains_at = 0
        for node, history in self._histories.items():
            if history.at > now:
                self._histories[node] = replace(history, at=now - 1)

    # what comes out

    def step(self, server: ServerFacts, now: Millis) -> StepResult:
        """Decides what there is to decide at `now`; everything that changed since the last step."""
        self._look_at_server(server, now)
        self._look_at_fleet(now)
        for node in self._nodes.due(now):
            self._look_at(node, now)
        self._look_at_parents(now)
        notifications = self._dispatcher.speak(now)
        incidents, decisions = self._book.end_step()
        histories, self._walked = tuple(self._walked.items()), {}
        planned = (self._nodes.next_at, self._book.units.next_at, self._dispatcher.next_at, self._server_at)
        check_at = min((at for at in planned if at is not None), default=None)
        asked = self._dispatcher.asked()
        return StepResult(incidents, histories, decisions, notifications, check_at, asked)

    def incidents(self) -> list[Incident]:
        """All that are open, and those whose end people have not been told."""
        return list(self._book.incidents.values())

    def next_id(self) -> int:
        """A number that no incident and no decision has yet."""
        return next(self._book.ids)

    # the server and the fleet

    def _look_at_server(self, server: ServerFacts, now: Millis) -> None:
        # A sign of life has no meaning for whoever gives it; the blind part is whether there is a broker.
        if (server.connected_at is None) != (self._fleet.server.connected_at is None) or (
            server.connected_at != self._fleet.server.connected_at
        ):
            self._nodes.update(self._fleet.facts)
            self._book.units.update(self._book.incidents)
        self._fleet.server = server
        since = self._broker_down_since(now)
        holds = Holds.YES if since is not None else Holds.NO
        evidence = "no connection to the broker; every node's status is unknown" if since is not None else "connected"
        policy = self._policy.of_site("", Rule.NO_BROKER)
        checks = [self._judge(_SERVER, Rule.NO_BROKER, CheckResult(holds, evidence, since), policy, now)]
        checks += self._troubles(Rule.CHANNEL_REFUSED, self._dispatcher.refused, "it sends again", now)
        checks += self._troubles(Rule.CERTIFICATE_EXPIRY, self._expiring, "it is valid for longer now", now)
        self._server_at = min((at for at in checks if at is not None), default=None)

    def _troubles(self, rule: Rule, found: Mapping[str, str], over: str, now: Millis) -> list[Millis | None]:
        """Of parts of the server by name, each with what is wrong."""
        policy = self._policy.of_site("", rule)
        known = {subject.name for subject, rules in self._book.open.items() if rule in rules}
        checks = []
        for name in sorted(known | found.keys()):
            why = found.get(name)
            result = CheckResult(Holds.YES, why) if why is not None else CheckResult(Holds.NO, over)
            checks.append(self._judge(Subject(Scope.SERVER, "", name), rule, result, policy, now))
        return checks

    def _broker_down_since(self, now: Millis) -> Millis | None:
        if self._fleet.server.connected_at is not None:
            return None
        number = self._book.of(_SERVER).get(Rule.NO_BROKER)
        if number is None or not self._book.incidents[number].holding:
            return now
        incident = self._book.incidents[number]
        return incident.turned_at if incident.state is IncidentState.FLAPPING else incident.since

    def _look_at_fleet(self, now: Millis) -> None:
        if now - self._chains_at >= _FLEET_LOOK:
            self._chains_at = now
            there = (
                (facts, self._histories[node]) for node, facts in self._fleet.facts.items() if node in self._histories
            )
            self._chains = chains_of(there)

    # nodes

    def _look_at(self, node: NodeId, now: Millis) -> None:
        facts = self._fleet.facts.get(node)
        subject = Subject(Scope.NODE, node.site, node.node)
        if facts is None or _is_revoked(facts):
            why = "the node is no longer known" if facts is None else f"{REVOKED}, so nobody misses it"
            for rule in LOOKS:
                self._book.close(subject, rule, why, now)
            return
        view = self._view(facts, now)
        looks = self._looks_of(node)
        checks = [now + MINUTE] if view.status is NodeStatus.MAINTENANCE else []
        opened = self._book.of(subject)
        for rule in opened.keys() - {rule for rule, _, _ in looks} if opened else ():
            self._book.close(subject, rule, "the rule was switched off", now)
        if node in self._renewed:
            self._renewed.discard(node)
            for rule in opened.keys() - PRESENCE:
                self._book.close(subject, rule, "another machine has its name", now)
        checks += self._checks(subject, view, _calmly(looks) if view.maintained else looks)
        if checks:
            self._nodes.plan(node, min(checks))

    def _checks(
        self, subject: Subject, view: CheckContext, looks: Iterable[tuple[Rule, Look, RulePolicy]]
    ) -> list[Millis]:
        """When time alone may change the answers of the rules."""
        opened, found = self._book.of(subject), list[Millis]()
        for rule, look, policy in looks:
            number = opened.get(rule)
            result = look(view, policy, number is not None and self._counts(number))
            check_at = result.check_at
            if number is not None or result.holds is Holds.YES:
                check_at = self._judge(subject, rule, result, policy, view.now)
                self._dispatcher.foresee(rule, view.facts.id, None)
            elif check_at is not None and rule in _BY_TIME:
                self._dispatcher.foresee(rule, view.facts.id, check_at)
            if check_at is not None:
                found.append(check_at)
        return found

    def _counts(self, number: int) -> bool:
        return self._book.incidents[number].state is not IncidentState.PENDING

    def _looks_of(self, node: NodeId) -> tuple[tuple[Rule, Look, RulePolicy], ...]:
        known = self._looks.get(node)
        if known is None:
            looks = enabled(self._policy.of_node(node))
            # Nearly all nodes have the same, and keep it together.
            known = self._looks[node] = self._shared.setdefault(looks, looks)
        return known

    def _view(self, facts: NodeFacts, now: Millis) -> CheckContext:
        maintained = self._maintained(facts, now)
        status = status_at(facts, self._fleet.server, now, maintained=maintained)
        return CheckContext(
            facts=facts,
            server=self._fleet.server,
            now=now,
            status=status,
            fresh=facts.sample if status in _THERE and _has_reported(facts, now) else None,
            history=self._histories.get(facts.id, _NO_HISTORY),
            chain=self._chains.get(chain_of(facts) if facts.tags else "", _NO_CHAIN),
            baseline=self._baseline.get(facts.id),
            grace=self._policy.grace,
            maintained=maintained,
        )

    def _judge(  # noqa: PLR0917 - what one judgement is of
        self, subject: Subject, rule: Rule, result: CheckResult, policy: RulePolicy, now: Millis
    ) -> Millis | None:
        number = self._book.of(subject).get(rule)
        if number is None:
            if result.holds is not Holds.YES or not policy.enabled:
                return result.check_at
            incident = self._book.begin(subject, rule, result, policy, now)
        else:
            incident = self._book.incidents[number]
        step = decide(incident, result, policy, general=self._policy, now=now)
        self._book.apply(incident, step.incident, step.changes, now)
        checks = [at for at in (step.check_at, result.check_at) if at is not None and at > now]
        return min(checks, default=None)

    # groups

    def _look_at_parents(self, now: Millis) -> None:
        for number in [number for number in self._book.units.ready() if number in self._book.children]:
            parent = self._book.incidents.get(number)
            if parent is None or not parent.is_open:
                continue
            still = self._book.still(number)
            holds = Holds.YES if still else Holds.NO
            result = CheckResult(holds, f"{still} of {parent.members} nodes" if still else "all are back")
            policy = self._group_policy(parent)
            step = decide(parent, result, policy, general=self._policy, now=now)
            self._book.apply(parent, replace(step.incident, turned_at=parent.turned_at), step.changes, now)

    def _group_policy(self, parent: Incident) -> RulePolicy:
        policy = self._policy.of_site(parent.subject.site, parent.rule)
        return RulePolicy(severity=parent.severity, schedule=policy.schedule, recovery=policy.recovery)

    def _maintained(self, facts: NodeFacts, now: Millis) -> bool:
        if not self._fleet.silences:
            return False
        windows = [each for each in self._fleet.silences if each.kind is SilenceKind.MAINTENANCE]
        target = Target(facts.id.site, facts.host, facts.id.node)
        return silenced_by(windows, target, now, self._policy.zone) is not None


def _calmly(looks: Iterable[tuple[Rule, Look, RulePolicy]]) -> Iterator[tuple[Rule, Look, RulePolicy]]:
    """In maintenance, coming and going is what one expects."""
    return ((rule, look, dataclasses.replace(policy, often=0)) for rule, look, policy in looks)


def _has_reported(facts: NodeFacts, now: Millis) -> bool:
    """Since its birth: what it said before it went says nothing of how it is now."""
    born_at = facts.state_at or 0
    # A birth in the future was before our clock was put back.
    return facts.last_report_at is not None and (facts.last_report_at >= born_at or born_at > now)


def _is_revoked(facts: NodeFacts) -> bool:
    return facts.reason.startswith(REVOKED) and facts.state is NodeState.OFFLINE
