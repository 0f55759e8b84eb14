"""What a row says of a node."""

import msgspec
import pytest

from alerts.facts import Average, MinuteTotal, NodeFacts
from rigwatch.messages import NodeState
from rigwatch.settings import WebColours
from tests.fake_clock import START
from tests.unit.web.made import MINUTE, fleet, gone, node, view
from web import units
from web.row import DisplaySettings, NodeRow, average_cells, node_row, total_rows
from web.zone import Zone

LOOK = DisplaySettings(WebColours(), Zone.find("UTC"))


def row(*nodes: NodeFacts) -> NodeRow:
    first = next(each for each in fleet(*nodes).views if each.facts is nodes[0])
    return node_row(first, LOOK)


def test_a_good_node_is_green_throughout() -> None:
    made = row(node(hashrate=8123, peers=24, block=534_211, temperature=61.6, power=120))
    assert (made.status, made.hashrate_level, made.peers_level, made.block_level) == (
        "online",
        "green",
        "green",
        "green",
    )
    figures = (made.hashrate, made.temperature, made.power)
    assert [str(each) for each in figures] == ["8.12 kH/s", "62 °C", "120 W"]
    assert (made.peers, made.block, made.behind) == ("24", "534,211", "")


def test_zero_is_red_and_unknown_has_no_colour() -> None:
    zero = row(node(hashrate=0, peers=0, block=0))
    assert (str(zero.hashrate), zero.hashrate_level, zero.peers_level) == ("0 H/s", "red", "red")
    unknown = row(node())
    assert (str(unknown.hashrate), unknown.peers, unknown.block) == ("–", "–", "–")
    assert (unknown.hashrate_level, unknown.peers_level, unknown.block_level) == ("", "", "")


def test_a_lost_node_shows_its_last_figures_without_judging_them() -> None:
    made = row(gone(node(hashrate=0, peers=1, block=3)), node("other", block=900))
    assert (made.status, str(made.hashrate), made.peers, made.behind) == ("lost", "0 H/s", "1", "")
    assert (made.hashrate_level, made.peers_level, made.block_level) == ("", "", "")


def test_a_node_behind_the_highest_block_says_by_how_many() -> None:
    made = row(node(block=96), node("other", block=1100))
    assert (made.behind, made.block_level) == ("−1,004", "red")


def test_a_hot_node_is_coloured_and_one_that_is_gone_is_not() -> None:
    assert [row(node(temperature=celsius)).temperature_level for celsius in (60, 75, 82, 91)] == [
        "green",
        "yellow",
        "orange",
        "red",
    ]
    assert row(gone(node(temperature=91))).temperature_level == ""


def test_it_tells_cards_algorithm_and_what_a_watt_makes() -> None:
    made = row(node(hashrate=120e6, power=240, algorithm="etchash", gpus=[{"id": "1"}, {"id": "2"}]))
    assert (made.cards, made.algorithm, str(made.efficiency)) == ("2", "etchash", "500 kH/s")
    bare = row(node(hashrate=5))
    assert (bare.cards, bare.algorithm, bare.efficiency) == ("", "", units.NOT_KNOWN)


def test_failing_sources_make_a_node_degraded_and_are_named() -> None:
    made = row(node(errors={"xmrig": "connection refused"}))
    assert made.status == "degraded"
    assert made.remarks == ("xmrig: connection refused",)


@pytest.mark.parametrize(
    ("offset", "warning"), [(None, ""), (2000, ""), (-2000, ""), (2001, "clock 2 s behind"), (-5000, "clock 5 s ahead")]
)
def test_a_clock_that_is_off_by_more_than_two_seconds_is_a_warning(offset: int | None, warning: str) -> None:
    assert row(msgspec.structs.replace(node(), clock_offset=offset)).clock_warning == warning


def test_a_simulated_node_is_marked_and_keeps_its_other_tags() -> None:
    made = row(msgspec.structs.replace(node(), tags=("simulated", "eth")))
    assert made.simulated
    assert made.tags == ("eth",)


def test_a_node_with_a_name_of_its_own_also_shows_the_one_in_topics() -> None:
    named = row(msgspec.structs.replace(node(), name="Basement"))
    assert (named.title, named.node) == ("Basement", "rig1")
    assert (row(node()).title, row(node()).node) == ("rig1", "")


def test_a_goodbye_gives_its_reason() -> None:
    made = row(msgspec.structs.replace(gone(node(), NodeState.OFFLINE), reason="stopped by its user"))
    assert (made.status, made.meaning) == ("offline", "stopped by its user")


def test_an_average_is_compared_with_now_while_the_node_reports() -> None:
    average = Average(hashrate_mean=100, peers_mean=2.5, samples=1440)
    made = average_cells(view(node(hashrate=90)), average)
    assert (str(made.hashrate), made.change, made.samples) == ("100 H/s", "−10 %", "1,440")
    assert made.peers == "2.5"
    lost = fleet(gone(node(hashrate=90))).views[0]
    assert average_cells(lost, average).change == "–"


def test_bars_are_relative_to_the_highest_minute_and_the_running_one_is_marked() -> None:
    minute = START - START % MINUTE
    totals = [MinuteTotal(minute, 5, 1), MinuteTotal(minute - MINUTE, 20, 3), MinuteTotal(minute - 2 * MINUTE, 0, 1)]
    rows = total_rows(totals, START, LOOK.zone)
    assert [each.height for each in rows] == [25, 100, 0]
    assert [each.running for each in rows] == [True, False, False]
    assert total_rows([MinuteTotal(minute, 0, 1)], START, LOOK.zone)[0].height == 0


def test_minutes_of_an_hour_ago_do_not_stand_where_those_of_now_do() -> None:
    old = MinuteTotal(START // 60_000 * 60_000 - 3_600_000, 5, 1)
    rows = total_rows([old], START, Zone.find("UTC"))
    assert [(each.minute, str(each.hashrate), each.nodes, each.running) for each in rows] == [
        ("08:53", units.UNKNOWN, "no", True),
        ("07:53", "5 H/s", "1", False),
    ]
    assert total_rows([], START, Zone.find("UTC")) == []
