"""How often healthy nodes are accused of getting no share, and how soon sick ones: simulated against the promise."""

import random
from math import exp

import pytest

from alerts.check import CheckContext, Holds
from alerts.facts import NodeFacts, ServerFacts
from alerts.mining import no_shares
from alerts.node_history import NodeHistory, follow
from alerts.rhythm import KNOWN_MOST, Rhythm
from alerts.rule import BUILT_IN, HOUR, MINUTE, SECOND, Rule
from alerts.status import NodeStatus
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from tests.fake_clock import START
from tests.unit.alerts.timeline import Timeline

DAY = 24 * HOUR
YEAR = 365 * DAY
POLICY = BUILT_IN[Rule.NO_SHARES]
RIG = "garage/rig1"


def false_alarms(baseline: int, node_years: float) -> float:
    """A node-year, among nodes that begin with nothing known and whose shares come by chance, one in `baseline` ms."""
    dice = random.Random(baseline)  # noqa: S311 - repeatable
    alarms = 0
    for _ in range(max(round(node_years), 1)):
        rhythm, elapsed = Rhythm(), 0.0
        while elapsed < min(node_years, 1) * YEAR:
            wait = dice.expovariate(1 / baseline)
            alarms += wait > rhythm.timeout(POLICY.threshold) + POLICY.hold
            rhythm = rhythm.after(round(wait), 1)
            elapsed += wait
    return alarms / node_years


@pytest.mark.parametrize(
    ("baseline", "node_years", "promised"),
    [
        (30 * SECOND, 0.2, 0.001),
        (80 * SECOND, 0.6, 0.01),
        (10 * MINUTE, 6, 0.9),
        (HOUR, 25, 0.35),
        (DAY, 600, 0.02),
        (30 * DAY, 3000, 0.001),
    ],
)
def test_healthy_nodes_are_accused_no_more_often_than_promised(
    baseline: int, node_years: float, promised: float
) -> None:
    # Three standard deviations of what chance does to the count itself.
    expected = promised * node_years
    assert false_alarms(baseline, node_years) * node_years <= expected + 3 * max(expected, 1) ** 0.5


@pytest.mark.parametrize("known", [1, 2, 3, 5, 20, 100])
def test_however_few_shares_are_known_a_wait_is_called_too_long_exactly_as_often_as_said(known: int) -> None:
    dice = random.Random(known)  # noqa: S311 - repeatable
    tries, exponent = 15_000, 3.0
    too_long = 0
    for _ in range(tries):
        baseline = 10 ** dice.uniform(3, 9)
        time = sum(dice.expovariate(1 / baseline) for _ in range(known))
        too_long += dice.expovariate(1 / baseline) > Rhythm(known, time).timeout(exponent)
    expected = tries * exp(-exponent)
    assert abs(too_long - expected) < 4 * expected**0.5


@pytest.mark.parametrize(("known", "waits"), [(3, 82), (5, 32), (10, 17.2), (20, 13), (50, 11.1), (100, 10.6)])
def test_a_node_that_gets_no_more_shares_is_found_after_so_many_waits(known: int, waits: float) -> None:
    baseline = 5 * MINUTE
    assert Rhythm(known, known * baseline).timeout(POLICY.threshold) == pytest.approx(waits * baseline, rel=0.02)


def test_only_the_last_hundred_shares_count_so_that_another_rate_is_learned() -> None:
    rhythm = Rhythm()
    for _ in range(1000):
        rhythm = rhythm.after(MINUTE, 1)
    assert rhythm.count == pytest.approx(KNOWN_MOST)
    for _ in range(300):
        rhythm = rhythm.after(3 * MINUTE, 1)
    assert rhythm.baseline == pytest.approx(3 * MINUTE, rel=0.1)


def test_after_a_wait_beyond_belief_the_rate_is_learned_anew() -> None:
    rhythm = Rhythm(100, 100 * MINUTE)
    assert rhythm.after(11 * MINUTE, 1) == Rhythm()
    assert rhythm.after(HOUR, 60).count == pytest.approx(100)


def test_nodes_with_a_share_a_day_are_watched_for_years_without_a_false_alarm() -> None:
    """From samples to the finding, an hour apart; a model that takes one wait for the usual one accuses a quarter."""
    dice = random.Random(7)  # noqa: S311 - repeatable
    accused = 0
    for _ in range(40):
        history, accepted, due = NodeHistory(), 0, dice.expovariate(1 / DAY)
        for hour in range(180 * 24):
            at = hour * HOUR
            while due <= at:
                accepted, due = accepted + 1, due + dice.expovariate(1 / DAY)
            sample = Sample(n=at + 1, at=START + at, accepted=accepted, rejected=0)
            history = follow(history, sample)
            if hour % 6 == 0:
                view = CheckContext(FACTS, ServerFacts(0, START + at), START + at, NodeStatus.ONLINE, sample, history)
                accused += no_shares(view, POLICY, False).holds is Holds.YES
    assert accused == 0


FACTS = NodeFacts(NodeId.parse(RIG))


def test_one_share_says_nothing_of_how_long_the_next_may_take() -> None:
    line = Timeline(RIG)
    line.at(1).report(RIG, accepted=0, rejected=0)
    line.at(61).report(RIG, accepted=1)
    line.at(7 * 86400).expect_nothing()


def test_another_pool_is_another_rate() -> None:
    line = Timeline(RIG)
    for minute in range(1, 61):
        line.at(minute * 60 + 1).report(RIG, accepted=minute, rejected=0, pool="easy:3333")
    line.report(RIG, pool="hard:3333")
    line.at(3 * 3600).expect_nothing()


def test_a_miner_that_was_started_anew_without_a_share_does_not_get_shares_again() -> None:
    line = Timeline(RIG)
    for minute in range(1, 61):
        line.at(minute * 60 + 1).report(RIG, accepted=minute, rejected=0)
    line.at(3 * 3600).expect("WARNING: garage/rig1 gets no share accepted")
    line.report(RIG, accepted=0)
    line.at(3 * 3600 + 70).expect_nothing()
    line.report(RIG, accepted=1)
    line.at(3 * 3600 + 140).expect("OK: garage/rig1 gets shares accepted again")


@pytest.mark.parametrize("told", [1, START - YEAR, START + YEAR])
def test_a_miners_own_clock_cannot_make_a_share_old_or_young(told: int) -> None:
    line = Timeline(RIG)
    for minute in range(1, 61):
        line.at(minute * 60 + 1).report(RIG, accepted=minute, rejected=0, last_share_at=told)
    line.at(61 * 60 + 300).expect_nothing()
    line.at(3 * 3600).expect("WARNING: garage/rig1 gets no share accepted")
