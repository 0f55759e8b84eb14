"""How the API writes and reads moments: RFC 3339 in UTC, to the millisecond."""

from datetime import datetime, timedelta
from typing import Annotated, Final, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from rigwatch.clock import Millis, as_iso, in_millis, millis_of
from web.errors import BadQuery

Moment: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""As `moment` writes it."""

Given: TypeAlias = Annotated[datetime, Meta(tz=True)] | UnsetType
"""A moment in a query or a body, with its time zone."""

_LAST: Final = 253_402_300_799_999  # of the year 9999


def moment(at: Millis) -> Moment:
    return as_iso(at)


def moment_or_none(at: Millis | None) -> Moment | None:
    return None if at is None else as_iso(at)


def millis(given: Given, default: Millis) -> Millis:
    return default if given is UNSET else millis_of(given)


def span(begin: Given, end: Given, *, now: Millis, default: timedelta | None) -> tuple[Millis, Millis]:
    """From `from`, or so long before the end, until just before `to`, or now; raises `BadQuery` when it is empty.

    `default` None is all that there is.
    """
    until = millis(end, now)
    since = millis(begin, 0 if default is None else until - in_millis(default))
    if since >= until:
        raise BadQuery("from: should be earlier than to, which is now where it is not given")
    return max(since, 0), min(max(until, 1), _LAST)
