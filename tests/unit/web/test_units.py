"""Figures read as people write them."""

from datetime import timedelta

import pytest

from rigwatch.figures import FIGURES
from web import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 H/s"),
        (0.5, "0.50 H/s"),
        (812, "812 H/s"),
        (812.34, "812.34 H/s"),
        (999.99, "999.99 H/s"),
        (999.996, "1.00 kH/s"),
        (1000, "1.00 kH/s"),
        (8123, "8.12 kH/s"),
        (999_994, "999.99 kH/s"),
        (999_996, "1.00 MH/s"),
        (24_500_000, "24.50 MH/s"),
        (1.5e9, "1.50 GH/s"),
        (98e12, "98.00 TH/s"),
        (7.25e15, "7.25 PH/s"),
        (6e18, "6.00 EH/s"),
        (1e24, "1,000.00 ZH/s"),
    ],
)
def test_a_hashrate_is_in_the_largest_unit_that_leaves_one_of_it(value: float | None, text: str) -> None:
    assert str(units.hashrate(value)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.999, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (86_400 * 400, "400 d"),
    ],
)
def test_an_age_is_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert units.age(int(seconds * 1000)) == text


@pytest.mark.parametrize(
    ("now", "mean", "text"),
    [
        (110, 100, "+10 %"),
        (75, 100, "−25 %"),
        (100.4, 100, "±0 %"),
        (99.6, 100, "±0 %"),
        (0, 100, "−100 %"),
        (1e9, 1, "+999 %"),
        (None, 100, "–"),
        (100, None, "–"),
        (100, 0, "–"),
    ],
)
def test_a_change_is_signed_per_cent_of_the_mean(now: float | None, mean: float | None, text: str) -> None:
    assert units.change(now, mean) == text


def test_what_is_not_known_is_a_dash_and_zero_is_zero() -> None:
    dash = units.UNKNOWN
    assert [units.count(None), units.mean_count(None)] == [dash] * 2
    assert [str(units.quantity(name, None)) for name in FIGURES] == [dash] * len(FIGURES)
    assert units.age(None) == dash
    assert [units.count(0), units.mean_count(0.0)] == ["0", "0.0"]
    named = ("hashrate", "peers", "temperature", "power", "fan", "uptime")
    assert [str(units.quantity(name, 0)) for name in named] == ["0 H/s", "0", "0 °C", "0 W", "0 %", "0 s"]


def test_what_is_just_below_zero_is_zero() -> None:
    assert [str(units.quantity("temperature", celsius)) for celsius in (-0.4, -40.2)] == ["0 °C", "-40 °C"]


def test_thousands_stand_apart() -> None:
    assert units.count(534_211) == "534,211"
    assert str(units.quantity("power", 1320.4)) == "1,320 W"


@pytest.mark.parametrize(("offset", "text"), [(37_000, "clock 37 s behind"), (-90_000, "clock 1 min ahead")])
def test_a_clock_error_says_which_way(offset: int, text: str) -> None:
    assert units.clock_error(offset) == text


@pytest.mark.parametrize(("hours", "text"), [(1, "1 h"), (48, "48 h"), (72, "72 h"), (168, "7 d"), (1.5, "1.5 h")])
def test_a_period_is_in_hours_until_three_days(hours: float, text: str) -> None:
    assert units.period(timedelta(hours=hours)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0, "0 H/s"), (502_640, "503 kH/s"), (31.52e9, "31.5 GH/s"), (400, "400 H/s")]
)
def test_what_a_watt_makes_has_three_digits(value: float | None, text: str) -> None:
    assert str(units.efficiency(value)) == text


@pytest.mark.parametrize(
    ("watts", "text"), [(0, "0 W"), (9999, "9,999 W"), (10_800, "10.8 kW"), (999_949, "999.9 kW"), (2.5e6, "2.50 MW")]
)
def test_the_power_of_many_is_in_a_unit_that_can_be_read(watts: float, text: str) -> None:
    assert str(units.power(watts)) == text
