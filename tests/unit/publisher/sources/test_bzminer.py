import json
from typing import Any

import pytest

from publisher.sources.bzminer import parse
from publisher.sources.reading import Reading, SourceError
from rigwatch.figures import Gpu, Miner
from tests.miners import captured

ANSWER = captured("bzminer-100.45.json")
DUAL = captured("bzminer-17.3-dual.json")


def _devices(*devices: dict[str, Any]) -> bytes:
    return json.dumps({"pools": [{"algorithm": "pearl"}], "devices": devices}).encode()


def test_it_reads_what_bzminer_answers_and_lists_no_processor_among_the_cards() -> None:
    assert parse(ANSWER) == Reading(
        hashrate=10.25,
        accepted=5,
        rejected=2,
        stale=0,
        invalid=1,
        algorithm="pearl",
        temperature=60,
        power=131,
        fan=50,
        gpus=(
            Gpu(
                "0000:ab:00.0",
                "RTX 4070",
                hashrate=0.25,
                temperature=60,
                power=131,
                fan=50,
                accepted=2,
                rejected=2,
                invalid=1,
            ),
        ),
        miner=Miner("BzMiner", "100.45"),
        pool="stratum+tcp://pool.example:4444",
        uptime=10,
    )


def test_of_two_pools_the_first_is_read_and_who_does_not_mine_to_it_adds_nothing() -> None:
    reading = parse(DUAL)
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.stale) == (60e6, 20, 1, 2)
    assert [gpu.hashrate for gpu in reading.gpus or ()] == [60e6, None]


def test_the_settings_may_name_the_second_whose_figures_stand_elsewhere_on_each_card() -> None:
    reading = parse(DUAL, "kaspa")
    assert (reading.hashrate, reading.accepted, reading.pool) == (500e6, 40, "stratum+tcp://second.example:5555")
    assert [gpu.hashrate for gpu in reading.gpus or ()] == [300e6, 200e6]


def test_without_the_ids_of_pools_the_lists_go_by_their_order() -> None:
    assert parse(_devices({"hashrate": [7.0], "valid_solutions": [3]})).hashrate == 7


def test_a_hashrate_that_is_null_makes_the_whole_unknown() -> None:
    assert parse(_devices({"hashrate": [7.0]}, {"hashrate": [None]})).hashrate is None


def test_an_algorithm_that_is_not_mined_is_an_error() -> None:
    with pytest.raises(SourceError, match="mines etchash, kaspa, not the algorithm 'alph'"):
        parse(DUAL, "alph")
