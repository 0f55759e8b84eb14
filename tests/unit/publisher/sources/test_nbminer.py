import pytest

from publisher.sources.nbminer import parse
from publisher.sources.reading import Reading, SourceError
from rigwatch.clock import Millis
from rigwatch.figures import Gpu, Miner
from tests.miners import captured

STARTED = 1_637_549_633
NOW: Millis = (STARTED + 3600) * 1000
ANSWER = captured("nbminer-40.0.json")
DUAL = captured("nbminer-29.1-dual.json")


def shares(accepted: int) -> dict[str, int]:
    return {"accepted": accepted, "rejected": 0, "invalid": 0}


def test_it_reads_what_nbminer_answers() -> None:
    assert parse(ANSWER, now=NOW) == Reading(
        hashrate=146567481.5,
        accepted=7,
        rejected=0,
        invalid=0,
        algorithm="ethash",
        temperature=60,
        power=389,
        fan=70,
        gpus=(
            Gpu("0000:01:00.0", "NVIDIA GeForce RTX 3070", 61497708.17, 57, power=131, fan=59, **shares(4)),
            Gpu("0000:0a:00.0", "NVIDIA GeForce RTX 3080", 85069773.33, 60, 94, 258, 70, **shares(3)),
        ),
        miner=Miner("NBMiner", "40.0"),
        pool="stratum+ssl://pool.example:5555",
        uptime=3600,
        pool_latency=217,
    )


def test_of_two_algorithms_the_first_is_read() -> None:
    reading = parse(DUAL, now=NOW)
    assert (reading.hashrate, reading.accepted, reading.rejected) == (350590241.8, 2, 0)
    assert reading.pool == "pool.example:3384"


def test_the_settings_may_name_the_second() -> None:
    reading = parse(DUAL, "ethash", now=NOW)
    assert (reading.hashrate, reading.accepted, reading.rejected) == (82523781.43, 2, 1)
    assert (reading.pool, reading.pool_latency) == ("second.example:3353", None), "0 until it is measured"
    assert [gpu.hashrate for gpu in reading.gpus or ()] == [40409826.24, 42113955.19774488]


def test_a_name_with_a_line_in_it_is_one_algorithm_where_only_one_is_mined() -> None:
    with pytest.raises(SourceError, match="mines beam_v3, not the algorithm 'v3'"):
        parse(ANSWER.replace(b'"ethash"', b'"beam_v3"'), "v3", now=NOW)


def test_a_clock_that_was_put_back_since_the_start_makes_no_negative_uptime() -> None:
    assert parse(ANSWER, now=(STARTED - 60) * 1000).uptime == 0


def test_a_field_of_another_type_costs_that_field_and_is_named() -> None:
    reading = parse(ANSWER.replace(b'"total_hashrate_raw":146567481.5', b'"total_hashrate_raw":"146.6 M"'), now=NOW)
    assert (reading.hashrate, reading.accepted) == (None, 7)
    assert reading.odd == ("miner.total_hashrate_raw: not a number",)
