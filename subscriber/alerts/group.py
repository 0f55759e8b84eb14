"""Which incidents are one: those of one host, site or fleet that begin together. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from subscriber.alerts.incident import Incident, Kind, Scope, Subject


class Place(NamedTuple):
    """Where a node is, as far as grouping goes."""

    host: str
    site: str


def release_at(
    owing: Collection[Incident],
    coming: Iterable[Millis],
    *,
    last_told_at: Millis | None,
    wait: Millis,
) -> Millis:
    """When what several incidents of one rule owe is said; a moment in the past means now.

    `coming` are the moments at which others may join: the ends of running holds. Nobody waits longer than `wait`, and
    one that is alone does not wait at all, unless others were told of less than `wait` ago.
    """
    first = min(incident.owed_at for incident in owing)
    latest = first + wait
    joining = [at for at in coming if at > first]
    at = min(max(joining), latest) if joining else first
    if last_told_at is not None and first < last_told_at + wait:
        at = max(at, last_told_at + wait)
    return min(at, latest) if joining or last_told_at is not None else first


def subject_of(members: Iterable[Incident], places: Mapping[NodeId, Place]) -> Subject:
    """The smallest thing that holds them all: their host, their site, else the fleet."""
    found = [places.get(NodeId(each.subject.site, each.subject.name)) for each in members]
    sites = {each.subject.site for each in members}
    hosts = {place.host for place in found if place and place.host}
    if len(sites) > 1:
        return Subject(Scope.FLEET)
    site = sites.pop()
    if len(hosts) == 1 and all(place and place.host for place in found):
        return Subject(Scope.HOST, site, hosts.pop())
    return Subject(Scope.SITE, site)


def size_of(subject: Subject, places: Mapping[NodeId, Place]) -> int:
    """How many nodes there are in it."""
    return sum(1 for node, place in places.items() if _within(subject, node, place))


def by_site(members: Iterable[Incident]) -> Counter[str]:
    """How many of them are at which site."""
    return Counter(each.subject.site for each in members)


def has_parent(kind: Kind) -> bool:
    """Only what is new becomes an incident of its own when it is many; the rest is said together and no more."""
    return kind is Kind.FIRST


def _within(subject: Subject, node: NodeId, place: Place) -> bool:
    if subject.scope is Scope.FLEET:
        return True
    if subject.scope is Scope.SITE:
        return node.site == subject.site
    return node.site == subject.site and place.host == subject.name
