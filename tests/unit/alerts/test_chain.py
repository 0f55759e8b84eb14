"""Chain clients that lie, and those that are alone: nobody healthy is accused, and something is said of the liar."""

import pytest

from alerts.facts import NodeFacts
from alerts.fleet import chains_of
from alerts.node_history import NodeHistory, follow
from alerts.rule import Rule
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from tests.fake_clock import START
from tests.unit.alerts.timeline import Timeline

HALL = [f"hall/rig{number}" for number in range(8)]
LIAR = "hall/liar"


def mining(line: Timeline, *names: str, minutes: int, since: int = 0, block: int = 1000) -> None:
    """All of them get a block a minute, at different seconds."""
    for minute in range(since, since + minutes):
        for number, name in enumerate(names):
            line.at(minute * 60 + 1 + number).report(name, block=block + minute)


def test_who_has_nobody_to_be_compared_with_is_not_ahead_of_them() -> None:
    line = Timeline("hall/alone")
    for minute in range(30):
        line.at(1 + minute * 60).report("hall/alone", block=22_758_069 + minute)
    assert not [each for each in line.stored.values() if each.rule is Rule.BLOCK_AHEAD]
    line.expect_nothing()


@pytest.mark.parametrize("far", [40, 5000, 10**9])
def test_one_that_is_absurdly_ahead_makes_nobody_lag_and_is_told_itself(far: int) -> None:
    line = Timeline(*HALL, LIAR)
    mining(line, *HALL, LIAR, minutes=10)
    for minute in range(10, 60):
        mining(line, *HALL, minutes=1, since=minute)
        line.report(LIAR, block=1000 + minute + far)
    line.expect("WARNING: hall/liar is ahead of all others")
    assert f"{far} ahead of the 10" in line.last().body
    assert "it is wrong, or all others are" in line.last().body
    line.report(LIAR, block=1060)
    mining(line, *HALL, LIAR, minutes=5, since=60)
    line.expect("OK: hall/liar is level with the others again")


def test_several_liars_on_one_host_are_one_liar() -> None:
    liars = [f"hall/liar{number}" for number in range(4)]
    line = Timeline(*HALL[:3], *liars, host=lambda name: "box" if "liar" in name else name)
    for name in liars:
        line.report(name, block=10**9, block_hash="0xbad")
    for minute in range(60):
        mining(line, *HALL[:3], minutes=1, since=minute)
    line.at(3700).expect("WARNING: host box at hall: 4 nodes are ahead of all others together")


def test_several_on_one_host_with_another_hash_do_not_outvote_two_hosts() -> None:
    liars = [f"hall/liar{number}" for number in range(4)]
    line = Timeline(*HALL[:2], *liars, host=lambda name: "box" if "liar" in name else name)
    for name in (*HALL[:2], *liars):
        line.report(name, block=1000, block_hash="0xbad" if "liar" in name else "0xaaaa")
    line.at(600).expect("CRITICAL: host box at hall: 4 nodes are on another chain together")


def test_alone_nobody_lags_or_is_ahead() -> None:
    line = Timeline(HALL[0])
    line.report(HALL[0], block=10**9)
    line.at(1800).report(HALL[0], block=5)
    line.at(7200).expect_nothing()


def test_of_two_the_lower_one_lags_unless_they_are_too_far_apart_for_that() -> None:
    line = Timeline(*HALL[:2])
    line.report(HALL[0], block=1000)
    line.report(HALL[1], block=6000)
    line.at(900).expect("WARNING: hall/rig0 lags behind the chain")
    line = Timeline(*HALL[:2])
    line.report(HALL[0], block=1000)
    line.report(HALL[1], block=10**9)
    line.at(3600).expect("WARNING: hall/rig1 is ahead of all others")
    assert "one of the two is wrong" in line.last().body


def test_a_client_that_still_syncs_lags_however_far_behind_it_is_and_is_no_measure_for_others() -> None:
    line = Timeline(*HALL[:3], block_stalled={"enabled": False})
    line.report(HALL[0], block=5_000_000)
    line.report(HALL[1], block=1000, syncing=True)
    line.report(HALL[2], block=2000, syncing=True)
    line.at(3600).expect("WARNING: hall: 2 of 3 nodes lag behind the chain together")


def test_of_three_one_that_lags_is_told_and_one_that_goes_on_alone_too() -> None:
    line = Timeline(*HALL[:3], block_stalled={"enabled": False})
    for name, block in zip(HALL, (990, 1000, 1000), strict=False):
        line.report(name, block=block)
    line.at(900).expect("WARNING: hall/rig0 lags behind the chain")
    line = Timeline(*HALL[:3])
    mining(line, *HALL[:3], minutes=5)
    mining(line, HALL[0], minutes=40, since=5)
    line.expect("WARNING: hall/rig0 is ahead of all others")


def test_one_that_reports_far_more_often_than_the_others_is_not_ahead_of_them() -> None:
    line = Timeline(*HALL[:3], silent={"enabled": False})
    for minute in range(180):
        mining(line, HALL[0], minutes=1, since=minute)
        for name in HALL[1:3]:
            if minute % 30 == 0:
                line.report(name, block=1000 + minute)
            line.reports_stop(name)
    line.expect_nothing()


def test_a_chain_that_stands_still_is_not_moved_by_a_liar() -> None:
    line = Timeline(*HALL[:3], LIAR, block_ahead={"enabled": False})
    mining(line, *HALL[:3], LIAR, minutes=5)
    for minute in range(5, 90):
        mining(line, LIAR, minutes=1, since=minute, block=10**6)
    line.expect_nothing()


def test_one_that_is_behind_a_chain_that_stands_still_is_not_looked_at_without_end() -> None:
    line = Timeline(*HALL[:2], block_lag={"enabled": False})
    line.report(HALL[0], block=1000).report(HALL[1], block=1001)
    line.at(601)
    steps = len(line.steps)
    line.at(659)
    assert len(line.steps) - steps < 5


def test_the_block_to_be_at_is_the_highest_that_two_hosts_have() -> None:
    def node(name: str, host: str, block: int) -> tuple[NodeFacts, NodeHistory]:
        facts = NodeFacts(NodeId("hall", name), host=host, state=NodeState.ONLINE)
        return facts, follow(NodeHistory(), Sample(n=1, at=START, block=block))

    chain = chains_of([node("a", "x", 70), node("b", "x", 90), node("c", "y", 60), node("d", "z", 50)])[""]
    assert (chain.highest, chain.front, chain.front_block, chain.behind) == (60, "x", 90, 60)
    one_host = chains_of([node("a", "x", 70), node("b", "x", 90), node("c", "x", 60)])[""]
    assert one_host.highest == 70
