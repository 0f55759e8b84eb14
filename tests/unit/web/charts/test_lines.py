"""What a chart draws, and where it must not draw a line."""

import pytest

from alerts.facts import FleetPoint, NodeCards, Point
from rigwatch.figures import Gpu
from web.charts.lines import NodeLines, Range, Window, card_lines, fleet_lines, node_lines, range_links, window
from web.errors import BadQuery

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 1_000 * HOUR
SEEN = Window(0, 60 * MINUTE, MINUTE)


def point(minute: float, hashrate: float | None = None, **figures: float) -> Point:
    at = round(minute * MINUTE)
    return Point(at, at, at, 1, hashrate=hashrate, **figures)  # type: ignore[arg-type]


def minutes(lines: NodeLines) -> list[float]:
    return [round(each / 60, 3) for each in lines["at"]]


def test_both_ends_are_there_and_have_no_figure() -> None:
    lines = node_lines([point(10, 5), point(11, 6)], SEEN, MINUTE)
    assert minutes(lines) == [0, 10, 11, 60]
    assert lines["lines"] == {"hashrate": [None, 5, 6, None]}


def test_nothing_bridges_a_gap_of_more_than_three_intervals() -> None:
    lines = node_lines([point(10, 5), point(11, 5), point(14, 5), point(18, 5)], SEEN, MINUTE)
    assert lines["lines"] == {"hashrate": [None, 5, 5, 5, None, 5, None]}
    assert minutes(lines) == [0, 10, 11, 14, 14, 18, 60]
    assert lines["at"] == sorted(set(lines["at"]))


def test_a_gap_shows_also_between_means_over_longer_steps() -> None:
    hours = [Point(at * HOUR, at * HOUR, at * HOUR + 50 * MINUTE, 51, hashrate=1) for at in range(3)]
    assert node_lines(hours, SEEN, MINUTE)["lines"] == {"hashrate": [None, 1, None, 1, None, 1, None]}


def test_a_node_that_reported_less_often_before_has_no_gap_for_that() -> None:
    rare = [point(at, 1) for at in range(0, 60, 10)]
    assert node_lines(rare, SEEN, 10_000)["lines"] == {"hashrate": [None, *[1.0] * 6, None]}


def test_a_figure_nobody_has_is_not_drawn_and_a_zero_is() -> None:
    lines = node_lines([point(1, 0, peers=0), point(2, None, peers=1)], SEEN, MINUTE)
    assert lines["lines"] == {"hashrate": [None, 0, None, None], "peers": [None, 0, 1, None]}
    empty = node_lines([], SEEN, MINUTE)
    assert (empty["at"], empty["lines"]) == ([0, 3600], {})


def test_it_lags_behind_the_highest_of_the_same_step() -> None:
    points = [point(10, block=7), point(11, block=9), point(12), point(13, block=12), point(30, block=20)]
    lines = node_lines(points, SEEN, MINUTE, {10: 9, 11: 9, 12: 10, 13: 11})["lines"]
    assert isinstance(lines, dict)
    # It cannot be ahead of everybody, itself included; and where nobody else is, nobody knows.
    assert lines["lag"] == [None, 2, 0, None, 0, None, None, None]


def test_of_a_step_that_was_cut_short_no_lag_is_known() -> None:
    seen = Window(0, 59 * MINUTE, 10 * MINUTE)
    points = [Point(0, 0, last * MINUTE, 3, block=7) for last in (9, 16, 58)]
    lines = node_lines(points, seen, MINUTE, {0: 8, 1: 20, 5: 9})["lines"]
    assert isinstance(lines, dict)
    assert [lag for lag in lines["lag"] if lag is not None] == [1, 2]


def test_in_short_steps_the_others_may_have_reported_a_little_earlier() -> None:
    seen = Window(0, 60 * MINUTE, 10_000)
    lines = node_lines([point(10, block=7), point(14, block=7)], seen, MINUTE, {55: 8})["lines"]
    assert isinstance(lines, dict)
    assert lines["lag"] == [None, 1, None, None]


def test_a_card_that_came_later_or_went_has_no_figure_meanwhile() -> None:
    one, other = Gpu("a", "A", hashrate=1), Gpu("b", "B", hashrate=2, temperature=60)
    made = card_lines(
        [NodeCards(MINUTE, (one,)), NodeCards(2 * MINUTE, (one, other)), NodeCards(3 * MINUTE, (other,))], SEEN, MINUTE
    )
    assert made is not None
    cards = made["cards"]
    assert isinstance(cards, list)
    assert [(card["id"], card["name"], card["lines"]["hashrate"]) for card in cards] == [
        ("a", "A", [None, 1, 1, None, None]),
        ("b", "B", [None, None, 2, 2, None]),
    ]
    assert cards[1]["lines"]["temperature"] == [None, None, 60, 60, None]
    assert card_lines([NodeCards(MINUTE, ())], SEEN, MINUTE) is None


def test_minutes_without_a_fleet_are_left_open() -> None:
    found = [FleetPoint(at * MINUTE, 10.0, 2.0) for at in (1, 2, 9)]
    lines = fleet_lines(found, SEEN)
    assert lines["lines"] == {"hashrate": [None, 10, 10, None, 10, None], "nodes": [None, 2, 2, None, 2, None]}
    assert fleet_lines([], SEEN)["lines"] == {}


@pytest.mark.parametrize(
    ("span", "length", "step"),
    [(Range.HOUR, HOUR, 8000), (Range.DAY, 24 * HOUR, 180_000), (Range.WEEK, 168 * HOUR, 1_260_000)],
)
def test_a_range_is_so_long_and_has_some_hundred_steps(span: Range, length: int, step: int) -> None:
    seen = window(span, NOW, lambda: 0)
    assert (seen.until - seen.since, seen.step) == (length, step)


def test_everything_begins_with_the_oldest_and_is_at_least_an_hour() -> None:
    assert window(Range.ALL, NOW, lambda: NOW - 100 * HOUR).since == NOW - 100 * HOUR
    assert window(Range.ALL, NOW, lambda: NOW - MINUTE).since == NOW - HOUR
    assert window(Range.ALL, NOW, lambda: None).since == NOW - HOUR
    assert window(Range.HOUR, NOW, lambda: None, unit=MINUTE).step == MINUTE


def test_an_unknown_range_is_refused_by_naming_the_others() -> None:
    with pytest.raises(BadQuery, match="1h, 24h, 7d, all"):
        Range.parse({"range": "8d"})
    assert Range.parse({}) is Range.DAY


def test_links_keep_what_else_the_address_asks_for() -> None:
    assert [(link.query, link.chosen) for link in range_links(Range.HOUR, "?q=a")][:2] == [
        ("?q=a&range=1h", True),
        ("?q=a&range=24h", False),
    ]
    assert range_links(Range.DAY)[0].query == "?range=1h"
