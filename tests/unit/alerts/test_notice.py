"""Whether people are told of an incident at a moment, and why or why not."""

import pytest
from msgspec.structs import replace

from alerts.incident import Incident, IncidentState, NotificationKind, Scope, Subject
from alerts.notice import PROGRESS_AFTER, Notice, NoticeReason, Suppression, notice_of
from alerts.rule import HOUR, MINUTE, Rule
from rigwatch.clock import Millis
from tests.fake_clock import START

SCHEDULE = (0, 5 * MINUTE, HOUR)
NOTHING = Notice(NoticeReason.NOTHING)
FIRING = Incident(1, Rule.LOST, Subject(Scope.NODE, "hall", "rig"), IncidentState.FIRING, START, fired_at=START)


def notice(
    incident: Incident, now: Millis = START, *, quiet: Suppression | None = None, back: tuple[int, Millis] = (0, 0)
) -> Notice:
    return notice_of(incident, SCHEDULE, quiet=quiet, back=back, now=now)


def told(steps: int, **more: object) -> Incident:
    return replace(FIRING, told=steps, told_at=START, **more)


def until(reason: NoticeReason, *, once: bool = True) -> Suppression:
    return Suppression(reason, START + HOUR, "by ann", once=once)


def test_what_is_owed_is_told_when_it_is_due_and_not_before() -> None:
    owing = replace(FIRING, owes=NotificationKind.FIRST, owed_at=START + 7)
    assert notice(owing, START + 6) == Notice(NoticeReason.NOT_YET, check_at=START + 7)
    assert notice(owing, START + 7) == Notice(NoticeReason.OWED, NotificationKind.FIRST, step=1)
    assert notice(owing, START + 5 * MINUTE).step == 2
    assert notice(replace(owing, fired_at=None), START + HOUR).step == 1
    assert notice(replace(owing, fired_at=START + 8), START + 7).step == 1


def test_a_child_never_speaks_itself() -> None:
    assert notice(replace(FIRING, owes=NotificationKind.FIRST, parent=9)) == NOTHING
    assert NOTHING.step == 0


def test_a_reminder_is_told_at_each_step_of_the_schedule() -> None:
    assert notice(told(1), START + 5 * MINUTE - 1) == Notice(NoticeReason.NOT_YET, check_at=START + 5 * MINUTE)
    assert notice(told(1), START + 5 * MINUTE) == Notice(NoticeReason.OWED, NotificationKind.REMINDER, step=2)
    assert notice(told(1), START + HOUR).step == 3
    assert notice(told(2), START + 5 * MINUTE) == Notice(NoticeReason.NOT_YET, check_at=START + HOUR)
    # The clock was put back: what was told is not told again.
    assert notice(told(2), START) == Notice(NoticeReason.NOT_YET, check_at=START + HOUR)
    assert notice(told(3), START + 2 * HOUR) == NOTHING


@pytest.mark.parametrize("state", sorted(set(IncidentState) - {IncidentState.FIRING}))
def test_only_of_what_is_firing_there_are_reminders(state: IncidentState) -> None:
    assert notice(told(1, state=state), START + HOUR) == NOTHING
    assert notice(told(1, fired_at=None), START + HOUR) == NOTHING


def test_people_hear_how_many_are_back_once_nobody_more_came_for_a_minute() -> None:
    last = START + HOUR
    assert PROGRESS_AFTER == MINUTE
    assert notice(told(3), last + MINUTE, back=(2, last)) == Notice(
        NoticeReason.OWED, NotificationKind.PROGRESS, step=3
    )
    assert notice(told(3), last + MINUTE - 1, back=(2, last)) == Notice(NoticeReason.NOT_YET, check_at=last + MINUTE)
    assert notice(told(3, came_back=2), last + MINUTE, back=(2, last)) == NOTHING
    assert notice(told(2), START + 6 * MINUTE, back=(2, START + 6 * MINUTE)).check_at == START + 7 * MINUTE
    assert notice(told(1), START + 2 * MINUTE, back=(2, START + 290_000)).check_at == START + 5 * MINUTE


@pytest.mark.parametrize(
    "reason", sorted(set(NoticeReason) - {NoticeReason.OWED, NoticeReason.NOT_YET, NoticeReason.NOTHING})
)
def test_quiet_keeps_what_people_never_heard_and_drops_what_is_only_said_again(reason: NoticeReason) -> None:
    first = replace(FIRING, owes=NotificationKind.FIRST)
    assert Suppression(reason, None).once
    assert notice(first, quiet=until(reason)) == Notice(
        reason, NotificationKind.FIRST, START + HOUR, step=1, detail="by ann"
    )
    kept = {NoticeReason.SILENCED, NoticeReason.MAINTENANCE, NoticeReason.QUIET_HOURS}
    reminder = notice(told(1), START + HOUR, quiet=until(reason))
    assert (reminder.kind, reminder.drop) == (NotificationKind.REMINDER, reason not in kept)
    cause = notice(told(3, owes=NotificationKind.CAUSE), quiet=until(reason))
    assert (cause.kind, cause.drop) == (NotificationKind.CAUSE, True)
    progress = notice(told(3), START + 2 * HOUR, quiet=until(reason, once=False), back=(2, START))
    assert (progress.kind, progress.drop) == (NotificationKind.PROGRESS, True)


@pytest.mark.parametrize("reason", [NoticeReason.SILENCED, NoticeReason.MAINTENANCE])
def test_what_is_still_wrong_when_an_asked_for_quiet_ends_is_said_then(reason: NoticeReason) -> None:
    late = START + 2 * HOUR
    quiet = notice(told(3), late, quiet=until(reason))
    assert (quiet.reason, quiet.kind, quiet.step, quiet.drop) == (reason, NotificationKind.REMINDER, 3, False)
    assert notice(told(3, reason=reason.value), late) == Notice(NoticeReason.OWED, NotificationKind.REMINDER, step=3)
    assert notice(told(3), late, quiet=until(reason, once=False)) == NOTHING
    assert notice(replace(told(3), told_at=None), late, quiet=until(reason)) == NOTHING
    assert notice(told(3, state=IncidentState.CLEARING), late, quiet=until(reason)) == NOTHING
    owing = told(3, owes=NotificationKind.RECOVERY, owed_at=late + 5)
    assert notice(owing, late, quiet=until(reason)) == Notice(NoticeReason.NOT_YET, check_at=late + 5)


@pytest.mark.parametrize("reason", [NoticeReason.QUIET_HOURS, NoticeReason.INHIBITED, NoticeReason.ACKNOWLEDGED])
def test_any_other_quiet_leaves_nothing_to_say_after_the_schedule(reason: NoticeReason) -> None:
    assert notice(told(3), START + 2 * HOUR, quiet=until(reason)) == NOTHING
    assert notice(told(3, reason=reason.value), START + 2 * HOUR) == NOTHING
