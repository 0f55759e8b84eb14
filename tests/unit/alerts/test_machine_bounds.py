# ruff: noqa: FBT001 - the shape of every rule
"""Where the rules about the machine begin and end, to the degree and the millisecond, and what they say."""

import pytest
from msgspec.structs import replace

from alerts.check import UNKNOWN, Holds
from alerts.machine import clock_off, cold, gpu_missing, hot, missing_cards, quota, source_failing
from alerts.node_history import CardHistory, NodeHistory
from alerts.quota import DAY, DayUse
from alerts.rule import RulePolicy
from rigwatch.figures import Gpu
from rigwatch.texts import plain
from tests.fake_clock import START
from tests.unit.alerts.contexts import ABSENT, FACTS, reporting

HOT = RulePolicy(threshold=85, clear=80)
COLD = RulePolicy(threshold=25, clear=30)
CLOCK = RulePolicy(threshold=30, clear=5)
LONG = "x" * 100


@pytest.mark.parametrize(
    ("degrees", "is_open", "holds"),
    [(85, False, Holds.NO), (85.1, False, Holds.YES), (80, True, Holds.NO), (80.1, True, Holds.YES)],
)
def test_a_card_is_hot_above_the_threshold_and_until_the_clear(degrees: float, is_open: bool, holds: Holds) -> None:
    view = reporting(gpus=(Gpu("a", temperature=20.0), Gpu("b", temperature=degrees)))
    assert hot(view, HOT, is_open).holds is holds


@pytest.mark.parametrize(
    ("degrees", "is_open", "holds"),
    [(25, False, Holds.NO), (24.9, False, Holds.YES), (30, True, Holds.NO), (29.9, True, Holds.YES)],
)
def test_a_card_is_cold_below_the_threshold_and_until_the_clear(degrees: float, is_open: bool, holds: Holds) -> None:
    view = reporting(gpus=(Gpu("a", temperature=60.0), Gpu("b", temperature=degrees)), hashrate=1.0)
    assert cold(view, COLD, is_open).holds is holds


def test_a_card_is_named_by_what_fits() -> None:
    card = Gpu(LONG, LONG, temperature=90.0)
    named = f"{plain(LONG, 40)} {plain(LONG, 60)}"
    assert hot(reporting(gpus=(card,)), HOT, False).evidence == f"90 °C ({named}), limit 85 °C"
    assert hot(reporting(temperature=90.0), HOT, False).evidence == "90 °C, limit 85 °C"


@pytest.mark.parametrize(
    ("offset", "is_open", "holds", "words"),
    [
        (30_000, False, Holds.NO, "30 s behind"),
        (30_001, False, Holds.YES, "30 s behind"),
        (-30_000, False, Holds.NO, "30 s ahead"),
        (-30_001, False, Holds.YES, "30 s ahead"),
        (5_000, True, Holds.NO, "5 s behind"),
        (5_001, True, Holds.YES, "5.0 s behind"),
        (1, False, Holds.NO, "0.0 s behind"),
    ],
)
def test_a_clock_is_off_above_the_threshold_and_until_the_clear(
    offset: int, is_open: bool, holds: Holds, words: str
) -> None:
    view = reporting()
    result = clock_off(replace(view, facts=replace(view.facts, clock_offset=offset)), CLOCK, is_open)
    assert (result.holds, result.evidence) == (holds, words)


def test_a_clock_nobody_has_compared_is_not_judged() -> None:
    unknown = replace(FACTS, clock_offset=None)
    assert clock_off(replace(reporting(), facts=unknown), CLOCK, False) is UNKNOWN
    assert clock_off(replace(ABSENT, facts=replace(FACTS, clock_offset=90_000)), CLOCK, False) is UNKNOWN


def test_a_clock_that_is_right_is_not_called_behind() -> None:
    assert clock_off(reporting(), CLOCK, False).evidence == "0 s ahead"


def test_sources_are_named_by_what_fits() -> None:
    assert source_failing(reporting(errors={LONG: "no answer"}), HOT, False).evidence == f"{plain(LONG, 40)}: no answer"
    view = replace(reporting(hashrate=1.0), history=NodeHistory(failing=(LONG,)))
    result = source_failing(replace(view, facts=replace(view.facts, sources=("xmrig",))), HOT, False)
    assert (result.holds, result.evidence) == (Holds.MOOT, f"{plain(LONG, 40)}: not read any more")


def test_a_sample_without_any_figure_says_nothing_of_the_sources() -> None:
    assert source_failing(reporting(), HOT, False) is UNKNOWN
    assert source_failing(reporting(peers=0), HOT, False).holds is Holds.NO


def card(name: str, first: int, last: int, model: str = "") -> CardHistory:
    return CardHistory(name, START + first, START + last, model)


def test_cards_are_missed_since_the_first_was_seen_last_and_named_by_what_fits() -> None:
    cards = (card(LONG, -900, -300, LONG), card("b", -900, -200), card("c", -900, 0))
    view = replace(reporting(gpus=(Gpu("c"),)), history=NodeHistory(cards=cards))
    result = gpu_missing(view, HOT, False)
    assert (result.holds, result.since) == (Holds.YES, START - 300)
    assert result.evidence.startswith(f"2 of 3 missing: {plain(LONG, 40)} {plain(LONG, 60)}, GPU b (")


def test_cards_count_together_that_were_there_at_one_time() -> None:
    lost = card("a", -900, -300)
    assert missing_cards([lost, card("b", -300, 0)], {"b"}) == ([lost], 2)
    assert missing_cards([lost, card("b", -299, 0)], {"b"}) == ([lost], 1)
    assert missing_cards([lost, card("b", -900, -300)], set()) == ([lost, card("b", -900, -300)], 2)
    assert missing_cards([card("b", -900, 0)], {"b"}) == ([], 0)


def test_what_a_quota_leaves_out_is_told_in_figures() -> None:
    today = DayUse(START // DAY, samples=1234, bytes=5_600_000, refused=7)
    result = quota(replace(reporting(), facts=replace(FACTS, today=today)), HOT, False)
    assert result.holds is Holds.YES
    assert result.evidence.startswith("1,234 samples of 6 MB are stored of today, 7 more were not taken")
    exact = DayUse(START // DAY, samples=1, bytes=999_999_600_000, refused=1)
    assert "999,999.6" not in quota(replace(reporting(), facts=replace(FACTS, today=exact)), HOT, False).evidence
    assert "1,000,000 MB" in quota(replace(reporting(), facts=replace(FACTS, today=exact)), HOT, False).evidence
