import json

import pytest

from publisher.sources.gminer import parse
from publisher.sources.reading import Reading, SourceError
from rigwatch.figures import Gpu, Miner
from tests.miners import captured

DUAL = captured("gminer-3.44-dual.json")


def test_it_reads_what_gminer_answers() -> None:
    assert parse(captured("gminer-2.70.json")) == Reading(
        hashrate=72131151,
        accepted=529,
        rejected=0,
        stale=0,
        invalid=0,
        algorithm="ethash",
        temperature=57,
        power=115,
        fan=0,
        gpus=(
            Gpu(
                "0000:01:00.0",
                "ASUS GeForce RTX 3080 10GB",
                72131151,
                57,
                power=115,
                fan=0,
                accepted=529,
                rejected=0,
                invalid=0,
            ),
        ),
        miner=Miner("GMiner", "2.70"),
        pool="pool.example:4444",
        uptime=34505,
    )


def test_of_two_algorithms_the_first_is_read() -> None:
    reading = parse(DUAL)
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.stale) == (181e6, 29, 1, 2)
    assert (reading.pool, reading.power, reading.temperature) == ("stratum+tcp://pool.example:4444", 435, 59)


def test_the_settings_may_name_the_second() -> None:
    reading = parse(DUAL, "kHeavyHash")
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.stale) == (810e6, 111, 3, 4)
    assert reading.pool == "stratum+tcp://second.example:5555"
    assert [gpu.hashrate for gpu in reading.gpus or ()] == [400e6, 410e6]


def test_an_algorithm_that_is_not_mined_is_an_error() -> None:
    with pytest.raises(SourceError, match="mines Ethash, kHeavyHash, not the algorithm 'octopus'"):
        parse(DUAL, "octopus")


def test_without_the_speed_of_one_card_the_whole_is_not_known() -> None:
    answer = json.loads(DUAL)
    answer["devices"][0]["speed"] = None
    assert parse(json.dumps(answer).encode()).hashrate is None
