"""When a figure is green, yellow, orange or red: the borders of the old tool, from the settings. Pure.

A level is never shown by colour alone: `static/rigwatch.css` sets a shape and a spoken word beside each.
"""

from enum import StrEnum
from typing import Final

from rigwatch.clock import Millis, in_millis
from rigwatch.settings import WebColours


class Level(StrEnum):
    """How good a figure is; NONE is for what is not known or not judged. The value is the class in the page."""

    NONE = ""
    GREEN = "green"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


_BAD: Final = tuple(Level)


def hashrate_level(hashrate: float | None, colours: WebColours) -> Level:
    if hashrate is None:
        return Level.NONE
    return Level.GREEN if hashrate >= colours.hashrate_green else Level.RED


def peers_level(peers: float | None, colours: WebColours) -> Level:
    if peers is None:
        return Level.NONE
    if peers >= colours.peers_green:
        return Level.GREEN
    if peers >= colours.peers_yellow:
        return Level.YELLOW
    return Level.ORANGE if peers >= colours.peers_orange else Level.RED


def lag_level(lag: int | None, colours: WebColours) -> Level:
    """`lag` is in blocks behind the highest of its chain when it reported."""
    if lag is None:
        return Level.NONE
    if lag <= colours.lag_green:
        return Level.GREEN
    return Level.YELLOW if lag <= colours.lag_yellow else Level.RED


def temperature_level(celsius: float | None, colours: WebColours) -> Level:
    return _rising(celsius, colours.temperature_green, colours.temperature_yellow, colours.temperature_orange)


def memory_level(celsius: float | None, colours: WebColours) -> Level:
    return _rising(celsius, colours.memory_green, colours.memory_yellow, colours.memory_orange)


def worse(one: Level, other: Level) -> Level:
    return max(one, other, key=_BAD.index)


def age_level(age: Millis | None, colours: WebColours) -> Level:
    """`age` is of the last report; None = there was none yet."""
    if age is None:
        return Level.NONE
    if age <= in_millis(colours.age_green):
        return Level.GREEN
    return Level.YELLOW if age <= in_millis(colours.age_yellow) else Level.RED


def _rising(value: float | None, green: float, yellow: float, orange: float) -> Level:
    if value is None:
        return Level.NONE
    if value <= green:
        return Level.GREEN
    if value <= yellow:
        return Level.YELLOW
    return Level.ORANGE if value <= orange else Level.RED
