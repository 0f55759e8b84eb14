"""What the node page says of cards, hash boards and fans."""

import pytest
from msgspec.structs import replace

from alerts.node_history import CARD_KNOWN_AFTER, CardHistory
from rigwatch.figures import Board, Fan, Gpu
from rigwatch.settings import WebColours
from tests.fake_clock import START
from web.errors import BadQuery
from web.node.cards import CardOrder, CardTable, board_table, fan_texts, gpu_table

COLOURS = WebColours()
MINUTE = 60_000
CARD = Gpu("id0", "X", 60e6, 60, 80, power=120, fan=50, utilization=99, accepted=1200, rejected=2, invalid=1)


def cards(*hashrates: float | None) -> list[Gpu]:
    return [replace(CARD, id=f"id{place}", hashrate=rate) for place, rate in enumerate(hashrates)]


def table(gpus: list[Gpu], *known: CardHistory, order: str = "", fresh: bool = True) -> CardTable:
    asked = CardOrder.parse({"cards": order} if order else {})
    made = gpu_table(gpus, known, asked, COLOURS, now=START, fresh=fresh)
    assert made is not None
    return made


def column(of: CardTable, label: str) -> list[tuple[str, str]]:
    """What it says of each card, and in which colour."""
    at = [head.label for head in of.heads].index(label)
    return [(str(row.cells[at].value), row.cells[at].level) for row in of.rows]


def remembered(name: str, ago: int) -> CardHistory:
    return CardHistory(name, START - ago - CARD_KNOWN_AFTER, START - ago, "X")


def test_it_has_a_card_s_figures_and_what_it_makes_of_a_watt() -> None:
    made = table([CARD])
    assert dict(
        zip((head.label for head in made.heads), (str(each.value) for each in made.rows[0].cells), strict=True)
    ) == {
        "Hashrate": "60.00 MH/s",
        "Per watt": "500 kH/s",
        "Temp.": "60 °C",
        "Memory": "80 °C",
        "Power": "120 W",
        "Fan": "50 %",
        "Load": "99 %",
        "Shares": "1,200 / 3",
    }


def test_refused_shares_that_nobody_counts_are_not_none() -> None:
    made = table([replace(CARD, invalid=None), replace(CARD, rejected=None, invalid=0), Gpu("c", accepted=7)])
    assert [said for said, _ in column(made, "Shares")] == ["1,200 / 2", "1,200 / 0", "7"]


@pytest.mark.parametrize("watts", [0, 1e-300, 0.4])
def test_what_draws_next_to_nothing_makes_nothing_of_a_watt(watts: float) -> None:
    made = table([CARD, replace(CARD, id="b", hashrate=1e24, power=watts)])
    assert column(made, "Per watt") == [("500 kH/s", ""), ("–", "")]


def test_what_no_card_tells_has_no_column() -> None:
    made = table([Gpu("a", temperature=60), Gpu("b", hashrate=0)])
    assert [head.label for head in made.heads] == ["Hashrate", "Temp."]
    assert column(made, "Hashrate") == [("–", ""), ("0 H/s", "red")]


def test_a_hot_card_and_a_hot_memory_have_colours() -> None:
    made = table([CARD, replace(CARD, id="b", temperature=91, memory_temperature=100)])
    assert column(made, "Temp.") == [("60 °C", "green"), ("91 °C", "red")]
    assert column(made, "Memory") == [("80 °C", "green"), ("100 °C", "orange")]
    old = table([replace(CARD, temperature=91)], fresh=False)
    assert column(old, "Temp.") == [("91 °C", "")]


def test_a_slow_card_is_marked_against_its_sisters() -> None:
    made = table(cards(60e6, 61e6, 31e6, 60.5e6))
    assert [level for _, level in column(made, "Hashrate")] == ["green", "green", "orange", "green"]
    assert made.rows[2].cells[0].note == "−49 % against the others"
    assert [row.cells[0].note for row in made.rows if row.place != "2"] == ["", "", ""]


def test_cards_of_another_model_and_single_ones_are_no_sisters() -> None:
    other = replace(CARD, id="other", name="Y", hashrate=20e6)
    assert {level for _, level in column(table([*cards(60e6, 61e6, 60e6), other]), "Hashrate")} == {"green"}
    assert {level for _, level in column(table(cards(60e6, 20e6)), "Hashrate")} == {"green"}


def test_a_missing_card_is_named_and_counted() -> None:
    made = table(cards(60e6), remembered("id0", 0), remembered("id1", 5 * MINUTE))
    assert made.number == "1 of 2"
    assert [(row.id, row.name, row.word, row.tone) for row in made.rows] == [
        ("id1", "X", "missing for 5 min", "lost"),
        ("id0", "X", "", ""),
    ]
    assert {str(each.value) for each in made.rows[0].cells} == {"–"}


def test_as_many_cards_under_other_ids_are_not_missing() -> None:
    made = table(cards(60e6), remembered("elsewhere", 5 * MINUTE))
    assert (made.number, len(made.rows)) == ("1", 1)


def test_of_a_node_that_is_gone_no_card_is_called_missing() -> None:
    assert table(cards(60e6), remembered("id1", 5 * MINUTE), remembered("id0", 0), fresh=False).number == "1"


def test_without_cards_there_is_no_table() -> None:
    assert gpu_table([], [], CardOrder(), COLOURS, now=START, fresh=True) is None
    assert table([], remembered("id0", MINUTE)).number == "0 of 1"


def test_it_is_ordered_as_asked_with_the_unknown_last() -> None:
    gpus = cards(5, None, 9)
    assert [row.id for row in table(gpus).rows] == ["id0", "id1", "id2"]
    assert [row.id for row in table(gpus, order="hashrate").rows] == ["id2", "id0", "id1"]
    assert [row.place for row in table(gpus, order="hashrate").rows] == ["2", "0", "1"]
    rising = gpu_table(gpus, [], CardOrder.parse({"cards": "hashrate", "dir": "asc"}), COLOURS, now=START, fresh=True)
    assert rising
    assert [row.id for row in rising.rows] == ["id0", "id2", "id1"]
    assert (rising.heads[0].sorted, rising.heads[0].query) == ("ascending", "?")
    assert table(gpus).heads[0].query == "?cards=hashrate&dir=desc"


@pytest.mark.parametrize("query", [{"cards": "beauty"}, {"cards": "power", "dir": "up"}])
def test_an_order_that_cannot_be_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadQuery, match="is not one of"):
        CardOrder.parse(query)


def test_a_board_that_hashes_nothing_and_one_that_misses_chips() -> None:
    boards = [
        Board("0", True, 35e12, 66, 80, 110, 110),
        Board("1", True, 34e12, 82, 80, 97, 110),
        Board("2", False, 0, None, None, 110, 110),
    ]
    made = board_table(boards, CardOrder(), COLOURS, fresh=True)
    assert made
    assert made.number == "2 of 3"
    assert column(made, "Chips") == [("110 of 110", "green"), ("97 of 110", "orange"), ("110 of 110", "green")]
    assert column(made, "Board temp.") == [("66 °C", "green"), ("82 °C", "orange"), ("–", "")]
    assert [row.word for row in made.rows] == ["", "", "hashes nothing"]
    assert board_table([], CardOrder(), COLOURS, fresh=True) is None


def test_a_fan_that_stands_still_is_red() -> None:
    said = fan_texts([Fan("1", 5900), Fan("2", 0), Fan("3")], fresh=True)
    assert said == [("1: 5,900 rpm", ""), ("2: 0 rpm", "red"), ("3: not known", "")]
    assert fan_texts([Fan("2", 0)], fresh=False) == [("2: 0 rpm", "")]
