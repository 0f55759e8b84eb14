"""Quiet as people ask for it, in a terminal, a form or a chat: words in, a checked silence or maintenance out. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from enum import StrEnum

from msgspec import Struct

from alerts.incident import Incident, Scope
from alerts.rule import Rule, Severity
from alerts.silence import DAYS, Matcher, Silence, SilenceKind, check_every
from alerts.wall import next_moment_of, shown
from rigwatch.clock import Millis, in_millis, millis_of
from rigwatch.errors import RigwatchError
from rigwatch.settings.durations import parse_duration

KEYS: Mapping[SilenceKind, tuple[str, ...]] = {
    SilenceKind.SILENCE: ("site", "host", "node", "rule", "severity"),
    SilenceKind.MAINTENANCE: ("site", "host", "node"),
}
"""What each may be about. A node in maintenance is so with all its rules."""

FOREVER: Millis = 100 * 365 * 86_400_000
_MINUTE: Millis = 60_000
_DAY: Millis = 86_400_000
_LONGEST: Millis = 366 * _DAY
_LATEST: Millis = 366 * _DAY
_VALUE_MAX = 200
_WHY_MAX = 500
_WORDS: Mapping[str, tuple[str, ...]] = {"rule": tuple(Rule), "severity": tuple(Severity)}
_PATTERN = re.compile(r"[*?\[]")


class SilenceRequestError(RigwatchError):
    """What was asked for cannot be done as it is written. `field` is the part of the request that is wrong."""

    exit_code = 2

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


class SilenceRequest(Struct, frozen=True):
    """`given` is what it is about, by the keys of `KEYS`; `length` a duration ("2h"); `every` makes it recur ("sun
    03:00"); `start` is a moment of local time ("2026-11-24 03:00"), empty = now."""

    kind: SilenceKind
    given: Mapping[str, str]
    length: str
    why: str = ""
    every: str = ""
    start: str = ""


def silence_of(request: SilenceRequest, now: Millis, zone: tzinfo, *, by: str) -> Silence:
    """What is stored in the name of `by`. Raises `SilenceRequestError` in words for whoever typed it."""
    matcher = matcher_of(request.kind, request.given)
    lasts = length_of(request.length)
    every = _every(request, lasts)
    begins = start_of(request.start, now, zone)
    ends = begins + (FOREVER if every else lasts)
    why = _clean(request.why)[:_WHY_MAX]
    return Silence(0, request.kind, matcher, begins, ends, by, why, now, every, lasts if every else 0)


def pairs_of(texts: Iterable[str]) -> dict[str, str]:
    """From `KEY=VALUE` texts."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise SilenceRequestError("match", f"{text!r}: write KEY=VALUE, such as site=garage")
        found[key] = value
    return found


def matcher_of(kind: SilenceKind, given: Mapping[str, str]) -> Matcher:
    """Empty values count as not given; at least one must be."""
    allowed = KEYS[kind]
    found = {}
    for key, text in given.items():
        value = _clean(text)
        if key not in allowed:
            raise SilenceRequestError(
                key, f"'{key}={value[:40]}': write KEY=VALUE, with one of these keys: {', '.join(allowed)}"
            )
        if len(value) > _VALUE_MAX:
            raise SilenceRequestError(key, f"{key}: is longer than {_VALUE_MAX} characters")
        known = _WORDS.get(key)
        if known and value and not _PATTERN.search(value) and value not in known:
            raise SilenceRequestError(key, f"'{key}={value[:40]}': known are {', '.join(known)}")
        if value:
            found[key] = value
    if not found:
        raise SilenceRequestError("match", f"say what it is about: {', '.join(allowed)}; 'site=*' is everything")
    return Matcher(**found)


def length_of(text: str) -> Millis:
    try:
        lasts = in_millis(parse_duration(_clean(text)))
    except ValueError as exc:
        raise SilenceRequestError("length", f"how long: {exc} (got {text[:40]!r})") from None
    if not 0 < lasts <= _LONGEST:
        raise SilenceRequestError("length", "how long: should be more than nothing and at most a year")
    return lasts


def start_of(text: str, now: Millis, zone: tzinfo) -> Millis:
    """The moment, in the zone of the dashboard; `now` for an empty text. A moment that is past is an error."""
    text = _clean(text)
    if not text:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SilenceRequestError("start", f"begin: write it as '2026-11-24 03:00' (got {text[:40]!r})") from None
    # The minute that is running can be chosen, and has begun already.
    earliest = now - _MINUTE
    at = millis_of(moment) if moment.tzinfo else next_moment_of(moment, earliest, zone)
    if at < earliest:
        raise SilenceRequestError("start", f"begin: {text[:40]} is past, it is {shown(now, zone)}")
    if at > now + _LATEST:
        raise SilenceRequestError("start", "begin: is more than a year ahead")
    return max(at, now)


class Breadth(StrEnum):
    """How much around an incident is to be quiet."""

    RULE = "rule"
    NODE = "node"
    HOST = "host"
    SITE = "site"


def around(incident: Incident, breadth: Breadth, host: str) -> dict[str, str]:
    """What to be quiet about, for `SilenceRequest.given`. `host` is that of the incident's node, where it is known."""
    subject = incident.subject
    node = subject.name if subject.scope is Scope.NODE else ""
    host = subject.name if subject.scope is Scope.HOST else host
    site = subject.site or "*"
    match breadth:
        case Breadth.RULE:
            # A node keeps its name when it moves to another host.
            narrow = {"node": node} if node else {"host": host} if subject.scope is Scope.HOST else {}
            return {"site": site, **narrow, "rule": incident.rule.value}
        case Breadth.NODE if node:
            return {"site": site, "node": node}
        case Breadth.HOST if host:
            return {"site": site, "host": host}
        case _:
            return {"site": site}


def breadths(incident: Incident, host: str) -> list[Breadth]:
    """Which of them make a difference."""
    scope = incident.subject.scope
    known = {
        Breadth.RULE: True,
        Breadth.NODE: scope is Scope.NODE,
        Breadth.HOST: scope is Scope.HOST or (scope is Scope.NODE and bool(host)),
        Breadth.SITE: bool(incident.subject.site),
    }
    return [each for each in Breadth if known[each]]


def _every(request: SilenceRequest, lasts: Millis) -> str:
    every = _clean(request.every)
    if not every:
        return ""
    try:
        check_every(every)
    except ValueError as exc:
        raise SilenceRequestError("every", f"every: {exc}") from None
    if lasts >= (7 * _DAY if every[:3] in DAYS else _DAY):
        raise SilenceRequestError("length", "how long: it would begin again before it has ended")
    return every


def _clean(text: str) -> str:
    """Without what a terminal would act on or a database refuses."""
    return "".join(char if char.isprintable() else " " for char in text).strip()
