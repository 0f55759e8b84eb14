"""Windows and quiet hours over every change of every zone's clock in the next years."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest

from alerts.rule import Severity
from alerts.silence import DAYS, Matcher, Silence, SilenceKind, quiet_until
from alerts.silence_request import SilenceRequest, SilenceRequestError, silence_of, start_of
from alerts.wall import shown
from rigwatch.clock import Millis, as_datetime
from rigwatch.settings.alerts import QuietSettings

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR = 60_000, 3_600_000
WEEK = 7 * 24 * HOUR
STEP = 15 * MINUTE
QUIET: tuple[Literal["info", "warning", "critical"], ...] = ("warning",)


class Turn(NamedTuple):
    """A change of a zone's clock, at a multiple of `STEP`."""

    zone: str
    at: Millis


def utc(text: str) -> Millis:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@cache
def turns() -> tuple[Turn, ...]:
    """Of the years 2026 to 2028, one for each that is like no other."""
    found: dict[tuple[Millis, timedelta, timedelta], Turn] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for week in range(utc("2026-01-01"), utc("2029-01-01"), WEEK):
            before, after = offset(week, zone), offset(week + WEEK, zone)
            if before != after:
                at = next(at for at in range(week, week + WEEK + 1, STEP) if offset(at, zone) != before)
                found.setdefault((at, before, after), Turn(name, at))
    return tuple(found.values())


def offset(at: Millis, zone: ZoneInfo) -> timedelta:
    found = as_datetime(at).astimezone(zone).utcoffset()
    assert found is not None
    return found


def around(turn: Turn) -> Iterator[Millis]:
    return iter(range(turn.at - 28 * HOUR, turn.at + 28 * HOUR, STEP))


def wall(at: Millis, zone: ZoneInfo) -> datetime:
    return as_datetime(at).astimezone(zone).replace(tzinfo=None, fold=0)


def begins(turn: Turn, at: time) -> dict[date, Millis]:
    """When the wall shows it first on each day, by looking at the wall all the time; where it is skipped, as much later
    as the clock jumps."""
    zone, found = ZoneInfo(turn.zone), dict[date, Millis]()
    for moment in around(turn):
        here = wall(moment, zone)
        if here.time() == at:
            found.setdefault(here.date(), moment)
    jumps_from = wall(turn.at - STEP, zone) + timedelta(milliseconds=STEP)
    for day in (jumps_from.date(), jumps_from.date() + timedelta(days=1)):
        skipped = datetime.combine(day, at)
        if jumps_from <= skipped < wall(turn.at, zone):
            found.setdefault(day, turn.at + round((skipped - jumps_from) / timedelta(milliseconds=1)))
    return found


def silence(every: str, lasts: Millis) -> Silence:
    return Silence(1, SilenceKind.MAINTENANCE, Matcher(), 0, utc("2100-01-01"), "ann", "", 0, every, lasts)


def test_there_are_changes_to_look_at() -> None:
    assert len(turns()) > 60
    assert Turn("Africa/Ceuta", utc("2026-10-25 01:00")) in turns()


@pytest.mark.parametrize("lasts", [2 * HOUR, 20 * HOUR])
def test_over_every_change_a_window_begins_once_and_lasts_exactly_its_length(lasts: Millis) -> None:
    for turn in turns():
        zone = ZoneInfo(turn.zone)
        here = wall(turn.at, zone)
        for minutes in (-120, -60, -30, -15, 0, 30, 60):
            at = (here + timedelta(minutes=minutes)).time()
            daily = silence(f"day {at:%H:%M}", lasts)
            expected = {began: began + lasts for began in begins(turn, at).values()}
            for moment in around(turn):
                running = [end for began, end in expected.items() if began <= moment < end]
                # Of what began before we looked, nothing is known here.
                if running or (moment > turn.at - 3 * HOUR and lasts < 20 * HOUR):
                    assert daily.until(moment, zone) == max(running, default=None), (turn, at, wall(moment, zone))


def test_over_every_change_a_weekly_window_begins_on_its_day() -> None:
    for turn in turns():
        zone = ZoneInfo(turn.zone)
        here = wall(turn.at, zone)
        for minutes in (-60, -30, 0, 30, 60):
            local = here + timedelta(minutes=minutes)
            began = begins(turn, local.time())[local.date()]
            weekly = silence(f"{DAYS[local.weekday()]} {local:%H:%M}", 2 * HOUR)
            moments = [moment for moment in around(turn) if weekly.until(moment, zone) is not None]
            assert (moments[0], moments[-1] + STEP) == (began, began + 2 * HOUR), (turn, local)
            assert len(moments) == 2 * HOUR // STEP


def test_over_every_change_quiet_hours_are_what_the_wall_shows_and_end_when_it_no_longer_does() -> None:
    for turn in turns():
        zone = ZoneInfo(turn.zone)
        here = wall(turn.at, zone)
        for first, last in ((-600, 0), (-60, 45), (-30, 600), (15, 60), (-90, -45), (-600, 30)):
            start, end = ((here + timedelta(minutes=minutes)).time() for minutes in (first, last))
            quiet = QuietSettings(f"{start:%H:%M}", f"{end:%H:%M}", QUIET)
            moments = list(around(turn))
            is_quiet = [_within(start, end, wall(moment, zone).time()) for moment in moments]
            for number, moment in enumerate(moments[: -24 * HOUR // STEP]):
                until = quiet_until(quiet, Severity.WARNING, moment, zone)
                wanted = moments[is_quiet.index(False, number)] if is_quiet[number] else None
                assert until == wanted, (turn, quiet, wall(moment, zone))


def _within(start: time, end: time, clock: time) -> bool:
    return start <= clock < end if start < end else clock >= start or clock < end


def test_maintenance_over_the_repeated_hour_is_not_lifted_in_its_middle() -> None:
    weekly = silence("sun 02:30", 2 * HOUR)
    began = utc("2026-10-25 00:30")
    assert weekly.until(began - 1, BERLIN) is None
    for minute in range(120):
        assert weekly.until(began + minute * MINUTE, BERLIN) == began + 2 * HOUR
    assert weekly.until(began + 2 * HOUR, BERLIN) is None


def test_a_time_that_is_skipped_begins_as_much_later_as_the_clock_jumps() -> None:
    weekly = silence("sun 02:30", 2 * HOUR)
    # 03:30 on the wall: half an hour after the clock jumped from 02:00 to 03:00.
    assert weekly.until(utc("2027-03-28 01:29:59"), BERLIN) is None
    assert weekly.until(utc("2027-03-28 01:30"), BERLIN) == utc("2027-03-28 03:30")


def test_the_second_of_two_equal_times_can_be_chosen_while_only_that_is_to_come() -> None:
    assert start_of("2026-10-25 02:30", utc("2026-10-24 12:00"), BERLIN) == utc("2026-10-25 00:30")
    assert start_of("2026-10-25 02:30", utc("2026-10-25 01:10"), BERLIN) == utc("2026-10-25 01:30")
    with pytest.raises(SilenceRequestError, match="is past, it is 2026-10-25 02:40 CET"):
        start_of("2026-10-25 02:30", utc("2026-10-25 01:40"), BERLIN)


def test_what_is_asked_for_by_its_length_ends_after_that_length() -> None:
    request = SilenceRequest(SilenceKind.SILENCE, {"site": "x"}, "2h", start="2026-10-25 02:30")
    silence = silence_of(request, utc("2026-10-25 00:00"), BERLIN, by="ann")
    assert (silence.starts_at, silence.ends_at) == (utc("2026-10-25 00:30"), utc("2026-10-25 02:30"))


def test_a_time_within_an_hour_that_comes_twice_says_which() -> None:
    assert shown(utc("2026-10-25 00:30"), BERLIN) == "2026-10-25 02:30 CEST"
    assert shown(utc("2026-10-25 01:30"), BERLIN) == "2026-10-25 02:30 CET"
    assert shown(utc("2026-10-25 02:30"), BERLIN) == "2026-10-25 03:30"
