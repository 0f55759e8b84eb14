"""What the clock on the wall says, and when it says it, over every change of a zone's clock. Pure.

Clocks go back, and an hour comes twice; or forward, and one is skipped. Two local times of one zone must never be
compared or subtracted as they stand: Python then looks at the digits alone. Moments (ms) are compared here.
"""

from datetime import date, datetime, time, timedelta, tzinfo

from rigwatch.clock import Millis, as_datetime, millis_of


def moment_of(day: date, at: time, zone: tzinfo) -> Millis:
    """The first moment at which the wall shows this; a time that is skipped comes as much later as the clock jumps."""
    return millis_of(datetime.combine(day, at, zone))


def next_moment_of(local: datetime, after: Millis, zone: tzinfo) -> Millis:
    """As `moment_of`, but the second time where the first is over by then and it comes twice."""
    first, second = (millis_of(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    return second if first < after <= second else first


def end_of(start: time, end: time, now: Millis, zone: tzinfo) -> Millis | None:
    """When the wall will no longer show a time from `start` until before `end`; None where it does not show one now."""
    if not _shows(start, end, now, zone):
        return None
    here = as_datetime(now).astimezone(zone)
    day = here.date() if here.time() < end else here.date() + timedelta(days=1)
    ends_at = next_moment_of(datetime.combine(day, end), now + 1, zone)
    change = _change(now, ends_at, zone)
    # The clock may jump out of the hours: over their end, or back before their beginning.
    return change if change is not None and not _shows(start, end, change, zone) else ends_at


def shown(at: Millis, zone: tzinfo, form: str = "%Y-%m-%d %H:%M") -> str:
    """The local time, with the zone's abbreviation where this hour comes twice."""
    here = as_datetime(at).astimezone(zone)
    twice = here.replace(fold=0).utcoffset() != here.replace(fold=1).utcoffset()
    return here.strftime(f"{form} %Z" if twice else form)


def _shows(start: time, end: time, at: Millis, zone: tzinfo) -> bool:
    clock = as_datetime(at).astimezone(zone).time()
    return start <= clock < end if start < end else clock >= start or clock < end


def _change(since: Millis, until: Millis, zone: tzinfo) -> Millis | None:
    """When the clock is changed between two moments less than two days apart."""
    before = _offset(since, zone)
    if _offset(until, zone) == before:
        return None
    while until - since > 1:
        middle = (since + until) // 2
        since, until = (middle, until) if _offset(middle, zone) == before else (since, middle)
    return until


def _offset(at: Millis, zone: tzinfo) -> timedelta | None:
    return as_datetime(at).astimezone(zone).utcoffset()
