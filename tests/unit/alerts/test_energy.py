"""Energy at the wall against the truth: a day of a plug that is heard often or seldom, set back, away, and changed."""

from collections.abc import Iterator
from math import cos, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as some

from alerts.energy import GAP, metered
from alerts.plugs import PlugState
from rigwatch.clock import Millis

HOUR, MINUTE, SECOND = 3_600_000, 60_000, 1000
DAY = 24 * HOUR
BEGIN = 1_700_000_000_000 // DAY * DAY


def power(at: Millis) -> float:
    """A rig whose draw goes up and down with the day."""
    return 400 + 150 * sin(2 * pi * (at - BEGIN) / DAY)


def truth(begin: Millis, end: Millis) -> float:
    """Wh, by the integral."""
    hours = (end - begin) / HOUR
    swing = 150 * 24 / (2 * pi)
    return 400 * hours - swing * (power_phase(end) - power_phase(begin))


def power_phase(at: Millis) -> float:
    return cos(2 * pi * (at - BEGIN) / DAY)


def told(step: Millis, *, away: range = range(0), counter: bool = True) -> Iterator[PlugState]:
    """What it says every `step`, but for the hours in which nobody hears it."""
    for at in range(BEGIN, BEGIN + DAY + 1, step):
        if (at - BEGIN) // HOUR in away:
            continue
        total = 5_000_000 + truth(BEGIN, at) if counter else None
        yield PlugState(watts=power(at), watts_at=at, watt_hours=total, watt_hours_at=at if counter else 0)


def sum_of(states: Iterator[PlugState]) -> dict[Millis, float]:
    hours: dict[Millis, float] = {}
    before = next(states)
    for after in states:
        for hour, watt_hours in metered(before, after):
            hours[hour] = hours.get(hour, 0.0) + watt_hours
        before = after
    return hours


@pytest.mark.parametrize("step", [SECOND, 5 * MINUTE], ids=["1 s", "5 min"])
@pytest.mark.parametrize("counter", [True, False], ids=["by its counter", "added up"])
def test_a_day_is_right_to_half_a_percent_hour_by_hour(step: Millis, *, counter: bool) -> None:
    hours = sum_of(told(step, counter=counter))
    assert sum(hours.values()) == pytest.approx(truth(BEGIN, BEGIN + DAY), rel=0.005)
    assert list(hours) == [BEGIN + number * HOUR for number in range(24)]
    for hour, watt_hours in hours.items():
        assert watt_hours == pytest.approx(truth(hour, hour + HOUR), rel=0.005)


def test_what_a_counter_counted_while_nobody_heard_it_is_there() -> None:
    hours = sum_of(told(5 * MINUTE, away=range(6, 12)))
    assert sum(hours.values()) == pytest.approx(truth(BEGIN, BEGIN + DAY), rel=0.005)
    assert len(hours) == 24


def test_without_a_counter_nothing_is_invented_for_a_gap() -> None:
    hours = sum_of(told(5 * MINUTE, away=range(6, 12), counter=False))
    # Its last word before it is of 5:55.
    heard = truth(BEGIN, BEGIN + 6 * HOUR - 5 * MINUTE) + truth(BEGIN + 12 * HOUR, BEGIN + DAY)
    assert sum(hours.values()) == pytest.approx(heard, rel=0.005)
    assert not set(hours) & {BEGIN + number * HOUR for number in range(6, 12)}


def counter(total: float | None, at: Millis, watts: float | None = None) -> PlugState:
    return PlugState(watts=watts, watts_at=at, watt_hours=total, watt_hours_at=at)


@pytest.mark.parametrize(
    ("before", "after", "watt_hours"),
    [
        (counter(100, BEGIN), counter(150, BEGIN + HOUR), 50),
        # Set to zero, and 20 Wh since.
        (counter(100, BEGIN), counter(20, BEGIN + HOUR), 20),
        # Another plug in its place: its whole life is not of this hour.
        (counter(100, BEGIN), counter(514_153, BEGIN + HOUR), 0),
        (counter(514_153, BEGIN), counter(100_000, BEGIN + HOUR), 0),
        # Our own clock was set back.
        (counter(100, BEGIN), counter(150, BEGIN - HOUR), 0),
        (counter(100, BEGIN), counter(100, BEGIN + HOUR), 0),
        (counter(None, BEGIN), counter(514_153, BEGIN + HOUR), 0),
        # A counter that is not told for once goes on by its power.
        (counter(None, BEGIN, 60), counter(None, BEGIN + 10 * MINUTE, 120), 15),
        (counter(None, BEGIN, 60), counter(None, BEGIN + GAP + 1, 60), 0),
        (counter(None, BEGIN, 60), counter(None, BEGIN, 60), 0),
        (counter(None, BEGIN), counter(None, BEGIN + MINUTE, 60), 0),
    ],
)
def test_what_is_drawn_between_two_words(before: PlugState, after: PlugState, watt_hours: float) -> None:
    assert sum(each.watt_hours for each in metered(before, after)) == pytest.approx(watt_hours)


@given(
    some.lists(
        some.tuples(some.floats(0, 1e7), some.integers(0, 10 * DAY), some.floats(0, 3000)), min_size=2, max_size=20
    )
)
def test_whatever_a_plug_says_no_more_comes_of_it_than_a_line_can_carry(said: list[tuple[float, int, float]]) -> None:
    at = BEGIN
    before = counter(said[0][0], at, said[0][2])
    for total, passed, watts in said[1:]:
        at += passed
        after = counter(total, at, watts)
        gained = [each.watt_hours for each in metered(before, after)]
        assert all(each >= 0 for each in gained)
        assert sum(gained) <= 25_000 * passed / HOUR + 1e-6
        before = after
