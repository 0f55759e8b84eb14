"""What begins together is one message: whatever else is on its way, in whatever order, and in how many batches."""

import random

import pytest

from alerts.group import Crowd, Release, release
from tests.unit.alerts.timeline import Timeline

HALL = [f"hall/rig{number}" for number in range(8)]
NINTH = "hall/ninth"
WAIT = 5000


def test_eight_that_get_hot_while_a_ninths_hold_runs_are_one_message() -> None:
    line = Timeline(*HALL, NINTH)
    for number, name in enumerate(HALL):
        line.at(70 + 0.3 * number).report(name, temperature=90)
    line.at(100).report(NINTH, temperature=95)
    line.at(150).expect("CRITICAL: hall: 8 of 9 nodes are too hot together")
    line.at(170).expect("CRITICAL: hall/ninth is too hot")


def test_eight_that_get_hot_after_a_ninth_are_one_message() -> None:
    line = Timeline(*HALL, NINTH)
    line.at(66.5).report(NINTH, temperature=95)
    for number, name in enumerate(HALL):
        line.at(70 + 0.3 * number).report(name, temperature=90)
    line.at(150).expect("CRITICAL: hall/ninth is too hot", "CRITICAL: hall: 8 of 9 nodes are too hot together")


def test_an_outage_of_the_pool_seen_in_two_batches_while_another_is_pending_is_one_message() -> None:
    line = Timeline(*HALL, NINTH)
    line.at(65).report(HALL[0], hashrate=0)
    line.at(68)
    for name in HALL[1:]:
        line.report(name, hashrate=0)
    line.at(110).report(NINTH, hashrate=0)
    line.at(200).expect("CRITICAL: hall: 8 of 9 nodes hash nothing together")
    line.at(240).expect("CRITICAL: hall/ninth hashes nothing")


def test_nodes_that_fall_silent_together_are_one_message_though_there_is_no_hold() -> None:
    line = Timeline(*HALL, NINTH)
    for number, name in enumerate(HALL):
        line.at(30 + 0.3 * number).report(name).reports_stop(name)
    line.at(300).expect("CRITICAL: hall: 8 of 9 nodes silent together")


def test_one_that_falls_silent_alone_is_told_at_once() -> None:
    line = Timeline(*HALL)
    line.at(30).report(HALL[0]).reports_stop(HALL[0])
    line.at(210.1).expect("CRITICAL: hall/rig0 silent")


def test_one_that_is_lost_alone_is_told_when_its_hold_ends_whatever_else_is_pending() -> None:
    line = Timeline(*HALL, NINTH, node={NINTH: {"lost": {"hold": "1m"}}})
    line.at(10).dies(NINTH)
    line.at(12).dies(HALL[0])
    line.at(14).expect("CRITICAL: hall/rig0 lost")


def test_a_hold_that_ended_while_nobody_could_say_is_not_waited_for() -> None:
    line = Timeline(*HALL)
    line.at(10).report(HALL[0], hashrate=0)
    line.at(20).report(HALL[0], hashrate=None)
    line.at(1000).expect_nothing()
    line.at(1001).report(HALL[1], hashrate=0)
    line.at(1121).expect("CRITICAL: hall/rig1 hashes nothing")


def test_what_a_silence_covers_meanwhile_does_not_go_with_the_others() -> None:
    line = Timeline(*HALL)
    for number, name in enumerate(HALL):
        line.at(10 + 0.4 * number).dies(name)
    line.at(12.9).is_quiet(until=600, node="rig0")
    line.at(60).expect("CRITICAL: hall: 7 of 8 nodes lost together")
    line.at(601).expect("STILL: hall: 7 of 7 nodes lost", "CRITICAL: hall/rig0 lost")


def test_one_that_is_back_before_its_group_is_told_is_not_in_it() -> None:
    line = Timeline(*HALL)
    for number, name in enumerate(HALL):
        line.at(10 + 0.4 * number).dies(name)
    line.at(12.9).comes_back(HALL[0])
    line.at(60).expect("CRITICAL: hall: 7 of 8 nodes lost together")


def test_those_that_were_lost_apart_and_come_back_together_are_few_messages() -> None:
    line = Timeline(*HALL)
    for number, name in enumerate(HALL):
        line.at(100 * number + 10).dies(name)
    line.at(1200)
    line.expect(*[title.title for _, title in line.notifications])
    for number, name in enumerate(HALL):
        line.at(1300 + 0.3 * number).comes_back(name)
    line.at(1400).expect("OK: hall/rig0 back", "7 nodes: OK, back (hall 7)")


@pytest.mark.parametrize("seed", range(60))
def test_in_any_order_and_beside_any_other_what_begins_together_is_one_message(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable
    hold = dice.choice([3.0, 20.0, 60.0])
    line = Timeline(*HALL, NINTH, hot={"hold": f"{hold:g}s"})
    spread = dice.uniform(0, 2.4)
    begins = [("hall", 200 + spread * dice.random(), name) for name in HALL]
    begins.append(("ninth", 200 + dice.choice([-1, 1]) * dice.uniform(0, 2 * hold), NINTH))
    for _, at, name in sorted(begins, key=lambda each: each[1]):
        line.at(at).report(name, temperature=95)
    line.at(600)
    told = [(at, notification.title) for at, notification in line.notifications]
    groups = [(at, title) for at, title in told if "nodes are too hot together" in title]
    assert len(groups) == 1, told
    all_nine = ": 9 nodes" in groups[0][1]
    assert len(told) == (1 if all_nine else 2), told
    first = min(at for kind, at, _ in begins if kind == "hall" or all_nine)
    assert groups[0][0] <= first + hold + WAIT / 1000 + 0.01


@pytest.mark.parametrize("seed", range(40))
def test_nobody_waits_longer_than_the_wait_and_nobody_is_forgotten(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable
    hold = 2000
    begins = sorted(dice.randrange(dice.choice([3000, 20_000, 60_000])) for _ in range(dice.randrange(1, 40)))
    told: dict[int, int] = {}
    told_at: int | None = None
    for now in range(0, 80_000, 10):
        owed = [begin + hold for number, begin in enumerate(begins) if begin + hold <= now and number not in told]
        while owed:
            known = [begin for begin in begins if begin <= now]
            coming = [begin + hold for begin in known if begin + hold > now]
            when = release(Crowd(owed, coming, max(known), told_at), WAIT)
            assert when.at <= min(owed) + WAIT
            if when.at > now:
                break
            going = [at for at in owed if at <= when.upto]
            assert going
            for number, begin in enumerate(begins):
                if begin + hold in going and number not in told:
                    told[number] = now
            told_at = now
            owed = [at for at in owed if at > when.upto]
    assert len(told) == len(begins)
    assert all(told[number] <= begin + hold + WAIT + 10 for number, begin in enumerate(begins))


def test_alone_is_now_and_a_crowd_waits_until_nobody_new_has_come_for_a_while() -> None:
    assert release(Crowd([1000]), WAIT) == Release(1000, 1000)
    assert release(Crowd([1000, 1000], joined_at=900), WAIT) == Release(1900, 1000)
    assert release(Crowd([1000, 1000], joined_at=-9000), WAIT) == Release(1000, 1000)
    assert release(Crowd([1000], [3000, 9000]), WAIT) == Release(3000, 3000)
    assert release(Crowd([1000], [3500, 5000, 6500]), WAIT) == Release(1000, 1000)
    assert release(Crowd([1000], [], 0, told_at=500), WAIT) == Release(5500, 1000)


def test_a_flood_that_takes_longer_than_the_wait_is_one_message_and_ends_with_a_pause() -> None:
    flood = [1000 + 100 * number for number in range(80)]
    assert release(Crowd(flood[:30], flood[30:], 0), WAIT) == Release(flood[-1], flood[-1])
    # Nobody waits for who comes after a pause, nor for ever.
    assert release(Crowd(flood[:30], [*flood[30:], 11_000], 0), WAIT) == Release(flood[-1], flood[-1])
    endless = [1000 + 100 * number for number in range(400)]
    assert release(Crowd(endless[:100], endless[100:]), WAIT).at <= 1000 + 3 * WAIT
