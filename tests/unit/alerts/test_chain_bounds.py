# ruff: noqa: FBT001 - the shape of every rule
"""Where the rules about the chain begin and end, to the block and the millisecond, and what they say."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from alerts.blocks import block_ahead, block_lag, block_stalled, fork
from alerts.check import UNKNOWN, CheckContext, CheckResult, Holds
from alerts.fleet import APART, Chain
from alerts.node_history import NodeHistory
from alerts.rule import MINUTE, RulePolicy
from tests.fake_clock import START
from tests.unit.alerts.contexts import ABSENT, reporting

POLICY = RulePolicy(threshold=5, clear=2)


@pytest.mark.parametrize(
    ("block", "is_open", "holds"),
    [
        (96, False, Holds.NO),
        (95, False, Holds.YES),
        (97, True, Holds.YES),
        (98, True, Holds.NO),
        (200, False, Holds.NO),
    ],
)
def test_a_node_lags_from_the_threshold_on_and_until_the_clear(block: int, is_open: bool, holds: Holds) -> None:
    view = replace(reporting(block=block), chain=Chain(highest=100, nodes=2))
    result = block_lag(view, POLICY, is_open)
    assert result.holds is holds
    assert result.evidence == f"block {block}, {max(100 - block, 0)} behind the fleet's 100"


def test_a_node_that_lags_says_that_it_syncs() -> None:
    view = replace(reporting(block=1, syncing=True), chain=Chain(highest=100, nodes=2))
    assert block_lag(view, POLICY, False).evidence == "block 1, 99 behind the fleet's 100 (syncing)"


@pytest.mark.parametrize(
    "view",
    [
        replace(ABSENT, chain=Chain(highest=100, nodes=2)),
        replace(reporting(), chain=Chain(highest=100, nodes=2)),
        replace(reporting(block=1), chain=Chain(highest=None, nodes=2)),
        replace(reporting(block=1), chain=Chain(highest=100, nodes=1)),
    ],
    ids=["not reporting", "no block", "nobody can say", "alone"],
)
def test_without_a_block_or_others_nobody_lags(view: CheckContext) -> None:
    assert block_lag(view, POLICY, False) is UNKNOWN


def ahead(block: int, *, earlier: tuple[int, int] | None = None, heard_at: int = START, hosts: int = 3) -> CheckContext:
    """In front of others at 100."""
    chain = Chain(front="box", front_block=block, behind=100, hosts=hosts, nodes=hosts, heard_at=heard_at)
    return replace(reporting(block=block), chain=chain, history=NodeHistory(earlier=earlier))


@pytest.mark.parametrize(
    ("lead", "is_open", "holds"),
    [(4, False, Holds.NO), (5, False, Holds.YES), (3, True, Holds.YES), (2, True, Holds.NO)],
)
def test_a_node_is_ahead_from_the_threshold_on_and_until_the_clear(lead: int, is_open: bool, holds: Holds) -> None:
    view = ahead(120, earlier=(START - 1, 100 + lead))
    assert block_ahead(view, POLICY, is_open).holds is holds
    assert block_ahead(ahead(100 + lead, earlier=(START - 1, 120)), POLICY, is_open).holds is holds


def test_what_it_had_before_the_others_reported_last_is_compared() -> None:
    assert block_ahead(ahead(110, earlier=(START, 110)), POLICY, False).holds is Holds.YES
    assert block_ahead(ahead(110, earlier=(START, 110), heard_at=START - 1), POLICY, False).holds is Holds.NO


def test_without_others_that_report_or_with_one_alone_a_lead_is_none_unless_nobody_could_lag_so_far() -> None:
    strict = RulePolicy(threshold=1, clear=0)
    for view in (ahead(100 + APART), ahead(100 + APART, earlier=(START, 100 + APART), hosts=2)):
        assert block_ahead(view, strict, False).holds is Holds.NO
        assert block_ahead(view, strict, True).holds is Holds.NO
    result = block_ahead(ahead(101 + APART), POLICY, False)
    assert result.evidence == "block 10101, 10001 ahead of the 100 of everybody else: it is wrong, or all others are"
    result = block_ahead(ahead(101 + APART, hosts=2), POLICY, False)
    assert result.evidence == "block 10101, 10001 ahead of the 100 of everybody else: one of the two is wrong"


def test_without_a_block_or_others_nobody_is_ahead() -> None:
    chain = Chain(front="box", front_block=120, behind=100, hosts=3, nodes=3, heard_at=START)
    assert block_ahead(replace(ABSENT, chain=chain), POLICY, False) is UNKNOWN
    assert block_ahead(replace(reporting(), chain=chain), POLICY, False) is UNKNOWN
    assert block_ahead(reporting(block=120), POLICY, False) is UNKNOWN


STALLED = RulePolicy(threshold=10)


def stuck(waited: int, *, block: int = 100, highest: int | None = 101, nodes: int = 2, moved: int = 1) -> CheckContext:
    block_at = START - waited
    chain = Chain(highest=highest, moved_at=block_at + moved, nodes=nodes)
    return replace(reporting(block=block), chain=chain, history=NodeHistory(block_at=block_at))


def test_a_node_is_stuck_once_its_time_is_over() -> None:
    limit = 10 * MINUTE
    result = block_stalled(stuck(limit), STALLED, False)
    assert (result.holds, result.check_at) == (Holds.NO, START + 1)
    result = block_stalled(stuck(limit + 1), STALLED, False)
    assert (result.holds, result.since) == (Holds.YES, START - 1)
    assert result.evidence == "at block 100 for 10 min; the fleet is at 101"


def test_a_node_is_not_stuck_while_the_fleet_is() -> None:
    limit = 10 * MINUTE
    result = block_stalled(stuck(limit + 1, moved=0), STALLED, False)
    assert (result.holds, result.check_at) == (Holds.NO, None)
    result = block_stalled(stuck(limit + 1, highest=100), STALLED, False)
    assert (result.holds, result.check_at, result.evidence) == (Holds.NO, None, "block 100, the fleet's highest")


def test_nobody_can_say_whether_a_node_is_stuck_that_is_alone_or_has_no_block() -> None:
    late = stuck(20 * MINUTE)
    assert block_stalled(late, STALLED, False).holds is Holds.YES
    for view in (
        stuck(20 * MINUTE, nodes=1),
        stuck(20 * MINUTE, highest=None),
        replace(late, fresh=None),
        replace(late, fresh=reporting().fresh),
        replace(late, history=NodeHistory()),
    ):
        assert block_stalled(view, STALLED, False) is UNKNOWN


def forked(own: Sequence[tuple[int, str]], hashes: dict[int, dict[str, list[str]]]) -> CheckResult:
    view = replace(reporting(block=9), history=NodeHistory(blocks=tuple(own)), chain=Chain(hashes=hashes))
    return fork(view, POLICY, False)


def test_a_fork_is_judged_at_the_newest_height_that_others_have() -> None:
    votes = {8: {"a": ["box", "x", "y"]}, 7: {"b": ["x", "y"], "a": ["box"]}}
    assert forked([(7, "a"), (8, "a")], votes).evidence == "block 8 is the same for 3 nodes"
    # At 9 it is alone.
    assert forked([(8, "a"), (9, "c")], {9: {"c": ["box"]}, 8: {"a": ["box", "x"]}}).evidence == (
        "block 8 is the same for 2 nodes"
    )
    assert forked([(8, "a"), (9, "c")], {8: {"a": ["box", "x"]}}).holds is Holds.NO
    assert forked([(9, "c")], {9: {"c": ["box"]}}) is UNKNOWN


@pytest.mark.parametrize(
    ("agreed", "against", "holds"), [(2, 1, Holds.NO), (1, 1, Holds.YES), (2, 2, Holds.YES), (1, 2, Holds.YES)]
)
def test_half_of_the_hosts_is_enough_to_be_on_another_chain(agreed: int, against: int, holds: Holds) -> None:
    votes = {9: {"own": [f"a{each}" for each in range(agreed)], "other": [f"b{each}" for each in range(against)]}}
    assert forked([(9, "own")], votes).holds is holds


def test_a_fork_names_the_hash_that_most_others_have_and_counts_them_all() -> None:
    votes = {9: {"own" * 9: ["box"], "one" * 9: ["x"], "two" * 9: ["y", "z"]}}
    assert forked([(9, "own" * 9)], votes).evidence == (
        "at block 9 it has ownownownown, 3 other nodes have twotwotwotwo"
    )


def test_nobody_is_on_another_chain_that_tells_of_no_hash_or_does_not_report() -> None:
    votes = {9: {"own": ["box"], "other": ["x", "y"]}}
    told = replace(reporting(block=9), history=NodeHistory(blocks=((9, "own"),)), chain=Chain(hashes=votes))
    assert fork(told, POLICY, False).holds is Holds.YES
    assert fork(replace(told, fresh=None), POLICY, False) is UNKNOWN
    assert fork(replace(told, history=NodeHistory()), POLICY, False) is UNKNOWN
