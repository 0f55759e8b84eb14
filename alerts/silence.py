"""Quiet by intent: silences, maintenance (once or again and again) and quiet hours. Pure."""

import re
from collections.abc import Callable, Iterable
from datetime import time, timedelta, tzinfo
from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct

from alerts.facts import NodeFacts
from alerts.rule import Severity
from alerts.wall import end_of, moment_of
from rigwatch.clock import Millis, as_datetime
from rigwatch.settings.alerts import QuietSettings

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY = re.compile(rf"({'|'.join(DAYS)}|day) ([01]\d|2[0-3]):([0-5]\d)")


class SilenceKind(StrEnum):
    """Why it is quiet."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"


class Matcher(Struct, frozen=True, omit_defaults=True):
    """What it is about; every field that is given must fit, `*` and `?` as in file names."""

    site: str = ""
    host: str = ""
    node: str = ""
    rule: str = ""
    severity: str = ""

    def __str__(self) -> str:
        given = [f"{name}={value}" for name in self.__struct_fields__ if (value := getattr(self, name))]
        return " ".join(given) or "everything"


class Target(Struct, frozen=True):
    """What a message would be about. A group is quiet only when each of its nodes is."""

    site: str = ""
    host: str = ""
    node: str = ""
    rule: str = ""
    severity: str = ""


class Silence(Struct, frozen=True):
    """Who wanted quiet, about what, how long, and why. `every` ("sun 03:00", "day 22:30"; local time) makes it recur,
    `lasts` ms each time, from `starts_at` to `ends_at`. `ended_by` is who ended it before its time."""

    id: int
    kind: SilenceKind
    matcher: Matcher
    starts_at: Millis
    ends_at: Millis
    by: str
    why: str
    created_at: Millis = 0
    every: str = ""
    lasts: Millis = 0
    ended_by: str = ""

    def until(self, now: Millis, zone: tzinfo) -> Millis | None:
        """The end of the quiet that is running at `now`; None while there is none."""
        if not self.starts_at <= now < self.ends_at:
            return None
        if not self.every:
            return self.ends_at
        begun = _last_begin(self.every, now, zone)
        end = begun + self.lasts
        return min(end, self.ends_at) if now < end and begun + self.lasts > self.starts_at else None


def was_quiet(silence: Silence, since: Millis, until: Millis, zone: tzinfo) -> bool:
    """Whether it ran at any moment from `since` until just before `until`."""
    if not silence.every:
        return silence.starts_at < until and silence.ends_at > since
    last = min(until, silence.ends_at) - 1
    return (
        silence.until(since, zone) is not None
        or (last >= since and silence.until(last, zone) is not None)
        or (max(since, silence.starts_at) <= _last_begin(silence.every, last, zone) <= last)
    )


def matches(matcher: Matcher, target: Target) -> bool:
    """Whether every field that the matcher gives fits."""
    for name in matcher.__struct_fields__:
        wanted = getattr(matcher, name)
        if wanted and not fnmatchcase(getattr(target, name), wanted):
            return False
    return True


def silenced_by(
    silences: Iterable[Silence], target: Target, now: Millis, zone: tzinfo
) -> tuple[Silence, Millis] | None:
    """The quiet that lasts longest, and until when."""
    running = [
        (silence, until)
        for silence in silences
        if matches(silence.matcher, target) and (until := silence.until(now, zone)) is not None
    ]
    return max(running, key=lambda each: each[1], default=None)


def at_work(silences: Iterable[Silence], now: Millis, zone: tzinfo) -> Callable[[NodeFacts], bool]:
    """Tells of a node whether it is in maintenance at `now`; costs nothing a node while there is none."""
    running = [
        each.matcher for each in silences if each.kind is SilenceKind.MAINTENANCE and each.until(now, zone) is not None
    ]

    def is_maintained(facts: NodeFacts) -> bool:
        target = Target(facts.id.site, facts.host, facts.id.node)
        return any(matches(matcher, target) for matcher in running)

    return is_maintained if running else nobody_at_work


def nobody_at_work(_facts: NodeFacts) -> bool:
    """What `at_work` gives while there is no maintenance at all."""
    return False


def check_every(text: str) -> str:
    """`text` itself; raises `ValueError` that tells how to write when something recurs."""
    if not _EVERY.fullmatch(text):
        raise ValueError(f"write when it begins as 'sun 03:00' or 'day 22:30' (got {text!r})")
    return text


def quiet_until(quiet: QuietSettings, severity: Severity, now: Millis, zone: tzinfo) -> Millis | None:
    """The end of the quiet hours that are running for this severity; None while there are none."""
    if severity.value not in quiet.severities or quiet.start == quiet.end:
        return None
    return end_of(time.fromisoformat(quiet.start), time.fromisoformat(quiet.end), now, zone)


def _last_begin(every: str, now: Millis, zone: tzinfo) -> Millis:
    match = _EVERY.fullmatch(every)
    assert match  # checked when it was made
    day, hour, minute = match.groups()
    # The clock may have been put back over midnight since it began; a time that is skipped may come on the next day.
    date = as_datetime(now).astimezone(zone).date() + timedelta(days=1)
    for _ in range(10):
        begun = moment_of(date, time(int(hour), int(minute)), zone)
        if begun <= now and (day == "day" or DAYS[date.weekday()] == day):
            return begun
        date -= timedelta(days=1)
    raise AssertionError  # one of the last two of each day of the week is past
