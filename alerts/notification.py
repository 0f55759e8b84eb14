"""What people read: a first line that is enough on a lock screen, then when, how bad, evidence, the page. Pure."""

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.facts import NodeFacts
from alerts.group import by_site
from alerts.incident import Incident, NotificationKind, Scope, Subject
from alerts.rule import OVER_AGAIN, TITLES, Rule, Severity, plural
from alerts.words import NAME_MAX, duration, figures, moment, spelled
from rigwatch.clock import Millis
from rigwatch.texts import plain

NAMED = 12
"""How many nodes one message names; the page has them all."""

DIGESTED = 30
"""How many messages one digest repeats the first line of."""

_COUNTS_NODES = re.compile(r"\b\d+ nodes\b")

COPY = "(may be a second copy)"
MARKS = r"\((?:may be a second copy|written [^()]{1,30} ago)\)"
"""What `marked` puts behind a title, as a regular expression."""

_TROUBLE = {Scope.HOST: "the machine, or its power?", Scope.SITE: "uplink or power?", Scope.FLEET: "network, or pool?"}
_TOGETHER = frozenset({Rule.LOST, Rule.SILENT, Rule.NO_PEERS, Rule.SOURCE_FAILING})


class Notification(Struct, frozen=True):
    """A message as it is handed to one channel; `incidents` are those it speaks of, the first stands for them."""

    channel: str
    kind: NotificationKind
    severity: Severity
    title: str
    body: str
    incidents: tuple[int, ...]


class NotificationText(Struct, frozen=True):
    """Title and body."""

    title: str
    body: str


class NotificationContext(Struct, frozen=True):
    """What a message is made of. `facts` are those of `incident`'s node, `of` how many nodes its group could have."""

    incident: Incident
    kind: NotificationKind
    now: Millis
    zone: ZoneInfo
    facts: NodeFacts | None = None
    children: tuple[Incident, ...] = ()
    of: int = 0
    hold: Millis = 0
    link: str = ""


def headline(incident: Incident, own_name: str = "") -> str:
    """What is wrong with whom, without how bad and since when. `own_name` is what people call the node."""
    subject, title = incident.subject, TITLES[incident.rule]
    if subject.scope is Scope.SERVER:
        return f"{title}: {plain(subject.name, NAME_MAX)}" if subject.name else title
    if subject.scope is not Scope.NODE:
        return f"{plain(str(subject), NAME_MAX)}: {incident.members} nodes {plural(title)} together"
    return f"{called(subject, own_name)} {title}"


def text_of(said: NotificationContext) -> NotificationText:
    """The message about one incident, single or parent."""
    if said.incident.subject.scope in (Scope.HOST, Scope.SITE, Scope.FLEET):
        return NotificationText(_group_title(said), _lines([*_group_lines(said), _link(said)]))
    return NotificationText(_title(said), _lines([*_single_lines(said), _link(said)]))


def together(
    texts: Sequence[NotificationText], rule: Rule, kind: NotificationKind, incidents: Sequence[Incident]
) -> NotificationText:
    """One message of several of the same kind."""
    if len(texts) == 1:
        return texts[0]
    sites = ", ".join(f"{site} {count}" for site, count in by_site(incidents).most_common(NAMED) if site)
    closed = kind is NotificationKind.RECOVERY and all(_is_closed(each) for each in incidents)
    what = f"CLOSED, {plural(TITLES[rule])} and not looked at any more" if closed else _what(rule, kind)
    title = f"{len(texts)} nodes: {what}" + (f" ({sites})" if sites else "")
    named = [text.title for text in texts[:NAMED]]
    return NotificationText(title, _lines([*named, _more(len(texts))]))


def digest(texts: Sequence[NotificationText]) -> NotificationText:
    """What waited for a channel's rate, as one message: all titles, then the nodes of those that count them."""
    if len(texts) == 1:
        return texts[0]
    more = f"and {len(texts) - DIGESTED} more" if len(texts) > DIGESTED else ""
    titles = [each.title for each in texts[:DIGESTED]]
    # Last, because a service that takes less cuts the end off.
    named = [f"{each.title}\n{each.body}" for each in texts[:DIGESTED] if _COUNTS_NODES.search(each.title)]
    return NotificationText(f"{len(texts)} messages: {titles[0]}", _lines([*titles, more, *named]))


def marked(text: NotificationText, *, may_be_copy: bool, age: str) -> NotificationText:
    """With what people must know of the message itself, behind its first line."""
    marks = [COPY] if may_be_copy else []
    if age:
        marks.append(f"(written {age} ago)")
    return NotificationText(" ".join([text.title, *marks]), text.body)


def _title(said: NotificationContext) -> str:
    incident = said.incident
    name = _name(said)
    if incident.subject.scope is Scope.SERVER:
        return _server_title(said)
    what, now = TITLES[incident.rule], said.now
    end = incident.resolved_at or now
    return {
        NotificationKind.RECOVERY: f"CLOSED: {name} {what} for {duration(end - incident.since)}, {incident.ended}"
        if _is_closed(incident)
        else f"OK: {name} {OVER_AGAIN[incident.rule]}, after {duration(end - incident.since)}",
        NotificationKind.FLAPPING: f"FLAPPING: {name} {what} again and again{_how_often(incident)}",
        NotificationKind.SETTLED: f"STABLE: {name} still {what}" if incident.is_open else f"OK: {name} is stable again",
        NotificationKind.REMINDER: f"STILL: {name} {what} for {duration(now - incident.since)}{_because(incident)}",
        NotificationKind.CAUSE: f"CAUSE: {name} {what}{_because(incident)}",
    }.get(said.kind, f"{incident.severity.value.upper()}: {name} {what}{_because(incident)}")


def _because(incident: Incident) -> str:
    """The cause, where it is known."""
    return f": {incident.cause}" if incident.cause else ""


def _how_often(incident: Incident) -> str:
    return f": {spelled(incident.spells)}" if incident.spells else ""


def _is_closed(incident: Incident) -> bool:
    """Whether it is not looked at any more, though nobody knows that it is over."""
    return not incident.is_open and incident.holding


def _server_title(said: NotificationContext) -> str:
    incident = said.incident
    lasted = duration((incident.resolved_at or said.now) - incident.since)
    about = f": {plain(incident.subject.name, NAME_MAX)}" if incident.subject.name else ""
    if incident.rule is Rule.NO_DATABASE:
        # Its name is the fault, which is over.
        over = said.kind is NotificationKind.RECOVERY or not incident.is_open
        about = "" if over else f"{about} since {moment(incident.since, said.zone, said.now)}"
    if said.kind is NotificationKind.RECOVERY:
        return f"OK: {OVER_AGAIN[incident.rule]}{about}, after {lasted}"
    if said.kind is NotificationKind.FLAPPING:
        return f"FLAPPING: {TITLES[incident.rule]}{about}, again and again{_how_often(incident)}"
    if said.kind is NotificationKind.SETTLED and not incident.is_open:
        return f"OK: {OVER_AGAIN[incident.rule]}{about}, and stable"
    urgency = f"STILL, for {lasted}" if said.kind is NotificationKind.REMINDER else incident.severity.value.upper()
    return f"{urgency}: {TITLES[incident.rule]}{about}"


def _name(said: NotificationContext) -> str:
    return called(said.incident.subject, said.facts.title if said.facts else "")


def called(subject: Subject, own_name: str) -> str:
    """A node by its place, with the name that people gave it."""
    own = plain(own_name, NAME_MAX)
    return f"{subject} ({own})" if own and own != subject.name else str(subject)


def _single_lines(said: NotificationContext) -> list[str]:
    incident, now = said.incident, said.now
    since = moment(incident.since, said.zone, now)
    if said.kind is NotificationKind.RECOVERY:
        until = moment(incident.resolved_at or now, said.zone, now)
        return [f"{since} to {until} {_zone(said)}: {incident.evidence}", f"now: {incident.ended}", *_last(said)]
    lines = [f"since {since} {_zone(said)}, {incident.severity.value}: {incident.evidence}", *_last(said)]
    if said.kind is NotificationKind.FLAPPING:
        lines.append(f"next message when it {'stays, or ' if incident.spells else ''}has been stable")
    elif said.kind is NotificationKind.FIRST:
        lines.append(_tried(said))
        if incident.explanation is not None and not incident.cause:
            lines.append(incident.explanation.evidence)
    return lines


def _tried(said: NotificationContext) -> str:
    """What rigwatch looked at or waited for before it said so; empty where the evidence says it all."""
    span = duration(said.now - said.incident.since)
    in_vain = f"waited {duration(said.hold)}, it did not come back" if said.hold else ""
    always = f"every report for {span} says so" if said.hold else ""
    return {
        Rule.LOST: f"the broker sent its will; {in_vain}".removesuffix("; "),
        Rule.SILENT: "its connection answers the broker all the while: the machine lives, its publisher may hang",
        Rule.OFFLINE: in_vain,
        Rule.SOURCE_FAILING: f"read again and again for {span}; its machine reports all the while",
        Rule.NO_DATABASE: f"tried again and again for {span}; what comes is kept, and what dies meanwhile is told then",
        # What to do about it stands in the evidence.
        Rule.CERTIFICATE_EXPIRY: "",
        Rule.NO_BROKER: f"tried to connect again and again for {span}",
        Rule.CHANNEL_REFUSED: "put its address right in [alerts] of server.toml, then run 'rigwatch test-alert'",
    }.get(said.incident.rule, always)


def _last(said: NotificationContext) -> list[str]:
    facts = said.facts
    if facts is None or facts.sample is None or facts.last_report_at is None:
        return []
    at = moment(facts.last_report_at, said.zone, said.now)
    host = f" on {plain(facts.host, NAME_MAX)}" if facts.host else ""
    return [f"last report {at}{host}: {figures(facts.sample)}"]


def _group_title(said: NotificationContext) -> str:
    incident, count = said.incident, said.incident.members
    where = plain(str(incident.subject), NAME_MAX)
    what, over = plural(TITLES[incident.rule]), plural(OVER_AGAIN[incident.rule])
    still = sum(1 for child in said.children if child.is_open)
    of = f" of {said.of}" if said.of > count else ""
    match said.kind:
        case NotificationKind.RECOVERY:
            lasted = duration((incident.resolved_at or said.now) - incident.since)
            gone = sum(1 for child in said.children if _is_closed(child))
            if gone == count:
                return f"CLOSED: {where}: {count} nodes {what} for {lasted}, not looked at any more"
            without = f" ({gone} not looked at any more)" if gone else ""
            return f"OK: {where}: all {count} nodes {over}, after {lasted}{without}"
        case NotificationKind.REMINDER | NotificationKind.PROGRESS:
            return f"STILL: {where}: {still} of {count} nodes {what}, {count - still} {over}"
        case _:
            cause = _because(incident)
            guess = _TROUBLE.get(incident.subject.scope, "") if incident.rule in _TOGETHER and not cause else ""
            urgency = "CAUSE" if said.kind is NotificationKind.CAUSE else incident.severity.value.upper()
            text = f"{urgency}: {where}: {count}{of} nodes {what} together{cause}"
            return f"{text}, {guess}" if guess else text


def _group_lines(said: NotificationContext) -> list[str]:
    incident, now = said.incident, said.now
    since = moment(incident.since, said.zone, now)
    shown = [each for each in said.children if each.is_open or said.kind is NotificationKind.RECOVERY]
    names = sorted(str(each.subject) for each in shown)
    lines = [f"since {since} {_zone(said)}, {incident.severity.value}"]
    if incident.subject.scope is Scope.FLEET:
        lines.append(", ".join(f"{site} {count}" for site, count in by_site(shown).most_common(NAMED)))
    lines.append(", ".join(names[:NAMED]))
    lines.append(_more(len(names)))
    if shown and said.kind is not NotificationKind.RECOVERY:
        lines.append(f"first of them: {shown[0].evidence}")
    return lines


def _what(rule: Rule, kind: NotificationKind) -> str:
    return {
        NotificationKind.RECOVERY: f"OK, {plural(OVER_AGAIN[rule])}",
        NotificationKind.FLAPPING: f"FLAPPING, {plural(TITLES[rule])} again and again",
        NotificationKind.SETTLED: f"stable again ({plural(TITLES[rule])})",
        NotificationKind.REMINDER: f"STILL {plural(TITLES[rule])}",
        NotificationKind.CAUSE: f"CAUSE of being {plural(TITLES[rule])}",
    }.get(kind, plural(TITLES[rule]))


def _more(count: int) -> str:
    return f"and {count - NAMED} more" if count > NAMED else ""


def _zone(said: NotificationContext) -> str:
    return str(said.zone)


def _link(said: NotificationContext) -> str:
    if not said.link:
        return ""
    return f"{said.link.rstrip('/')}/incidents/{said.incident.id}"


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if line)
