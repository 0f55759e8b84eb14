"""Matchers, recurring windows and quiet hours, in the zone that people live in."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.rule import Severity
from alerts.silence import Matcher, Silence, SilenceKind, Target, check_every, matches, quiet_until, was_quiet
from rigwatch.settings.alerts import QuietSettings

BERLIN = ZoneInfo("Europe/Berlin")
TARGET = Target("garage", "box1", "rig1", "lost", "critical")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("matcher", "fits"),
    [
        (Matcher(), True),
        (Matcher(site="garage"), True),
        (Matcher(site="gar*", rule="lost"), True),
        (Matcher(site="attic"), False),
        (Matcher(site="garage", node="rig2"), False),
        (Matcher(severity="critical", host="box?"), True),
    ],
)
def test_every_field_that_is_given_must_fit(matcher: Matcher, fits: bool) -> None:  # noqa: FBT001 - a table's column
    assert matches(matcher, TARGET) is fits


def window(every: str, hours: float) -> Silence:
    lasts = round(hours * 3_600_000)
    return Silence(
        1, SilenceKind.MAINTENANCE, Matcher(), at("2026-01-01"), at("2030-01-01"), "ann", "", 0, every, lasts
    )


def test_a_weekly_window_is_of_local_time_in_summer_and_winter() -> None:
    weekly = window("sun 03:00", 2)
    # 03:00 in Berlin is 02:00 UTC in winter and 01:00 UTC in summer.
    assert weekly.until(at("2026-02-01 02:30"), BERLIN) == at("2026-02-01 04:00")
    assert weekly.until(at("2026-07-05 01:30"), BERLIN) == at("2026-07-05 03:00")
    assert weekly.until(at("2026-07-05 03:30"), BERLIN) is None
    assert weekly.until(at("2026-07-06 01:30"), BERLIN) is None


def test_a_window_that_goes_over_midnight_holds_after_it() -> None:
    nightly = window("day 23:00", 3)
    assert nightly.until(at("2026-02-02 00:30"), ZoneInfo("UTC")) == at("2026-02-02 02:00")


def test_what_is_no_time_is_refused() -> None:
    for text in ("sunday 03:00", "sun 3:00", "sun 25:00", ""):
        with pytest.raises(ValueError, match="write when it begins"):
            check_every(text)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-02-01 20:59", None),
        ("2026-02-01 21:00", "2026-02-02 06:00"),
        ("2026-02-02 05:59", "2026-02-02 06:00"),
        ("2026-02-02 06:00", None),
    ],
)
def test_quiet_hours_go_over_midnight(moment: str, until: str | None) -> None:
    quiet = QuietSettings(start="22:00", end="07:00", severities=("warning",))
    found = quiet_until(quiet, Severity.WARNING, at(moment), BERLIN)
    assert found == (None if until is None else at(until))
    assert quiet_until(quiet, Severity.CRITICAL, at(moment), BERLIN) is None


@pytest.mark.parametrize(
    ("since", "until", "quiet"),
    [
        ("2026-11-21 10:00", "2026-11-21 11:00", False),
        ("2026-11-21 10:00", "2026-11-23 11:00", True),
        ("2026-11-22 03:30", "2026-11-22 03:31", True),
        ("2026-11-22 04:00", "2026-11-22 10:00", False),
        ("2026-11-22 02:00", "2026-11-22 03:00", False),
        ("2026-11-22 02:00", "2026-11-22 03:00:01", True),
        ("2026-11-14 00:00", "2026-11-15 12:00", False),
    ],
)
def test_what_recurs_was_quiet_only_while_it_ran(since: str, until: str, *, quiet: bool) -> None:
    weekly = Silence(
        1, SilenceKind.MAINTENANCE, Matcher(site="x"), at("2026-11-20 00:00"), at("2027-01-01 00:00"), "ann", "", 0,
        "sun 03:00", 3_600_000,
    )  # fmt: skip
    assert was_quiet(weekly, at(since), at(until), ZoneInfo("UTC")) is quiet
