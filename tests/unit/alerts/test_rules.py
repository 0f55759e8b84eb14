"""Every rule on a time line: when it fires, when it ends, and what never makes it fire."""

import pytest

from rigwatch.figures import AlgorithmFigures, Gpu
from tests.unit.alerts.timeline import Timeline

RIG, OTHER, THIRD = "garage/rig1", "garage/rig2", "attic/rig3"


def test_no_peers_fires_after_its_hold_and_not_every_100_seconds() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, peers=0)
    line.at(149).expect_nothing()
    line.at(150).expect("WARNING: garage/rig1 has no peers")
    line.at(86400).expect("STILL", "STILL")
    line.report(RIG, peers=12)
    line.at(86460).expect("OK: garage/rig1 has peers again")


def test_unknown_peers_neither_fire_nor_resolve() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, peers=None)
    line.at(3600).expect_nothing()
    line.report(RIG, peers=0)
    line.at(3800).expect("has no peers")
    line.report(RIG, peers=None)
    line.at(4500).expect("STILL")
    line.report(RIG, peers=30)
    line.at(5000).expect("OK")


def test_few_peers_have_a_hysteresis() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, peers=2)
    line.at(700).expect("INFO: garage/rig1 has few peers")
    line.report(RIG, peers=4)
    line.at(2000).expect_nothing()
    line.report(RIG, peers=5)
    line.at(2200).expect("OK")


def test_no_hashrate_fires_and_the_outage_of_the_miner_is_another_thing() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, hashrate=0)
    line.at(160).expect("CRITICAL: garage/rig1 hashes nothing")
    line.report(RIG, hashrate=None, errors={"miner": "connection refused"})
    line.at(355).expect("WARNING: garage/rig1 cannot be read in full")
    assert "miner: connection refused" in line.last().body


def test_a_source_that_fails_is_not_a_lost_node() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, errors={"miner": "timed out"})
    line.at(215).expect("cannot be read in full")
    line.report(RIG, errors={})
    line.at(300).expect("OK: garage/rig1 can be read in full again")


def test_low_hashrate_is_measured_against_the_nodes_own_median() -> None:
    line = Timeline(RIG).usually(RIG, 45e6)
    line.at(30).report(RIG, hashrate=30e6)
    line.at(640).expect("WARNING: garage/rig1 hashes less than usual")
    assert "30 MH/s, 67 % of its usual 45 MH/s" in line.last().body
    line.report(RIG, hashrate=34e6)
    line.at(2000).expect_nothing()
    line.report(RIG, hashrate=40e6)
    line.at(2400).expect("OK")


def _hours(line: Timeline, begin: int, hours: int, **figures: object) -> None:
    line.at(begin).report(RIG, **figures)
    line.at(begin + hours * 3600)


def test_a_switcher_is_compared_with_what_it_makes_of_the_same_algorithm() -> None:
    line = Timeline(RIG)
    _hours(line, 30, 5, algorithm="kaspa", hashrate=500e6)
    _hours(line, 5 * 3600 + 40, 5, algorithm="etchash", hashrate=60e6)
    line.expect_nothing()
    line.at(11 * 3600).report(RIG, algorithm="kaspa", hashrate=490e6)
    line.at(12 * 3600).expect_nothing()
    line.report(RIG, algorithm="etchash", hashrate=30e6)
    line.at(13 * 3600).expect("WARNING: garage/rig1 hashes less than usual")
    assert "30 MH/s, 50 % of its usual 60 MH/s for etchash" in line.last().body


def test_an_algorithm_that_is_new_is_not_judged_by_another() -> None:
    line = Timeline(RIG).usually(RIG, 500e6)
    _hours(line, 30, 5, algorithm="kaspa", hashrate=500e6)
    line.at(5 * 3600 + 40).report(RIG, algorithm="etchash", hashrate=60e6)
    line.at(7 * 3600).expect_nothing()


def test_of_two_algorithms_at_a_time_each_is_compared_with_itself() -> None:
    line = Timeline(RIG)
    both = {"etchash": AlgorithmFigures(60e6), "kaspa": AlgorithmFigures(500e6)}
    _hours(line, 30, 5, algorithm="etchash", hashrate=60e6, algorithms=both)
    line.expect_nothing()
    line.report(RIG, algorithms={"etchash": AlgorithmFigures(60e6), "kaspa": AlgorithmFigures(200e6)})
    line.at(6 * 3600).expect("WARNING: garage/rig1 hashes less than usual")
    assert "200 MH/s, 40 % of its usual 500 MH/s for kaspa" in line.last().body


def test_a_node_that_ever_did_one_algorithm_is_compared_with_all_its_past() -> None:
    line = Timeline(RIG).usually(RIG, 45e6)
    line.at(30).report(RIG, algorithm="etchash", hashrate=30e6)
    line.at(640).expect("WARNING: garage/rig1 hashes less than usual")


def test_without_history_there_is_no_usual_hashrate() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, hashrate=1e3)
    line.at(7200).expect_nothing()


def test_the_floor_is_off_until_somebody_sets_it() -> None:
    line = Timeline(RIG, hashrate_floor={"threshold": 40e6, "hold": "0s"})
    line.at(30).report(RIG, hashrate=39e6).expect("WARNING: garage/rig1 hashes too little")


def test_a_node_that_lags_behind_the_fleet_is_told() -> None:
    line = Timeline(RIG, OTHER)
    line.at(10).report(OTHER, block=1000)
    line.at(12).report(RIG, block=994)
    line.at(400).expect("WARNING: garage/rig1 lags behind the chain")
    assert "6 behind the fleet's 1000" in line.last().body
    line.report(RIG, block=999)
    line.at(600).expect("OK")


def test_nodes_of_different_chains_are_not_compared() -> None:
    line = Timeline(RIG, OTHER)
    line.tag(RIG, "chain:one")
    line.tag(OTHER, "chain:two")
    line.at(10).report(OTHER, block=1000)
    line.at(12).report(RIG, block=4)
    line.at(4000).expect_nothing()


def test_a_node_stuck_at_a_block_while_the_fleet_moves_is_told() -> None:
    line = Timeline(RIG, OTHER, block_lag={"enabled": False})
    line.at(10).report(RIG, block=1000)
    for minute in range(1, 12):
        line.at(minute * 60 + 10).report(OTHER, block=1000 + minute)
    line.at(700).expect("WARNING: garage/rig1 is stuck at a block")
    line.at(720).report(RIG, block=1012).expect("OK")


def test_a_chain_that_stands_still_for_everybody_is_nobodys_fault() -> None:
    line = Timeline(RIG, OTHER)
    line.at(10).report(OTHER, block=1000).report(RIG, block=1000)
    line.at(7200).expect_nothing()


def test_another_hash_at_the_same_height_is_a_fork() -> None:
    line = Timeline(RIG, OTHER, THIRD)
    for name in (OTHER, THIRD):
        line.report(name, block=1000, block_hash="0xaaaa")
    line.report(RIG, block=1000, block_hash="0xbbbb")
    line.at(200).expect("CRITICAL: garage/rig1 is on another chain")
    assert "at block 1000 it has 0xbbbb, 2 other nodes have 0xaaaa" in line.last().body


def test_the_same_hash_at_different_heights_is_no_fork() -> None:
    line = Timeline(RIG, OTHER, block_stalled={"enabled": False})
    line.report(OTHER, block=1000, block_hash="0xaaaa")
    line.report(OTHER, block=1001, block_hash="0xcccc")
    line.report(RIG, block=1000, block_hash="0xaaaa")
    line.at(900).expect_nothing()


def test_no_accepted_share_is_measured_against_its_own_rhythm() -> None:
    line = Timeline(RIG)
    for minute in range(1, 31):
        line.at(minute * 60 + 1).report(RIG, accepted=minute, rejected=0)
    line.at(30 * 60 + 1 + 1199).expect_nothing()
    line.at(30 * 60 + 1 + 1400).expect("WARNING: garage/rig1 gets no share accepted")
    assert "usually one every 1 min" in line.last().body
    line.report(RIG, accepted=31).expect("OK")


def test_a_restarted_miner_does_not_look_like_one_without_shares() -> None:
    line = Timeline(RIG)
    for minute in range(1, 31):
        line.at(minute * 60 + 1).report(RIG, accepted=minute, rejected=0)
    line.at(1900).report(RIG, accepted=0)
    line.at(1900 + 500).expect_nothing()


def test_a_high_rate_of_rejected_shares_is_told() -> None:
    line = Timeline(RIG)
    line.at(1).report(RIG, accepted=0, rejected=0)
    for minute in range(1, 16):
        line.at(minute * 60 + 1).report(RIG, accepted=minute * 9, rejected=minute)
    line.expect("WARNING: garage/rig1 gets shares rejected")
    assert "10.0 % of" in line.last().body


def test_few_shares_say_nothing_about_a_rate() -> None:
    line = Timeline(RIG, no_shares={"enabled": False})
    line.at(1).report(RIG, accepted=0, rejected=0)
    line.at(61).report(RIG, accepted=5, rejected=5)
    line.at(3600).expect_nothing()


def cards(*names: str) -> tuple[Gpu, ...]:
    return tuple(Gpu(id=f"GPU-{name}", name="RTX 3070", temperature=60) for name in names)


def test_a_missing_gpu_is_known_by_its_id() -> None:
    line = Timeline(RIG)
    line.report(RIG, gpus=cards("a", "b", "c"))
    line.at(900).report(RIG, gpus=cards("c", "a"))
    line.at(1100).expect("CRITICAL: garage/rig1 misses a GPU")
    assert "1 of 3 missing: RTX 3070 GPU-b" in line.last().body
    line.report(RIG, gpus=cards("c", "b", "a")).expect("OK")


def test_as_many_cards_as_before_under_other_ids_are_not_missing() -> None:
    line = Timeline(RIG)
    line.report(RIG, gpus=cards("a", "b", "c"))
    line.at(900).report(RIG, gpus=cards("a", "x", "y"))
    line.at(2000).report(RIG, gpus=cards("p", "q", "r", "s"))
    line.at(3600).expect_nothing()


def test_fewer_cards_under_other_ids_are_missing_until_there_are_as_many_again() -> None:
    line = Timeline(RIG)
    line.report(RIG, gpus=cards("a", "b", "c"))
    line.at(900).report(RIG, gpus=cards("a", "x"))
    line.at(1100).expect("CRITICAL: garage/rig1 misses a GPU")
    assert "1 of 3 missing: among RTX 3070 GPU-b, RTX 3070 GPU-c" in line.last().body
    line.report(RIG, gpus=cards("a", "x", "new")).expect("OK")


def test_cards_lost_one_after_the_other_are_all_missing() -> None:
    line = Timeline(RIG)
    line.report(RIG, gpus=cards("a", "b", "c"))
    line.at(900).report(RIG, gpus=cards("a", "b"))
    line.at(960).report(RIG, gpus=cards("a"))
    line.at(1300)
    assert "2 of 3 missing: RTX 3070 GPU-b, RTX 3070 GPU-c" in line.last().body


def test_cards_in_another_order_are_not_missing() -> None:
    line = Timeline(RIG)
    line.report(RIG, gpus=cards("a", "b"))
    line.at(900).report(RIG, gpus=cards("b", "a"))
    line.at(2000).report(RIG, gpus=None)
    line.at(3600).expect_nothing()


def test_a_card_that_was_taken_out_on_purpose_is_forgotten_after_a_day() -> None:
    line = Timeline(RIG)
    line.report(RIG, gpus=cards("a", "b"))
    line.at(900).report(RIG, gpus=cards("a"))
    line.at(23 * 3600).expect("CRITICAL", "STILL")
    line.at(25 * 3600).expect("OK")


def test_the_hottest_card_counts() -> None:
    line = Timeline(RIG)
    gpus = (Gpu(id="GPU-a", temperature=60), Gpu(id="GPU-b", temperature=91))
    line.at(30).report(RIG, temperature=60, gpus=gpus)
    line.at(100).expect("CRITICAL: garage/rig1 is too hot")
    assert "91 °C (GPU GPU-b), limit 85 °C" in line.last().body
    line.report(RIG, gpus=(Gpu(id="GPU-a", temperature=60), Gpu(id="GPU-b", temperature=82)))
    line.at(1000).expect_nothing()
    line.report(RIG, gpus=(Gpu(id="GPU-a", temperature=60), Gpu(id="GPU-b", temperature=79)))
    line.at(1200).expect("OK")


def test_a_cold_node_that_should_work_is_told() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, temperature=20)
    line.at(640).expect("WARNING: garage/rig1 is cold while it should work")


@pytest.mark.parametrize("offset", [45_000, -45_000])
def test_a_wrong_clock_is_told(offset: int) -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, clock_offset=offset)
    line.at(400).expect("INFO: garage/rig1 has a wrong clock")
    line.report(RIG, clock_offset=0).expect("OK")


def test_samples_that_the_outbox_dropped_are_told() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, errors={"outbox": "7 oldest samples dropped, the outbox is full"})
    line.expect("INFO: garage/rig1 loses samples")
    line.at(3600).expect_nothing()


def test_a_history_sample_never_fires() -> None:
    line = Timeline(RIG)
    # The store keeps history out of a node's latest values; nothing changes for the rules.
    line.at(30).report(RIG)
    line.at(60).reports_stop(RIG)
    line.at(200).expect_nothing()
    assert not line.reasons("no_hashrate")


def test_old_figures_of_a_lost_node_fire_nothing_more() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, hashrate=0, temperature=99)
    line.at(35).dies(RIG)
    line.at(86400).expect("CRITICAL: garage/rig1 lost", "STILL", "STILL")


def test_reminders_of_lesser_trouble_stop_while_the_node_is_lost() -> None:
    line = Timeline(RIG)
    line.at(30).report(RIG, hashrate=0)
    line.at(160).expect("hashes nothing")
    line.at(170).dies(RIG)
    line.at(86400).expect("lost", "STILL: garage/rig1 lost", "STILL: garage/rig1 lost")
    assert any("something worse is known" in each for each in line.reasons("no_hashrate"))


def test_a_defect_of_many_nodes_at_once_is_one_message() -> None:
    names = [f"garage/rig{number:02}" for number in range(30)]
    line = Timeline(*names)
    for number, name in enumerate(names):
        line.at(30 + number * 0.05).report(name, peers=0)
    line.at(300).expect("WARNING: garage: 30 nodes have no peers together, uplink or power?")
