# ruff: noqa: FBT001 - the shape of every rule
"""Where the rules about work begin and end, to the share and the millisecond, and what they say."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from alerts.check import UNKNOWN, CheckContext, CheckResult, Holds
from alerts.mining import hashrate_floor, low_hashrate, no_shares, rejected_shares
from alerts.node_history import NodeHistory, ShareCounters
from alerts.pace import Pace
from alerts.rhythm import Rhythm
from alerts.rule import MINUTE, RulePolicy
from rigwatch.figures import AlgorithmFigures
from tests.fake_clock import START
from tests.unit.alerts.contexts import reporting

LOW = RulePolicy(threshold=70, clear=80)
FLOOR = RulePolicy(threshold=50, clear=60)
REJECTED = RulePolicy(threshold=5, clear=2)


@pytest.mark.parametrize(
    ("rate", "is_open", "holds"),
    [(70, False, Holds.NO), (69.9, False, Holds.YES), (80, True, Holds.NO), (79.9, True, Holds.YES)],
)
def test_a_rate_is_low_below_the_threshold_and_until_the_clear(rate: float, is_open: bool, holds: Holds) -> None:
    result = low_hashrate(replace(reporting(hashrate=rate), baseline=100.0), LOW, is_open)
    assert result.holds is holds
    assert result.evidence == f"{rate:.4g} H/s, {rate:.0f} % of its usual 100 H/s"


def test_what_is_low_is_named_only_by_who_mines_several() -> None:
    ethash, kawpow = Pace("ethash", hours=(100.0,) * 3), Pace("kawpow", hours=(10.0,) * 3)
    sample = {"hashrate": 40.0, "algorithm": "ethash"}
    alone = replace(reporting(**sample), history=NodeHistory(paces=(ethash,)))
    assert low_hashrate(alone, LOW, False).evidence == "40 H/s, 40 % of its usual 100 H/s"
    both = replace(reporting(**sample), history=NodeHistory(paces=(ethash, kawpow)))
    assert low_hashrate(both, LOW, False).evidence == "40 H/s, 40 % of its usual 100 H/s for ethash"
    told = {"ethash": AlgorithmFigures(hashrate=40.0), "kawpow": AlgorithmFigures(hashrate=3.0)}
    dual = replace(reporting(algorithms=told), history=NodeHistory(paces=(ethash, kawpow)))
    assert low_hashrate(dual, LOW, False).evidence == "3 H/s, 30 % of its usual 10 H/s for kawpow"


@pytest.mark.parametrize(
    ("rate", "is_open", "holds"),
    [(50, False, Holds.NO), (49, False, Holds.YES), (60, True, Holds.NO), (59, True, Holds.YES)],
)
def test_a_rate_is_too_low_below_the_floor_and_until_the_clear(rate: float, is_open: bool, holds: Holds) -> None:
    assert hashrate_floor(reporting(hashrate=rate), FLOOR, is_open).holds is holds


def waiting(waits: Rhythm, waited: int) -> CheckContext:
    return replace(reporting(accepted=5), history=NodeHistory(share_at=START - waited, shared=True, waits=waits))


def test_a_share_is_missed_once_its_time_is_over() -> None:
    waits, policy = Rhythm(4.0, 4 * 60_000.0), RulePolicy(threshold=2)
    limit = waits.timeout(2)
    result = no_shares(waiting(waits, limit), policy, False)
    assert (result.holds, result.check_at) == (Holds.NO, START + 1)
    result = no_shares(waiting(waits, limit + 1), policy, False)
    assert (result.holds, result.since) == (Holds.YES, START - 1)
    assert result.evidence == "no accepted share for 2 min 36 s, usually one every 1 min (by 4 shares)"
    one = Rhythm(1.0, 60_000.0)
    assert no_shares(waiting(one, one.timeout(2) + 1), policy, False).evidence.endswith("(by 1 share)")
    two = Rhythm(2.0, 60_000.0)
    assert no_shares(waiting(two, two.timeout(2) + 1), policy, False).evidence.endswith("(by 2 shares)")


def counted(counters: Sequence[tuple[int, int, int]], *, is_open: bool = False) -> CheckResult:
    """Minutes ago, accepted, rejected."""
    shares = tuple(ShareCounters(START - ago * MINUTE, accepted, rejected) for ago, accepted, rejected in counters)
    return rejected_shares(replace(reporting(accepted=1), history=NodeHistory(shares=shares)), REJECTED, is_open)


@pytest.mark.parametrize(
    ("rejected", "is_open", "holds"),
    [(5, False, Holds.NO), (6, False, Holds.YES), (2, True, Holds.NO), (3, True, Holds.YES)],
)
def test_shares_are_rejected_above_the_threshold_and_until_the_clear(
    rejected: int, is_open: bool, holds: Holds
) -> None:
    result = counted([(30, 1000, 50), (10, 1050, 50), (0, 1100 - rejected, 50 + rejected)], is_open=is_open)
    assert result.holds is holds
    assert result.evidence == f"{rejected}.0 % of 100 shares rejected or stale in 30 min"


def test_twenty_shares_say_something_and_fewer_nothing() -> None:
    assert counted([(1, 1000, 0), (0, 1010, 10)]).holds is Holds.YES
    assert counted([(1, 1000, 0), (0, 1010, 9)]).holds is Holds.UNKNOWN
    assert counted([(1, 1000, 0)]) is UNKNOWN
    assert counted([(0, 1000, 0), (0, 1010, 10)]).evidence == "50.0 % of 20 shares rejected or stale in 1 min"
