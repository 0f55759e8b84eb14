"""Incidents as third parties get them: events when one opens, is acknowledged or closes, and which are open. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from alerts.incident import Incident, Scope
from alerts.rule import SEVERITIES, Rule, Severity
from rigwatch.clock import Millis
from rigwatch.texts import plain
from rigwatch.topics import NodeId, TopicLevel
from subscriber.feed.places import Places

EVENT_TYPES: Final = ("opened", "acknowledged", "closed")

_TEXT_MAX: Final = 200
# Each that is not open any more is looked up.
_LISTED_MAX: Final = 10_000
_encoder = msgspec.json.Encoder()
_numbers = msgspec.json.Decoder(tuple[Annotated[int, Meta(ge=1, le=2**63 - 1)], ...])


class IncidentEvent(Struct, frozen=True, omit_defaults=True):
    """What is published. `event_type` is Home Assistant's name for it: its event entities take it as it is."""

    event_type: str
    id: int
    rule: str
    severity: str
    scope: str
    text: str
    since_ms: Millis
    site: str = ""
    node: str = ""
    host: str = ""
    opened_at_ms: Millis | None = None
    closed_at_ms: Millis | None = None
    acknowledged_by: str = ""
    group: int | None = None
    nodes: int = 0


def topic_of(places: Places, incident: Incident) -> str:
    """The node's own where it is about one, else the server's."""
    node = node_of(incident)
    return places.of(node, TopicLevel.INCIDENT) if node else places.server_incident


def node_of(incident: Incident) -> NodeId | None:
    subject = incident.subject
    return NodeId(subject.site, subject.name) if subject.scope is Scope.NODE else None


def payload_of(kind: str, incident: Incident) -> bytes:
    subject = incident.subject
    return _encoder.encode(
        IncidentEvent(
            event_type=kind,
            id=incident.id,
            rule=incident.rule.value,
            severity=incident.severity.value,
            scope=subject.scope.value,
            text=said(incident),
            since_ms=incident.since,
            site=subject.site,
            node=subject.name if subject.scope is Scope.NODE else "",
            host=subject.name if subject.scope is Scope.HOST else "",
            opened_at_ms=incident.fired_at,
            closed_at_ms=incident.resolved_at,
            acknowledged_by=incident.acknowledged.by if incident.acknowledged else "",
            group=incident.parent,
            nodes=incident.members,
        )
    )


def said(incident: Incident) -> str:
    """In a line: 'lost: its connection broke'."""
    return plain(f"{incident.rule.value.replace('_', ' ')}: {incident.gist}", _TEXT_MAX)


def by_node(incidents: Iterable[Incident]) -> Mapping[NodeId, Sequence[Incident]]:
    found: defaultdict[NodeId, list[Incident]] = defaultdict(list)
    for each in incidents:
        if (node := node_of(each)) is not None:
            found[node].append(each)
    return found


def worst(incidents: Sequence[Incident]) -> Incident | None:
    """Of the worst ones the oldest."""
    return min(incidents, key=lambda each: (-SEVERITIES.index(each.severity), each.since, each.id), default=None)


def is_problem(incidents: Iterable[Incident]) -> bool:
    """Whether something is wrong; that somebody stopped a node is not, nor is what is only worth knowing."""
    return any(each.rule is not Rule.OFFLINE and each.severity is not Severity.INFO for each in incidents)


def listed(numbers: Iterable[int]) -> bytes:
    return _encoder.encode(sorted(numbers))


def read_list(payload: bytes | None) -> frozenset[int]:
    """What was published as `listed`, the latest; nothing where somebody else wrote something there."""
    try:
        return frozenset(sorted(_numbers.decode(payload or b"[]"))[-_LISTED_MAX:])
    except msgspec.DecodeError:
        return frozenset()
