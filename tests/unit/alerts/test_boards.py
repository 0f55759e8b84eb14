# ruff: noqa: FBT001 - the shape of every rule
"""What the rules about hash boards say of a board that is gone, of chips that are, and of a miner that rests."""

import pytest

from alerts.boards import board_missing, chips_missing
from alerts.check import Holds
from alerts.rule import RulePolicy
from rigwatch.figures import Board
from tests.unit.alerts.contexts import reporting
from tests.unit.alerts.timeline import Timeline

RIG = "garage/s19"


def boards(*active: bool) -> tuple[Board, ...]:
    return tuple(
        Board(str(at), active=each, chips=76 if each else None, chips_expected=76) for at, each in enumerate(active)
    )


def test_a_board_that_hashes_nothing_beside_others_is_told_of_with_its_place() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, hashrate=95e12, boards=boards(True, True, True))
    line.at(90).report(RIG, hashrate=63e12, boards=boards(True, False, True))
    line.at(389).expect_nothing()
    line.at(391).expect("CRITICAL: garage/s19 misses a hash board")
    assert "1 of 3 boards hash nothing: 1" in line.last().body
    line.report(RIG, hashrate=95e12, boards=boards(True, True, True))
    line.at(520).expect("OK: garage/s19 has all its hash boards again")


def test_a_miner_that_rests_misses_no_board() -> None:
    line = Timeline(RIG, no_hashrate={"enabled": False}, low_hashrate={"enabled": False})
    line.at(30).report(RIG, hashrate=0, boards=boards(False, False, False))
    line.at(3600).expect_nothing()


def test_a_few_dead_chips_are_usual_and_more_are_told_of() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, boards=(Board("0", active=True, chips=75, chips_expected=76),))
    line.at(1800).expect_nothing()
    line.report(RIG, boards=(Board("0", active=True, chips=60, chips_expected=76),))
    line.at(2500).expect("WARNING: garage/s19 misses chips")
    assert "board 0 60 of 76 chips" in line.last().body


def test_what_is_not_told_neither_fires_nor_ends_it() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, boards=boards(True, False))
    line.at(340).expect("CRITICAL: garage/s19 misses a hash board")
    line.report(RIG, boards=None)
    line.at(1000).expect_nothing()


@pytest.mark.parametrize(
    ("chips", "is_open", "holds"),
    [(49, False, Holds.NO), (48, False, Holds.YES), (50, True, Holds.NO), (49, True, Holds.YES)],
)
def test_chips_are_missed_above_the_threshold_and_until_the_clear(chips: int, is_open: bool, holds: Holds) -> None:
    view = reporting(boards=(Board("0", active=True, chips=chips, chips_expected=50),))
    # One of 50 is 2 %.
    assert chips_missing(view, RulePolicy(threshold=2, clear=1), is_open).holds is holds


def test_eight_boards_are_named_and_the_others_counted() -> None:
    def words(gone: int) -> str:
        told = [Board(f"{at}-of-a-very-long-name", active=at >= gone) for at in range(12)]
        return board_missing(reporting(boards=tuple(told)), RulePolicy(), False).evidence

    assert words(8).endswith(", 7-of-a-very-long-na…")
    assert words(9).startswith("9 of 12 boards hash nothing: 0-of-a-very-long-na…")
    assert words(9).endswith(", 7-of-a-very-long-na…, and 1 more")
    few = tuple(Board(f"{at}-of-a-very-long-name", active=True, chips=1, chips_expected=50) for at in range(9))
    evidence = chips_missing(reporting(boards=few), RulePolicy(threshold=2), False).evidence
    assert evidence.startswith("board 0-of-a-very-long-na… 1 of 50 chips, ")
    assert evidence.count("board ") == 8
