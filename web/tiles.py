"""What stands on the wall: a tile for whatever somebody should look at, and which nodes are then left. Pure."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from alerts.incident import Scope
from alerts.rule import SEVERITIES, Severity, worst
from alerts.status import NodeStatus
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from web import units
from web.colours import Level, temperature_level, worse
from web.language.texts import N_, joined
from web.language.texts import gettext as _
from web.levels import levels
from web.node_view import SIMULATED, NodeView, hottest, remarks
from web.row import MEANING, DisplaySettings, TimeText
from web.trouble import RULE_OF, Trouble, urgency
from web.units import Quantity

TROUBLE: Final = frozenset({NodeStatus.LOST, NodeStatus.SILENT, NodeStatus.DEGRADED, NodeStatus.UNKNOWN})
"""Statuses that make a tile by themselves, before or without an incident."""

NAMED: Final = 6
"""How many of its nodes the tile of a group names."""

_TITLES: Final[Mapping[Scope, str]] = {Scope.SERVER: "rigwatch", Scope.SITE: N_("site %(site)s")}
_AS_BAD_AS: Final[Mapping[NodeStatus, Severity]] = {
    NodeStatus.LOST: Severity.CRITICAL,
    NodeStatus.SILENT: Severity.WARNING,
}


class TileLine(NamedTuple):
    """One thing that is wrong. `number` is its incident's, if it has one; `note` says who knows, or that it flaps."""

    what: str
    evidence: str = ""
    note: str = ""
    number: int | None = None


class Tile(NamedTuple):
    """A node, a group, or rigwatch itself. `word` is its status or severity, and a class of the style sheet.

    `since` is when it became so (`lasting`), or when the node last reported. `muted`: somebody knows of all of it.
    """

    key: str
    title: str
    word: str
    node: str = ""
    place: str = ""
    lines: tuple[TileLine, ...] = ()
    hashrate: Quantity = units.NOT_KNOWN
    temperature: Quantity = units.NOT_KNOWN
    temperature_level: str = ""
    power: Quantity = units.NOT_KNOWN
    since: TimeText | None = None
    age: str = units.UNKNOWN
    lasting: bool = False
    muted: bool = False
    simulated: bool = False


class Tiles(NamedTuple):
    """Those to look at, the worst first; and the nodes that have none and belong to no group that has."""

    trouble: list[Tile]
    calm: list[NodeView]


def tiles(
    shown: Sequence[NodeView], troubles: Iterable[Trouble], look: DisplaySettings, now: Millis, *, narrowed: bool
) -> Tiles:
    """`shown` are the nodes to speak of, all there are unless `narrowed`; what is about rigwatch itself stands there
    in any case."""
    members: defaultdict[int, list[NodeView]] = defaultdict(list)
    for each in shown:
        for trouble in each.troubles:
            if trouble.parent is not None:
                members[trouble.parent].append(each)
    names = {each.facts.id for each in shown}
    alone = [each for each in troubles if _is_alone(each, members, names, narrowed=narrowed)]
    made = [(_rank(each), _of_subject(each, members.get(each.number, ()), look, now)) for each in alone]
    groups, calm = {each.number for each in alone}, []
    for each in shown:
        own = tuple(trouble for trouble in each.troubles if trouble.parent not in groups)
        if own or (each.status in TROUBLE and not _is_told(each, groups)):
            made.append((_rank_of_node(each, own), of_node(each, own, look, now)))
        elif not each.troubles:
            calm.append(each)
    return Tiles([tile for _, tile in sorted(made, key=itemgetter(0))], calm)


def is_known(each: NodeView, own: Sequence[Trouble]) -> bool:
    """Whether somebody knows of all of it: of these incidents, and of what its status says."""
    told = each.status not in TROUBLE or RULE_OF.get(each.status) in {trouble.rule for trouble in each.troubles}
    return told and bool(own) and all(trouble.hush for trouble in own)


def of_node(each: NodeView, own: Sequence[Trouble], look: DisplaySettings, now: Millis) -> Tile:
    """`own` are the incidents to name, the worst first."""
    facts = each.facts
    says_status = each.status in TROUBLE or not own
    # A node that is gone is so since it went; one that is there is as old as its last report.
    gone = each.status in {NodeStatus.LOST, NodeStatus.OFFLINE}
    at = facts.state_at if gone else own[0].since if own else facts.last_report_at
    sample = facts.sample if each.counted else None
    celsius = hottest(sample)
    hot = worse(levels(each, look.colours).get("temperature", Level.NONE), temperature_level(celsius, look.colours))
    word = each.status.value if says_status else own[0].severity.value
    return Tile(
        key=str(facts.id),
        node=str(facts.id),
        title=facts.title,
        place=f"{facts.id.site} · {facts.host}" if facts.host else facts.id.site,
        word=word,
        lines=tuple(_lines(each, own)),
        hashrate=units.hashrate(sample.hashrate if sample else None),
        temperature=units.quantity("temperature", celsius),
        temperature_level=hot.value,
        power=units.quantity("power", sample.power if sample else None),
        since=None if at is None else look.moment(at),
        age=units.age(None if at is None else now - at),
        lasting=gone or bool(own),
        muted=is_known(each, own),
        simulated=SIMULATED in facts.tags,
    )


def _lines(each: NodeView, own: Sequence[Trouble]) -> Iterable[TileLine]:
    yield from map(_line, own)
    # What the status says, unless an incident does.
    if each.status in TROUBLE and RULE_OF.get(each.status) not in {trouble.rule for trouble in own}:
        wrong = remarks(each.facts)
        degraded = wrong and each.status is NodeStatus.DEGRADED
        yield TileLine(wrong[0] if degraded else each.facts.reason or _(MEANING[each.status]))


def _line(trouble: Trouble) -> TileLine:
    return TileLine(trouble.what, trouble.evidence, joined((trouble.note, trouble.quiet)), trouble.number)


def _of_subject(trouble: Trouble, members: Sequence[NodeView], look: DisplaySettings, now: Millis) -> Tile:
    subject = trouble.subject
    rigwatch_itself = subject.scope is Scope.SERVER
    names = ", ".join(each.facts.title for each in members[:NAMED])
    more = " " + _("and %(number)s more", number=len(members) - NAMED) if len(members) > NAMED else ""
    return Tile(
        key=f"incident {trouble.number}",
        title=_(_TITLES[subject.scope], site=subject.site) if subject.scope in _TITLES else str(subject),
        place=names + more or subject.name * rigwatch_itself,
        word=trouble.severity.value,
        lines=(_line(trouble)._replace(what=trouble.what.removeprefix("rigwatch ")),),
        since=look.moment(trouble.since),
        age=units.age(now - trouble.since),
        lasting=True,
        muted=bool(trouble.hush),
    )


def _is_alone(trouble: Trouble, members: Container[int], names: Container[NodeId], *, narrowed: bool) -> bool:
    """Whether it has a tile that is no node's; also where its node is hidden by now, until the alerts close it."""
    if trouble.subject.scope is Scope.SERVER:
        return True
    if trouble.node is None:
        return not narrowed or trouble.number in members
    return not narrowed and trouble.parent is None and trouble.node not in names


def _is_told(each: NodeView, groups: Container[int]) -> bool:
    """Whether a group's tile says of it what its status does."""
    rule = RULE_OF.get(each.status)
    return any(trouble.rule is rule and trouble.parent in groups for trouble in each.troubles)


def _rank(trouble: Trouble) -> tuple[bool, int]:
    return urgency(trouble)[:2]


def _rank_of_node(each: NodeView, own: Sequence[Trouble]) -> tuple[bool, int]:
    """A bad status is as bad as the incident that may come of it."""
    if is_known(each, own):
        return _rank(own[0])
    unseen = [trouble.severity for trouble in own if not trouble.hush]
    return False, -SEVERITIES.index(worst([_AS_BAD_AS.get(each.status, Severity.INFO), *unseen]))
