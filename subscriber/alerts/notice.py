"""Whether people are told of an incident now, and why or why not. Pure; the answer is a value with a reason."""

from enum import StrEnum

from msgspec import Struct

from rigwatch.clock import Millis
from subscriber.alerts.incident import Incident, Kind, State
from subscriber.alerts.rule import MINUTE

PROGRESS_AFTER: Millis = MINUTE
"""How long nobody more must have come back before people hear how many of a group have."""


class Reason(StrEnum):
    """Why a message goes out, or does not."""

    OWED = "due"
    NOT_YET = "not due yet"
    NOTHING = "nothing to say"
    GROUPING = "waits for others that may belong to it"
    SILENCED = "silenced"
    MAINTENANCE = "in maintenance"
    ACKNOWLEDGED = "acknowledged"
    QUIET_HOURS = "quiet hours"
    INHIBITED = "something worse is known of the same node"
    OVER_UNTOLD = "over before anybody was told"


class Quiet(Struct, frozen=True):
    """What keeps an incident quiet now, until when, and in whose words."""

    reason: Reason
    until: Millis | None
    detail: str = ""


class Notice(Struct, frozen=True):
    """`kind` is what there is to say, if anything; with `reason` OWED it is said now. `step` is how many steps of the
    schedule are then done with. `drop` means that it will never be said."""

    reason: Reason
    kind: Kind | None = None
    check_at: Millis | None = None
    step: int = 0
    drop: bool = False
    detail: str = ""


def notice_of(
    incident: Incident, schedule: tuple[Millis, ...], *, quiet: Quiet | None, back: tuple[int, Millis], now: Millis
) -> Notice:
    """`back` is how many of a parent's nodes have come back, and when the last did. A child never speaks itself."""
    if incident.parent is not None:
        return Notice(Reason.NOTHING)
    kind, step, check_at = _wanted(incident, schedule, back, now)
    if kind is None:
        return Notice(Reason.NOT_YET if check_at else Reason.NOTHING, check_at=check_at)
    if quiet is None:
        return Notice(Reason.OWED, kind, step=step)
    # What is only said again is not said late; what people have never heard, or wait for, is.
    drop = kind in (Kind.REMINDER, Kind.PROGRESS)
    return Notice(quiet.reason, kind, quiet.until, step=step, drop=drop, detail=quiet.detail)


def _wanted(
    incident: Incident, schedule: tuple[Millis, ...], back: tuple[int, Millis], now: Millis
) -> tuple[Kind | None, int, Millis | None]:
    if incident.owes is not None:
        return incident.owes, max(_steps_due(incident, schedule, now), 1), None
    if incident.state is not State.FIRING or incident.fired_at is None:
        return None, 0, None
    due = _steps_due(incident, schedule, now)
    if due > incident.told:
        return Kind.REMINDER, due, None
    following = [incident.fired_at + wait for wait in schedule[max(incident.told, due) :]]
    count, last = back
    if count != incident.came_back:
        if now >= last + PROGRESS_AFTER:
            return Kind.PROGRESS, incident.told, None
        following.append(last + PROGRESS_AFTER)
    return None, 0, min(following, default=None)


def _steps_due(incident: Incident, schedule: tuple[Millis, ...], now: Millis) -> int:
    if incident.fired_at is None:
        return 0
    return sum(1 for wait in schedule if incident.fired_at + wait <= now)
