"""The one line in which `sources`, `doctor` and `discover` tell what a source gives."""

from publisher.description import summary_of
from publisher.sources.reading import Reading
from rigwatch.figures import Board, Fan, Gpu


def test_it_counts_the_boards_and_fans_of_an_asic() -> None:
    reading = Reading(
        hashrate=95e12,
        boards=tuple(Board(str(at)) for at in range(3)),
        fans=tuple(Fan(str(at)) for at in range(4)),
    )
    assert summary_of(reading) == "95 TH/s, 3 boards, 4 fans"


def test_one_card_board_or_fan_is_one() -> None:
    reading = Reading(gpus=(Gpu("0000:01:00.0"),), boards=(Board("0"),), fans=(Fan("0"),))
    assert summary_of(reading) == "1 card, 1 board, 1 fan"


def test_a_list_that_is_empty_is_said_too() -> None:
    assert summary_of(Reading(fans=())) == "0 fans"
