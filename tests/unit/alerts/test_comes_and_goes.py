"""Trouble that never lasts as long as its hold, but comes back and back: told once as what it is."""

import pytest

from alerts.silence import SilenceKind
from rigwatch.figures import Gpu
from rigwatch.settings.alerts import OFTEN_MAX
from tests.unit.alerts.timeline import Timeline

RIG, OTHER = "garage/rig1", "garage/rig2"
HALF_HOUR = 1800


def crash_loop(line: Timeline, *, since: float = 10, times: int = 14, every: float = 130, down: float = 1.5) -> float:
    """Dead for a moment, again and again; until when."""
    for number in range(times):
        line.at(since + number * every).dies(RIG)
        line.at(since + number * every + down).comes_back(RIG)
    return since + (times - 1) * every + down


def test_a_crash_loop_within_the_hold_is_told_once_and_its_end_once_it_was_quiet() -> None:
    line = Timeline(RIG)
    last = crash_loop(line)
    line.expect("FLAPPING: garage/rig1 lost again and again: 6 times in 10 min 52 s, longest 1.5 s")
    assert "critical: comes and goes: 6 times in 10 min 52 s, longest 1.5 s" in line.last().body
    (incident,) = [each for each in line.stored.values() if each.is_open]
    assert incident.evidence == "comes and goes: 14 times in 28 min 12 s, longest 1.5 s"
    line.at(last + HALF_HOUR - 1).expect_nothing()
    line.at(last + HALF_HOUR + 1).expect("OK: garage/rig1 is stable again")
    line.at(86400).expect_nothing()


def test_a_short_trouble_now_and_then_is_not_told() -> None:
    line = Timeline(RIG)
    crash_loop(line, times=30, every=400)
    line.at(86400).expect_nothing()


def test_a_node_in_a_crash_loop_that_dies_for_good_is_told_after_its_hold_as_any_other() -> None:
    line = Timeline(RIG)
    last = crash_loop(line, times=8)
    line.expect("FLAPPING: garage/rig1 lost again and again")
    line.at(last + 100).dies(RIG)
    line.at(last + 101.9).expect_nothing()
    line.at(last + 102).expect("CRITICAL: garage/rig1 lost")
    assert f"since {line.last().body[6:14]}" in line.last().body
    line.at(last + 402).expect("STILL: garage/rig1 lost for 5 min 2 s")
    line.at(last + 500).comes_back(RIG).expect("OK: garage/rig1 back, after 6 min 40 s")
    line.at(86400).expect_nothing()


def test_it_is_remembered_over_a_restart() -> None:
    line = Timeline(RIG, grace="0s")
    last = crash_loop(line, times=4)
    line.at(last + 10).server_restarts()
    crash_loop(line, since=last + 60, times=2)
    line.expect("FLAPPING: garage/rig1 lost again and again: 6 times")
    line.server_restarts()
    line.at(3 * HALF_HOUR).expect("OK: garage/rig1 is stable again")


def test_a_silence_holds_it_back_and_an_acknowledgement_its_repetition() -> None:
    line = Timeline(RIG)
    line.is_quiet(until=1000, node="rig1")
    last = crash_loop(line)
    line.expect("FLAPPING: garage/rig1 lost again and again")
    assert line.notifications[0][0] == pytest.approx(1000, abs=0.01)
    line.acknowledge("lost")
    line.at(last + HALF_HOUR + 1).expect("OK: garage/rig1 is stable again")


def test_what_was_over_before_its_silence_ended_is_not_told() -> None:
    line = Timeline(RIG)
    line.is_quiet(until=2 * HALF_HOUR + 60, node="rig1")
    crash_loop(line)
    line.at(4 * HALF_HOUR).expect_nothing()


def test_restarts_in_maintenance_do_not_count() -> None:
    line = Timeline(RIG)
    line.is_quiet(until=2000, kind=SilenceKind.MAINTENANCE, node="rig1")
    crash_loop(line)
    line.at(4 * HALF_HOUR).expect_nothing()


def test_how_often_is_too_often_can_be_set_and_switched_off() -> None:
    line = Timeline(RIG, lost={"often": 3}, often_within="10m")
    crash_loop(line, times=3)
    line.expect("FLAPPING: garage/rig1 lost again and again: 3 times in 4 min 22 s")
    for often in ({"lost": {"often": 0}}, {"node": {RIG: {"lost": {"often": 0}}}}):
        line = Timeline(RIG, **often)
        crash_loop(line)
        line.expect_nothing()


@pytest.mark.parametrize(
    ("bad", "good", "words"),
    [
        ({"hashrate": 0}, {"hashrate": 45e6}, "hashes nothing"),
        ({"peers": 0}, {"peers": 25}, "has no peers"),
        ({"temperature": 95}, {"temperature": 60}, "is too hot"),
        ({"errors": {"xmrig": "refused"}}, {"errors": {}, "hashrate": 45e6}, "cannot be read in full"),
        ({"clock_offset": 50_000}, {"clock_offset": 0}, "has a wrong clock"),
    ],
)
def test_a_riser_or_whatever_else_comes_and_goes_is_told_as_that(
    bad: dict[str, object], good: dict[str, object], words: str
) -> None:
    line = Timeline(RIG)
    for minute in range(0, 48, 4):
        line.at(minute * 60 + 30).report(RIG, **bad)
        line.at(minute * 60 + 70).report(RIG, **good)
    (title,) = [notification.title for _, notification in line.notifications]
    assert title == f"FLAPPING: garage/rig1 {words} again and again: 6 times in 20 min 40 s, longest 40 s"


def test_a_card_that_drops_out_for_a_moment_again_and_again_is_told() -> None:
    line = Timeline(RIG)
    both = tuple(Gpu(id=f"0000:0{number}:00.0", name="RTX 3070") for number in (1, 2))
    line.report(RIG, gpus=both)
    line.at(900)
    for minute in range(16, 60, 5):
        line.at(minute * 60 + 5).report(RIG, gpus=both[:1])
        line.at(minute * 60 + 45).report(RIG, gpus=both)
    (title,) = [notification.title for _, notification in line.notifications]
    assert title.startswith("FLAPPING: garage/rig1 misses a GPU again and again: 6 times")


def test_what_is_unknown_is_not_called_stable() -> None:
    line = Timeline(RIG)
    for minute in range(0, 28, 4):
        line.at(minute * 60 + 30).report(RIG, hashrate=0)
        line.at(minute * 60 + 70).report(RIG, hashrate=45e6)
    line.expect("FLAPPING: garage/rig1 hashes nothing again and again")
    line.report(RIG, hashrate=None)
    line.at(3 * HALF_HOUR).expect_nothing()
    line.report(RIG, hashrate=45e6).expect("OK: garage/rig1 is stable again")


def test_many_that_come_and_go_together_are_one_message() -> None:
    names = [f"garage/rig{number}" for number in range(12)]
    line = Timeline(*names)
    for second in range(10, 800, 100):
        line.at(second).dies(*names)
        line.at(second + 1).comes_back(*names)
    line.expect("12 nodes: FLAPPING, lost again and again")


def test_however_fast_it_comes_and_goes_it_is_one_row_that_does_not_grow() -> None:
    line = Timeline(RIG)
    crash_loop(line, times=600, every=0.05, down=0.02)
    assert len(line.stored) <= 6
    assert max(len(each.spells) for each in line.stored.values()) == OFTEN_MAX
    assert len(line.reasons("lost")) < 20


def test_a_broker_that_comes_and_goes_is_told_as_that() -> None:
    line = Timeline(RIG)
    for second in range(10, 1000, 120):
        line.at(second).broker_goes()
        line.at(second + 5).broker_comes()
    line.expect("FLAPPING: rigwatch has no broker, nobody watches the nodes, again and again: 6 times")
    line.at(5000).expect("OK: rigwatch has its broker again, and stable")
