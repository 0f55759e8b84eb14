"""What the rules about hash boards say of a board that is gone, of chips that are, and of a miner that rests."""

from rigwatch.figures import Board
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
