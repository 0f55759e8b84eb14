"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.settings.durations import format_duration, parse_duration

HUNDRED_YEARS_MS = 36_500 * 86_400_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("90s", 90),
        ("5m", 300),
        ("48h", 172_800),
        ("7d", 604_800),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("0s", 0),
        ("1d1h1m1s1ms", 90_061.001),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "90", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "5s\n", "5S", "5y", "5w", "1e3s", ".5s", "5.s", "٣s", "1,5h"],
)
def test_what_is_no_duration_is_refused_and_the_error_shows_one(text: str) -> None:
    with pytest.raises(ValueError, match="number and a unit: 90s"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9" * 20 + "d", "9" * 400 + "d"])
def test_a_duration_beyond_any_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="calendar"):
        parse_duration(text)


@given(st.integers(0, HUNDRED_YEARS_MS))
def test_a_duration_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (60, "1m"), (90, "1m30s"), (86_400 * 2, "2d"), (0.25, "250ms"), (3601, "1h1s")]
)
def test_a_duration_is_written_short(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text
