"""What the node page says of one node."""

import msgspec

from alerts.facts import Average, NodeChange
from rigwatch.figures import AlgorithmFigures, Miner
from rigwatch.messages import NodeState
from rigwatch.settings import WebColours
from tests.fake_clock import START
from tests.unit.web.made import node, sample, view
from web.node.figures import facts_of, figures, had, warnings, works
from web.node.past import change_rows, sample_rows
from web.row import DisplaySettings
from web.units import UNKNOWN
from web.zone import Zone

LOOK = DisplaySettings(WebColours(), Zone.find("UTC"))
MINUTE = 60_000


def test_of_a_node_that_told_nothing_yet_the_hashrate_is_awaited() -> None:
    new = view(node(reported_ago=None))
    assert had(new, [], None) == ["hashrate"]
    shown = figures(new, LOOK, had(new, [], None))
    assert [(each.label, str(each.value), each.level) for each in shown] == [("Hashrate", UNKNOWN, "")]


def test_a_figure_that_it_never_had_is_not_there_and_one_that_it_had_is_missed() -> None:
    miner = view(node(temperature=60))
    assert had(miner, [sample(hashrate=5, power=9)], None) == ["hashrate", "temperature", "power"]
    assert had(miner, [], Average(None, 3.5, 7)) == ["peers", "temperature"]
    shown = figures(miner, LOOK, had(miner, [sample(hashrate=5)], None))
    assert [(each.label, str(each.value)) for each in shown] == [("Hashrate", UNKNOWN), ("Temperature", "60 °C")]
    assert [each.label for each in figures(miner, LOOK, had(miner, [], None))] == ["Temperature"]


def test_it_says_what_it_mines_with_what_and_for_whom() -> None:
    facts = node(hashrate=1, miner=Miner("T-Rex", "0.26"), algorithm="etchash", pool="stratum+tcp://eth.pool:4444")
    assert works(view(facts)) == ["T-Rex 0.26", "etchash", "stratum+tcp://eth.pool:4444"]
    assert works(view(node(reported_ago=None))) == []


def test_others_are_there_where_they_are_known_also_when_they_are_zero() -> None:
    facts = node(
        hashrate=50e6, peers=20, block=7, temperature=0, power=100, fan=0, accepted=98, rejected=1, stale=1, uptime=7200
    )
    shown = {each.label: each for each in figures(view(facts, lag=3), LOOK, ())}
    assert {label: str(each.value) for label, each in shown.items()} == {
        "Hashrate": "50.00 MH/s",
        "Peers": "20",
        "Block": "7",
        "Temperature": "0 °C",
        "Power": "100 W",
        "Fan": "0 %",
        "Shares accepted": "98",
        "Up for": "2 h",
    }
    assert (shown["Block"].note, shown["Block"].level) == ("3 behind the highest", "yellow")
    assert shown["Shares accepted"].note == "2 refused (2.0%)"
    assert shown["Power"].note == "500 kH/s per W"


def test_each_algorithm_has_its_own_hashrate_and_invalid_shares_are_told() -> None:
    works = {"etchash": AlgorithmFigures(60e6, 98), "kaspa": AlgorithmFigures(500e6, 1234)}
    facts = node(
        hashrate=60e6, algorithm="etchash", algorithms=works, accepted=98, rejected=1, invalid=3, hardware_errors=0
    )
    shown = figures(view(facts), LOOK, ())
    assert [(each.label, str(each.value), each.note) for each in shown[:2]] == [
        ("Hashrate", "60.00 MH/s", "etchash"),
        ("Hashrate, kaspa", "500.00 MH/s", "1,234 shares accepted"),
    ]
    by_label = {each.label: each for each in shown}
    assert by_label["Shares accepted"].note == "1 refused (1.0%), 3 invalid"
    assert str(by_label["Hardware errors"].value) == "0"


def test_what_could_not_be_read_is_told_and_no_warning() -> None:
    told = view(node(hashrate=1, odd={"t-rex": "gpus[0].power: 429496736 cannot be"}))
    facts = {each.label: each.text for each in facts_of(told, LOOK, START)}
    assert facts["Not readable"] == "t-rex: gpus[0].power: 429496736 cannot be"
    assert warnings(told) == []


def test_figures_of_the_past_are_not_judged() -> None:
    gone = view(node(hashrate=1, peers=1))._replace(counted=False)
    assert {each.level for each in figures(gone, LOOK, ())} == {""}


def test_it_warns_of_sources_and_of_the_clock() -> None:
    facts = msgspec.structs.replace(node(errors={"xmrig": "no answer"}), clock_offset=37_000)
    assert warnings(view(facts)) == [
        "xmrig: no answer",
        "clock 37 s behind; its times are put right on arrival",
    ]
    assert warnings(view(node(hashrate=1))) == []


def test_it_tells_who_the_node_is_and_leaves_out_what_is_not_known() -> None:
    facts = msgspec.structs.replace(node(), version="0.1", tags=("a", "b"), clock_offset=5)
    known = {fact.label: fact.text for fact in facts_of(view(facts), LOOK, START + MINUTE)}
    assert known["Online since"] == "1 h"
    assert known["Last report"] == "1 min"
    assert (known["Publisher"], known["Tags"]) == ("0.1", "a, b")
    assert known["Clock"] == "right (within 5 ms)"
    assert "Last share" not in known
    assert "Enrolled" not in known


def test_what_stays_wrong_is_said_once() -> None:
    bad = {"xmrig": "no answer"}
    samples = [sample(START - at * MINUTE, errors=errors) for at, errors in enumerate((bad, bad, {}, bad))]
    assert [row.remarks for row in sample_rows(samples, LOOK, START, ["hashrate"])] == [
        ("xmrig: no answer",),
        (),
        (),
        ("xmrig: no answer",),
    ]


def test_samples_of_another_day_have_a_date() -> None:
    today, before = sample_rows([sample(START), sample(START - 86_400_000)], LOOK, START, [])
    assert (today.taken, before.taken) == ("08:53:20", "2025-10-08 08:53:20")


def test_comings_and_goings_tell_how_long_each_lasted() -> None:
    changes = [NodeChange(START, NodeState.ONLINE), NodeChange(START + 90_000, NodeState.LOST, "")]
    assert [(row.state, row.lasted) for row in change_rows(changes, LOOK, 5)] == [
        ("lost", ""),
        ("online", "1 min 30 s"),
    ]
    assert [row.state for row in change_rows(changes, LOOK, 1)] == ["lost"]
