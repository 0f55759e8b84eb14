"""Whether people are told of an incident now, and why or why not. Pure; the answer is a value with a reason."""

from enum import StrEnum

from msgspec import Struct

from alerts.incident import Incident, IncidentState, NotificationKind
from alerts.rule import MINUTE
from rigwatch.clock import Millis

PROGRESS_AFTER: Millis = MINUTE
"""How long nobody more must have come back before people hear how many of a group have."""


class NoticeReason(StrEnum):
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


_ONLY_NOW = frozenset({NotificationKind.PROGRESS, NotificationKind.CAUSE})
_ASKED_FOR = frozenset({NoticeReason.SILENCED, NoticeReason.MAINTENANCE})
_UNTIL_THE_END = _ASKED_FOR | {NoticeReason.QUIET_HOURS}


class Suppression(Struct, frozen=True):
    """What keeps an incident quiet now, until when, and in whose words; `once` means that it does not recur."""

    reason: NoticeReason
    until: Millis | None
    detail: str = ""
    once: bool = True


class Notice(Struct, frozen=True):
    """`kind` is what there is to say, if anything; with `reason` OWED it is said now. `step` is how many steps of the
    schedule are then done with. `drop` means that it will never be said."""

    reason: NoticeReason
    kind: NotificationKind | None = None
    check_at: Millis | None = None
    step: int = 0
    drop: bool = False
    detail: str = ""


def notice_of(
    incident: Incident,
    schedule: tuple[Millis, ...],
    *,
    quiet: Suppression | None,
    back: tuple[int, Millis],
    now: Millis,
) -> Notice:
    """`back` is how many of a parent's nodes have come back, and when the last did. A child never speaks itself."""
    if incident.parent is not None:
        return Notice(NoticeReason.NOTHING)
    kind, step, check_at = _wanted(incident, schedule, back, now)
    if kind is None and _is_hushed(incident, quiet):
        kind, step = NotificationKind.REMINDER, incident.told
    if kind is None:
        return Notice(NoticeReason.NOT_YET if check_at else NoticeReason.NOTHING, check_at=check_at)
    if quiet is None:
        return Notice(NoticeReason.OWED, kind, step=step)
    # Quiet that has an end keeps the news until then: what people have never heard, wait for, or asked not to hear for
    # so long. What is only said again is dropped by anything else.
    drop = kind in _ONLY_NOW or (kind is NotificationKind.REMINDER and quiet.reason not in _UNTIL_THE_END)
    return Notice(quiet.reason, kind, quiet.until, step=step, drop=drop, detail=quiet.detail)


def _is_hushed(incident: Incident, quiet: Suppression | None) -> bool:
    """Somebody asked for quiet about what was told before: whatever is still wrong when that ends is said then."""
    if incident.state is not IncidentState.FIRING or incident.told_at is None or incident.owes is not None:
        return False
    if quiet is not None:
        return quiet.reason in _ASKED_FOR and quiet.once
    return incident.reason in _ASKED_FOR


def _wanted(
    incident: Incident, schedule: tuple[Millis, ...], back: tuple[int, Millis], now: Millis
) -> tuple[NotificationKind | None, int, Millis | None]:
    if incident.owes is not None:
        if incident.owed_at > now:
            return None, 0, incident.owed_at
        return incident.owes, max(_steps_due(incident, schedule, now), 1), None
    if incident.state is not IncidentState.FIRING or incident.fired_at is None:
        return None, 0, None
    due = _steps_due(incident, schedule, now)
    if due > incident.told:
        return NotificationKind.REMINDER, due, None
    following = [incident.fired_at + wait for wait in schedule[max(incident.told, due) :]]
    count, last = back
    if count != incident.came_back:
        if now >= last + PROGRESS_AFTER:
            return NotificationKind.PROGRESS, incident.told, None
        following.append(last + PROGRESS_AFTER)
    return None, 0, min(following, default=None)


def _steps_due(incident: Incident, schedule: tuple[Millis, ...], now: Millis) -> int:
    if incident.fired_at is None:
        return 0
    return sum(1 for wait in schedule if incident.fired_at + wait <= now)
