"""What is remembered of a node: its block, its shares and its cards, sample by sample."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from alerts.node_history import (
    BLOCKS_KEPT,
    CARD_FORGOTTEN_AFTER,
    CARD_KNOWN_AFTER,
    CARDS_MAX,
    EARLIER,
    OUTBOX,
    CardHistory,
    NodeHistory,
    ShareCounters,
    follow,
)
from alerts.rhythm import Rhythm
from alerts.rule import HOUR, MINUTE
from rigwatch.figures import Gpu
from rigwatch.messages import Sample
from tests.fake_clock import START


def sample(minute: float, **figures: object) -> Sample:
    return Sample(n=1, at=START + round(minute * MINUTE), **figures)  # type: ignore[arg-type]  # a sample's figures


def followed(*samples: Sample, history: NodeHistory = NodeHistory()) -> NodeHistory:  # noqa: B008 - never changed
    for each in samples:
        history = follow(history, each)
    return history


def test_a_sample_that_is_not_newer_changes_nothing() -> None:
    history = followed(sample(1, block=5))
    assert follow(history, sample(1, block=6)) is history
    assert follow(history, sample(0, block=6)) is history
    assert followed(sample(1), sample(3.5)).spacing == 150_000
    assert followed(sample(1)).spacing == 0


def test_a_block_is_dated_by_the_first_sample_that_has_it() -> None:
    history = followed(sample(1, block=5), sample(2, block=5), sample(3), sample(4, block=6), sample(5, block=6))
    assert (history.block, history.block_at) == (6, START + 4 * MINUTE)
    assert followed(sample(6, block=4), history=history).block_at == START + 6 * MINUTE


def test_the_block_of_five_minutes_ago_is_remembered() -> None:
    assert EARLIER == 5 * MINUTE
    history = followed(sample(0, block=1), sample(4.9, block=2))
    assert (history.earlier, history.marked) == (None, (START, 1))
    history = followed(sample(5, block=3), history=history)
    assert (history.earlier, history.marked) == ((START, 1), (START + 5 * MINUTE, 3))


def test_the_last_twelve_hashes_are_kept_one_for_each_block() -> None:
    history = followed(*(sample(each, block=each, block_hash=f"h{each}") for each in range(1, 15)))
    assert history.blocks == tuple((each, f"h{each}") for each in range(15 - BLOCKS_KEPT, 15))
    again = followed(sample(20, block=7, block_hash="other"), history=history)
    assert (7, "h7") not in again.blocks
    assert again.blocks[-1] == (7, "other")
    assert BLOCKS_KEPT == 12
    assert followed(sample(30, block=99), history=history).blocks == history.blocks


def test_the_sources_that_failed_last_are_remembered_and_the_outbox_is_none() -> None:
    history = followed(sample(1, errors={"xmrig": "a", "nvml": "b", OUTBOX: "full"}), sample(2))
    assert history.failing == ("nvml", "xmrig")


def test_shares_are_counted_with_what_is_refused_and_stale() -> None:
    history = followed(sample(1, accepted=5, rejected=2, stale=3))
    assert history.shares[0] == ShareCounters(START + MINUTE, 5, 5)


def test_a_share_within_the_time_between_two_samples_came_in_its_middle_unless_the_miner_says() -> None:
    first = sample(1, accepted=5, rejected=0)
    history = followed(first, sample(2, accepted=6, rejected=0))
    assert (history.share_at, history.shared) == (START + 90_000, True)
    history = followed(first, sample(2, accepted=8, rejected=0))
    assert history.share_at == START + 105_000
    said = followed(first, sample(2, accepted=6, rejected=0, last_share_at=START + 110_000))
    assert said.share_at == START + 110_000
    assert said.waits == Rhythm(1.0, 50_000.0)
    now = followed(first, sample(2, accepted=6, rejected=0, last_share_at=START + 2 * MINUTE))
    assert now.share_at == START + 2 * MINUTE
    later = followed(first, sample(2, accepted=6, rejected=0, last_share_at=START + 10 * MINUTE))
    assert later.share_at == START + 90_000
    before = followed(first, sample(2, accepted=6, rejected=0, last_share_at=START + 1))
    assert before.share_at == START + MINUTE


def test_without_a_new_share_the_last_is_as_long_ago_as_it_was() -> None:
    history = followed(sample(1, accepted=5, rejected=0), sample(2, accepted=5, rejected=0))
    assert (history.share_at, history.shared) == (START + MINUTE, False)
    told = followed(sample(3, accepted=5, rejected=0, last_share_at=START + 150_000), history=history)
    assert (told.share_at, told.shared) == (START + 150_000, True)
    # The miner was started at the first sample, and tells of no share since.
    same = followed(sample(3, accepted=5, rejected=0, last_share_at=START + MINUTE), history=history)
    assert (same.share_at, same.shared) == (START + MINUTE, False)
    assert followed(sample(4, accepted=6, rejected=0), history=told).waits == Rhythm(1.0, 60_000.0)


@pytest.mark.parametrize("fell", [{"accepted": 4, "rejected": 9}, {"accepted": 9, "rejected": 1}])
def test_counters_that_go_back_are_those_of_a_miner_that_was_started_anew(fell: dict[str, int]) -> None:
    history = followed(sample(1, accepted=5, rejected=2), sample(2, accepted=6, rejected=2), sample(3, **fell))
    assert history.shares == (ShareCounters(START + 3 * MINUTE, *fell.values()),)
    assert (history.share_at, history.shared) == (START + 3 * MINUTE, False)
    # It waited since the middle of the minute before for a share that nobody will know of.
    assert history.waits == Rhythm(1.0, 30_000.0 + 30_000.0)


def test_after_an_absence_nobody_knows_how_long_a_share_took() -> None:
    history = followed(sample(1, accepted=5, rejected=0), sample(2, accepted=6, rejected=0))
    near = followed(sample(7, accepted=7, rejected=0), history=history)
    assert near.waits.count == 2
    away = followed(sample(7.1, accepted=7, rejected=0), history=history)
    assert (away.waits, away.share_at, away.shared) == (history.waits, START + round(7.1 * MINUTE), True)
    rest = followed(sample(9, accepted=6, rejected=0), history=replace(history, shared=False))
    assert (rest.share_at, rest.shared) == (START + 9 * MINUTE, False)
    assert followed(sample(9, accepted=6, rejected=0), history=history).shared
    slow = replace(history, spacing=2 * MINUTE)
    assert followed(sample(8, accepted=7, rejected=0), history=slow).waits.count == 2


def test_another_pool_or_algorithm_has_a_rhythm_of_its_own() -> None:
    work = {"algorithm": "ethash", "pool": "a"}
    history = followed(sample(1, accepted=5, rejected=0, **work), sample(2, accepted=6, rejected=0, **work))
    assert history.waits.count == 1
    for other in ({"algorithm": "kawpow", "pool": "a"}, {"algorithm": "ethash", "pool": "b"}):
        moved = followed(sample(3, accepted=7, rejected=0, **other), history=history)
        assert (moved.waits, moved.share_at, moved.shared) == (Rhythm(), START + 3 * MINUTE, False)
    named = followed(sample(3, accepted=7, rejected=0, algorithm="ethash", pool="a", block=5), history=history)
    assert (named.waits.count, named.work) == (2, ("ethash", "a"))
    new = followed(sample(1, accepted=5, rejected=0), sample(2, accepted=6, rejected=0, **work))
    assert (new.waits.count, new.work) == (1, ("ethash", "a"))
    silent = followed(sample(3, accepted=7, rejected=0), history=history)
    assert (silent.waits.count, silent.work) == (2, ("ethash", "a"))


def test_shares_of_the_last_hour_are_kept_one_in_five_minutes() -> None:
    history = followed(*(sample(minute, accepted=minute, rejected=0) for minute in range(1, 101)))
    minutes = [(each.at - START) // MINUTE for each in history.shares]
    assert minutes[-1] == 100
    assert all(after - before == 5 for before, after in pairwise(minutes[:-1]))
    assert 100 - 65 < minutes[0] <= 100 - 60
    two = followed(*(sample(minute, accepted=minute, rejected=0) for minute in (1, 2)))
    assert [each.accepted for each in two.shares] == [1, 2]
    three = followed(sample(3, accepted=3, rejected=0), history=two)
    assert [each.accepted for each in three.shares] == [1, 3]


def test_the_hours_of_an_algorithm_are_followed() -> None:
    assert [each.algorithm for each in followed(sample(1, algorithm="ethash", hashrate=5.0)).paces] == ["ethash"]
    assert followed(sample(1, hashrate=5.0)).paces == ()


def test_a_card_that_belonged_to_the_node_is_remembered_for_a_day() -> None:
    two, one = (Gpu("a", "RTX"), Gpu("b", "RTX")), (Gpu("a", "RTX"),)
    assert (CARD_KNOWN_AFTER, CARD_FORGOTTEN_AFTER) == (10 * MINUTE, 24 * HOUR)
    brief = followed(sample(0, gpus=two), sample(9.9, gpus=two), sample(11, gpus=one))
    assert [each.id for each in brief.cards] == ["a"]
    known = followed(sample(0, gpus=two), sample(10, gpus=two), sample(11, gpus=one))
    assert known.cards == (
        CardHistory("a", START, START + 11 * MINUTE, "RTX"),
        CardHistory("b", START, START + 10 * MINUTE, "RTX"),
    )
    day = 24 * 60
    assert len(followed(sample(day + 9.9, gpus=one), history=known).cards) == 2
    assert len(followed(sample(day + 10, gpus=one), history=known).cards) == 1
    assert follow(known, sample(12)).cards is known.cards


def test_whoever_invents_cards_fills_nothing() -> None:
    assert CARDS_MAX == 128
    history = NodeHistory()
    for each in range(4):
        cards = tuple(Gpu(f"{each}-{number}", "RTX") for number in range(64))
        history = followed(sample(each * 20, gpus=cards), sample(each * 20 + 11, gpus=cards), history=history)
    assert len(history.cards) == CARDS_MAX
    assert {card.id[0] for card in history.cards} == {"2", "3"}


def test_the_usual_draw_follows_slowly_and_only_while_it_hashes() -> None:
    works = {"power": 100.0, "hashrate": 1.0}
    history = followed(sample(1, **works), sample(2, power=900.0), sample(3, hashrate=1.0))
    assert (history.draw, history.draw_at) == (100.0, START + MINUTE)
    assert followed(sample(9, power=900.0), sample(18, hashrate=1.0), history=history).draw == 100.0
    more = {"power": 244.0, "hashrate": 1.0}
    assert followed(sample(5.9, **more), history=history).draw == 100.0
    # Five minutes are a 144th of twelve hours.
    later = followed(sample(6, **more), history=history)
    assert (later.draw, later.draw_at) == (101.0, START + 6 * MINUTE)
    assert followed(sample(1 + 720, **more), history=history).draw == 244.0
    assert followed(sample(1 + 1440, **more), history=history).draw == 244.0
    assert followed(sample(1 + 72, power=102.222, hashrate=1.0), history=history).draw == 100.2
