"""Which incidents are one: those of one host, site or fleet that begin together. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from alerts.incident import Incident, Scope, Subject
from rigwatch.clock import Millis
from rigwatch.topics import NodeId

FLOOD = 50
"""So many at once are one thing, even where their messages take longer to read than anybody else would wait."""


class NodePlace(NamedTuple):
    """Where a node is, as far as grouping goes."""

    host: str
    site: str


class Release(NamedTuple):
    """When something is said (a moment in the past is now), and of whom: those that owe it since `upto` or before."""

    at: Millis
    upto: Millis


class Crowd(NamedTuple):
    """What may be one message. `owed` are the moments since when each owes it, `coming` those at which others are
    known to join unless they get well, `joined_at` when the last of all began, `told_at` when the last message of the
    kind went out."""

    owed: Collection[Millis]
    coming: Collection[Millis] = ()
    joined_at: Millis = 0
    told_at: Millis | None = None


def release(crowd: Crowd, wait: Millis) -> Release:
    """What began together goes together, whatever else is on its way.

    Nobody waits longer than `wait`, or three times that while a flood keeps coming in. Who is alone does not wait at
    all, unless others were told of less than `wait` ago. Several go once all have come that can come in time, and
    nobody new has for a while. Where not all can come in time, those before the widest gap go, so that what belongs
    together stays together.
    """
    first = min(crowd.owed)
    moments = sorted([*crowd.owed, *(at for at in crowd.coming if at > first)])
    longest = first + (3 * wait if len(moments) >= FLOOD else wait)
    at = last = _before_the_gap(moments, _in_time(moments, first + wait, longest, wait // 5))
    if sum(moment <= last for moment in moments) > 1:
        at = max(at, crowd.joined_at + wait // 5)
    if crowd.told_at is not None and first < crowd.told_at + wait:
        at = max(at, crowd.told_at + wait)
    return Release(min(at, longest), last)


def _in_time(moments: Sequence[Millis], latest: Millis, longest: Millis, pause: Millis) -> Millis:
    """Until when is waited: longer than `latest` only for those that follow one another without a pause."""
    for before, after in pairwise(moments):
        if latest < after <= longest and after - before <= pause:
            latest = after
    return latest


def _before_the_gap(moments: Sequence[Millis], latest: Millis) -> Millis:
    """The last of the moments that belong to the first, until `latest` at most."""
    inside = [at for at in moments if at <= latest]
    beyond = moments[len(inside) : len(inside) + 1]
    if not beyond:
        return inside[-1]
    gaps = [(after - before, before) for before, after in pairwise([*inside, *beyond])]
    return max(gaps)[1]


def subject_of(members: Iterable[Incident], places: Mapping[NodeId, NodePlace]) -> Subject:
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


def size_of(subject: Subject, places: Mapping[NodeId, NodePlace]) -> int:
    """How many nodes there are in it."""
    return sum(1 for node, place in places.items() if _within(subject, node, place))


def by_site(members: Iterable[Incident]) -> Counter[str]:
    """How many of them are at which site."""
    return Counter(each.subject.site for each in members)


def _within(subject: Subject, node: NodeId, place: NodePlace) -> bool:
    if subject.scope is Scope.FLEET:
        return True
    if subject.scope is Scope.SITE:
        return node.site == subject.site
    return node.site == subject.site and place.host == subject.name
