"""What keeps an incident quiet now: acknowledgement, silence, maintenance, quiet hours, something worse. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.book import Book
from alerts.facts import NodeFacts, ServerFacts
from alerts.group import NodePlace
from alerts.incident import Incident, NotificationKind, Scope
from alerts.node_history import NodeHistory
from alerts.notice import NoticeReason, Suppression
from alerts.plugs import PlugFacts
from alerts.policy import Policy
from alerts.rule import MINUTE, OF_THE_SERVER, PRESENCE
from alerts.silence import Silence, SilenceKind, Target, quiet_until, silenced_by
from alerts.status import NodeStatus, is_broker_down, status_at
from rigwatch.clock import Millis
from rigwatch.topics import NodeId

_THERE = frozenset({NodeStatus.ONLINE, NodeStatus.DEGRADED})


@dataclass(slots=True)
class FleetFacts:
    """The facts as they are known at this step."""

    facts: dict[NodeId, NodeFacts]
    silences: tuple[Silence, ...] = ()
    server: ServerFacts = field(default_factory=ServerFacts)
    histories: Mapping[NodeId, NodeHistory] = field(default_factory=dict)
    plugs: Mapping[NodeId, tuple[PlugFacts, ...]] = field(default_factory=dict)
    _places: dict[NodeId, NodePlace] | None = None

    def places(self) -> dict[NodeId, NodePlace]:
        """Where each node is; made anew only after `moved`."""
        if self._places is None:
            self._places = {node: NodePlace(facts.host, node.site) for node, facts in self.facts.items()}
        return self._places

    def moved(self) -> None:
        self._places = None


class Suppressor:
    """Why an incident says nothing."""

    def __init__(self, book: Book, fleet: FleetFacts, policy: Policy) -> None:
        self._book = book
        self._fleet = fleet
        self._policy = policy

    def of(self, incident: Incident, now: Millis) -> Suppression | None:
        if incident.id in self._book.children:
            children = [self._book.incidents[each] for each in self._book.children[incident.id]]
            spoken = [each for each in children if each.is_open] or children
            quiet = [self._alone(each, now) for each in spoken]
            if incident.acknowledged is None and spoken and all(quiet):
                return quiet[0]
        return self._alone(incident, now)

    def _alone(self, incident: Incident, now: Millis) -> Suppression | None:
        subject, ending = incident.subject, incident.owes in (NotificationKind.RECOVERY, NotificationKind.SETTLED)
        if incident.acknowledged is not None and not ending and incident.owes is not NotificationKind.FIRST:
            return Suppression(NoticeReason.ACKNOWLEDGED, None, f"by {incident.acknowledged.by}")
        if is_broker_down(self._fleet.server, now) and incident.rule not in OF_THE_SERVER:
            return Suppression(NoticeReason.INHIBITED, None, "rigwatch itself has no broker")
        facts = self._fleet.facts.get(NodeId(subject.site, subject.name)) if subject.scope is Scope.NODE else None
        host = facts.host if facts else (subject.name if subject.scope is Scope.HOST else "")
        node = subject.name if subject.scope is Scope.NODE else ""
        target = Target(subject.site, host, node, incident.rule.value, incident.severity.value)
        silenced = silenced_by(self._fleet.silences, target, now, self._policy.zone)
        if silenced is not None:
            silence, until = silenced
            reason = NoticeReason.MAINTENANCE if silence.kind is SilenceKind.MAINTENANCE else NoticeReason.SILENCED
            return Suppression(reason, until, f"by {silence.by}: {silence.why}".rstrip(": "), once=not silence.every)
        if facts is not None and not ending and incident.rule not in PRESENCE:
            status = status_at(facts, self._fleet.server, now)
            if status not in _THERE:
                return Suppression(NoticeReason.INHIBITED, now + MINUTE, f"it is {status.value}")
        until_morning = quiet_until(self._policy.quiet, incident.severity, now, self._policy.zone)
        return Suppression(NoticeReason.QUIET_HOURS, until_morning) if until_morning is not None else None
