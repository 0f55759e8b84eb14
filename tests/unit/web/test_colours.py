"""The borders of the old tool's README, each from both sides."""

from datetime import timedelta

import pytest

from rigwatch.settings import WebColours
from web.colours import Level, age_level, hashrate_level, lag_level, memory_level, peers_level, temperature_level

COLOURS = WebColours()


@pytest.mark.parametrize(
    ("hashrate", "level"),
    [(None, Level.NONE), (0, Level.RED), (0.99, Level.RED), (1, Level.GREEN), (8123, Level.GREEN)],
)
def test_a_hashrate_is_green_from_one_and_else_red(hashrate: float | None, level: Level) -> None:
    assert hashrate_level(hashrate, COLOURS) is level


@pytest.mark.parametrize(
    ("peers", "level"),
    [
        (None, Level.NONE),
        (0, Level.RED),
        (2, Level.RED),
        (3, Level.ORANGE),
        (9, Level.ORANGE),
        (10, Level.YELLOW),
        (19, Level.YELLOW),
        (20, Level.GREEN),
        (50, Level.GREEN),
    ],
)
def test_peers_are_red_to_2_orange_to_9_yellow_to_19_and_then_green(peers: int | None, level: Level) -> None:
    assert peers_level(peers, COLOURS) is level


@pytest.mark.parametrize(
    ("lag", "level"),
    [
        (None, Level.NONE),
        (0, Level.GREEN),
        (2, Level.GREEN),
        (3, Level.YELLOW),
        (4, Level.YELLOW),
        (5, Level.RED),
        (500, Level.RED),
    ],
)
def test_a_block_is_green_to_2_behind_yellow_to_4_and_then_red(lag: int | None, level: Level) -> None:
    assert lag_level(lag, COLOURS) is level


@pytest.mark.parametrize(
    ("seconds", "level"),
    [
        (None, Level.NONE),
        (-1, Level.GREEN),
        (0, Level.GREEN),
        (180, Level.GREEN),
        (180.001, Level.YELLOW),
        (300, Level.YELLOW),
        (300.001, Level.RED),
        (86_400, Level.RED),
    ],
)
def test_a_report_is_green_to_3_minutes_yellow_to_5_and_then_red(seconds: float | None, level: Level) -> None:
    assert age_level(None if seconds is None else round(seconds * 1000), COLOURS) is level


@pytest.mark.parametrize(
    ("celsius", "level"),
    [
        (None, Level.NONE),
        (-40, Level.GREEN),
        (70, Level.GREEN),
        (70.1, Level.YELLOW),
        (78, Level.YELLOW),
        (78.1, Level.ORANGE),
        (85, Level.ORANGE),
        (85.1, Level.RED),
    ],
)
def test_a_temperature_is_green_to_70_yellow_to_78_orange_to_85_and_then_red(
    celsius: float | None, level: Level
) -> None:
    assert temperature_level(celsius, COLOURS) is level


def test_the_memory_of_a_card_may_be_hotter() -> None:
    assert [memory_level(celsius, COLOURS) for celsius in (90, 98, 104, 104.5)] == [
        Level.GREEN,
        Level.YELLOW,
        Level.ORANGE,
        Level.RED,
    ]


def test_the_settings_move_the_borders() -> None:
    colours = WebColours(
        hashrate_green=1000,
        peers_green=3,
        peers_yellow=2,
        peers_orange=1,
        lag_green=10,
        lag_yellow=20,
        age_green=timedelta(seconds=1),
        age_yellow=timedelta(seconds=2),
    )
    assert hashrate_level(999, colours) is Level.RED
    assert peers_level(3, colours) is Level.GREEN
    assert lag_level(11, colours) is Level.YELLOW
    assert age_level(2001, colours) is Level.RED
