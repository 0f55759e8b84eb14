import pytest

from publisher.sources.reading import Reading, SourceError
from publisher.sources.rigel import parse
from rigwatch.figures import Gpu, Miner
from tests.miners import captured

DUAL = captured("rigel-1.19.1-dual.json")


def test_it_reads_what_rigel_answers() -> None:
    assert parse(captured("rigel-1.23.2.json")) == Reading(
        hashrate=12112.19,
        accepted=1405,
        rejected=0,
        invalid=0,
        algorithm="xelishashv3",
        temperature=72,
        power=294.36,
        fan=83,
        gpus=(
            Gpu(
                "0000:0b:00.0",
                "RTX 3080 Ti",
                12112.19,
                72,
                memory_temperature=88,
                power=294.36,
                fan=83,
                accepted=1405,
                rejected=0,
                invalid=0,
            ),
        ),
        miner=Miner("Rigel", "1.23.2"),
        pool="pool.example:13333",
        uptime=286,
        pool_latency=29,
    )


def test_of_two_algorithms_the_first_is_read() -> None:
    reading = parse(DUAL)
    assert (reading.hashrate, reading.accepted, reading.rejected) == (61e6, 12, 1)


def test_the_settings_may_name_the_second() -> None:
    reading = parse(DUAL, "kaspa")
    assert (reading.hashrate, reading.accepted, reading.rejected) == (310e6, 33, 2)
    assert (reading.pool, reading.pool_latency) == ("second.example:5555", 40)


def test_a_card_that_fell_silent_is_listed_without_figures() -> None:
    reading = parse(DUAL)
    assert reading.gpus == (
        Gpu("0000:0a:00.0", "RTX 3070", hashrate=61e6, temperature=60, power=141.5, fan=70),
        Gpu("0000:0c:00.0", "GTX 1660"),
    )
    assert reading.power is None


def test_an_algorithm_that_has_no_figures_yet_is_not_known() -> None:
    reading = parse(b'{"algorithm":"etchash","devices":[]}')
    assert (reading.hashrate, reading.accepted, reading.pool, reading.pool_latency) == (None, None, None, None)


def test_an_algorithm_that_is_not_mined_is_an_error() -> None:
    with pytest.raises(SourceError, match="mines etchash, kaspa, not the algorithm 'zil' of the settings"):
        parse(DUAL, "zil")
