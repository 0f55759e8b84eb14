"""The little chart in a node's row."""

import re

from web.overview.spark import HOURS, spark


def path(*rates: float | None) -> str:
    found = re.search(r'd="([^"]*)"', spark(rates))
    assert found
    return found[1]


def test_it_goes_from_zero_at_the_bottom_to_the_highest_at_the_top() -> None:
    assert path(0, 5, 10, 10) == "M0 15h0l3 -7l3 -7l3 0"


def test_an_hour_without_a_figure_is_a_gap() -> None:
    assert path(10, None, 10, 0) == "M0 1h0M6 1h0l3 14"


def test_zeros_are_a_line_at_the_bottom() -> None:
    assert path(0, 0) == "M0 15h0l3 0"


def test_a_day_fits_into_its_box() -> None:
    found = re.search(r'viewBox="-1 0 (\d+) 16"', spark([1.0] * HOURS))
    assert found
    assert path(*[1.0] * HOURS).count("l3 0") * 3 == int(found[1]) - 2
