import pytest

from publisher.sources.lolminer import parse
from publisher.sources.reading import Reading, SourceError
from rigwatch.figures import Gpu, Miner
from tests.miners import captured

DUAL = captured("lolminer-1.92-dual.json")


def test_it_reads_what_lolminer_answers_in_hashes_a_second() -> None:
    assert parse(captured("lolminer-1.92.json")) == Reading(
        hashrate=5.6549 * 1e6,
        accepted=68,
        rejected=0,
        stale=0,
        invalid=0,
        algorithm="nexapow",
        temperature=65,
        power=86.118,
        fan=38,
        gpus=(
            Gpu(
                "0000:0b:00.0",
                "NVIDIA GeForce GTX 1060 3GB",
                5.6549 * 1e6,
                65,
                power=86.118,
                fan=38,
                accepted=68,
                rejected=0,
                invalid=0,
            ),
        ),
        miner=Miner("lolMiner", "1.92"),
        pool="pool.example:3400",
        uptime=3710,
    )


def test_of_two_algorithms_the_first_is_read() -> None:
    reading = parse(DUAL)
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.stale) == (120.5e6, 10, 1, 2)
    assert [(gpu.id, gpu.hashrate) for gpu in reading.gpus or ()] == [
        ("0000:03:00.0", 60.25e6),
        ("0000:0c:00.0", 60.25e6),
    ]


def test_the_second_has_a_unit_of_its_own() -> None:
    reading = parse(DUAL, "Kaspa")
    assert (reading.hashrate, reading.accepted, reading.pool) == (1.5e9, 20, "second.example:5555")
    assert [gpu.hashrate for gpu in reading.gpus or ()] == [0.75e9, 0.75e9]
    assert reading.power == 290.5


def test_a_card_that_is_not_in_the_list_of_rates_has_an_unknown_one() -> None:
    raw = DUAL.replace(b'"Worker_Performance":[60.25,60.25]', b'"Worker_Performance":[60.25]')
    assert [gpu.hashrate for gpu in parse(raw).gpus or ()] == [60.25e6, None]


def test_an_answer_of_years_ago_is_an_error_that_names_what_is_missing() -> None:
    with pytest.raises(SourceError, match="not an answer of lolMiner: object missing required field `Algorithms`"):
        parse(captured("lolminer-1.29.json"))


def test_one_that_mines_nothing_lacks_its_hashrate() -> None:
    reading = parse(b'{"Software":"lolMiner 1.92","Workers":[],"Algorithms":[]}')
    assert reading.lacks == "lolMiner says of no algorithm that it mines it"
    assert reading.hashrate is None
