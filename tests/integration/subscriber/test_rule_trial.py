"""What would have fired with another threshold, out of a stored history; and that a large one is cut and says so."""

from itertools import count

import pytest

from alerts.rule import Rule
from alerts.trial import RuleTrialResult
from rigwatch.clock import Millis
from rigwatch.messages import Report, Sample
from rigwatch.settings import ServerSettings
from rigwatch.settings.alerts import AlertSettings, Rules, RuleSettings
from store import Store
from subscriber.rule_trial import TrialBounds, rule_trial
from tests.fake_clock import START
from tests.rigs import birth, rig

MINUTE, HOUR = 60_000, 3_600_000
HOURS = 3
NOW: Millis = START + HOURS * HOUR
BEFORE = ServerSettings()
COOLER = ServerSettings(alerts=AlertSettings(hot=RuleSettings(threshold=75)))
WARMER = ServerSettings(alerts=AlertSettings(site={"main": Rules(hot=RuleSettings(threshold=95))}))


@pytest.fixture
def past(store: Store) -> Store:
    """Two rigs for three hours, a sample a minute: rig1 at 88 °C in the second hour, rig2 at 78 °C in the first."""
    for name, hot, since in (("rig1", 88.0, 60), ("rig2", 78.0, 0)):
        made = rig(name)
        store.take([made.heard(birth(), START)])
        for minute in range(HOURS * 60):
            at = START + minute * MINUTE
            degrees = hot if since <= minute < since + 60 else 60.0
            store.take([made.heard(Report(1, at, (Sample(n=at, at=at, temperature=degrees),)), at)])
    return store


def tried(
    store: Store,
    after: ServerSettings,
    *rules: Rule,
    place: tuple[str, str] = ("", ""),
    bounds: TrialBounds = TrialBounds(),  # noqa: B008 - frozen
) -> RuleTrialResult:
    return rule_trial(
        store, (BEFORE, after), rules or (Rule.HOT,), place=place, since=NOW - 7 * 24 * HOUR, now=NOW, bounds=bounds
    )


def test_a_new_threshold_is_set_against_that_of_now(past: Store) -> None:
    result = tried(past, COOLER)
    assert [each.headline for each in result.before.fired] == ["main/rig1 is too hot"]
    assert [each.headline for each in result.after.fired] == ["main/rig1 is too hot", "main/rig2 is too hot"]
    assert (result.before.count, result.after.count) == (1, 2)
    assert (result.samples, result.nodes, result.is_cut) == (2 * HOURS * 60, 2, False)
    # What is not stored was not looked at, and is not said to be.
    assert result.since == START // HOUR * HOUR
    (hot,) = result.before.fired
    assert hot.since == START + 60 * MINUTE
    assert not hot.is_open
    assert 60 * MINUTE <= hot.lasted < 65 * MINUTE


def test_for_one_node_only_its_history_is_read_but_of_what_compares_nodes_all_of_it(past: Store) -> None:
    one = tried(past, WARMER, place=("main", "rig1"))
    assert (one.nodes, one.before.count, one.after.count) == (1, 1, 0)
    assert tried(past, COOLER, Rule.BLOCK_LAG, place=("main", "rig1")).nodes == 2
    # Of other rules nothing is told.
    assert tried(past, COOLER, Rule.LOST).before.count == 0


def test_a_history_that_is_too_large_is_cut_to_its_latest_part(past: Store) -> None:
    result = tried(past, COOLER, bounds=TrialBounds(rows=130))
    assert result.is_cut
    assert 60 <= result.samples <= 130
    assert result.since > START + HOUR
    tiny = tried(past, COOLER, bounds=TrialBounds(rows=10))
    assert tiny.is_cut
    assert tiny.samples <= 10


def test_a_look_that_takes_too_long_ends_and_both_are_over_the_same_time(past: Store) -> None:
    ticks = count(0, 5)
    result = tried(past, COOLER, bounds=TrialBounds(seconds=3, clock=lambda: next(ticks)))
    assert result.is_cut
    assert result.until < NOW
    assert (result.before.count, result.after.count) == (0, 0)


def test_nothing_stored_is_nothing_told(store: Store) -> None:
    result = tried(store, COOLER)
    assert (result.samples, result.before.count, result.is_cut) == (0, 0, False)
