import pytest

from publisher.sources.reading import Reading
from publisher.sources.srbminer import SrbminerHashrate, hashrate, parse
from rigwatch.figures import Gpu, Miner
from tests.miners import captured

ANSWER = captured("srbminer-3.6.4.json")
DUAL = captured("srbminer-2.4.4-dual.json")


def test_it_reads_what_srbminer_answers() -> None:
    assert parse(ANSWER) == Reading(
        hashrate=63404632916632.73,
        accepted=64,
        rejected=0,
        algorithm="pearlhash",
        temperature=74,
        power=149,
        fan=86,
        gpus=(
            Gpu(
                "0000:0a:00.0",
                "nvidia_geforce_rtx_3070",
                63404632916632.73,
                temperature=74,
                power=149,
                fan=86,
                accepted=64,
                rejected=0,
            ),
        ),
        miner=Miner("SRBMiner-MULTI", "3.6.4"),
        pool="pool.example:7048",
        uptime=11080,
        pool_latency=232,
    )


def test_without_a_bus_a_card_counts_and_is_not_listed() -> None:
    reading = parse(ANSWER.replace(b'"bus_id":10,', b""))
    assert (reading.temperature, reading.power, reading.gpus) == (74, 149, None)


def test_of_two_algorithms_the_first_is_read() -> None:
    reading = parse(DUAL)
    assert (reading.hashrate, reading.accepted, reading.rejected) == (4011, 4, 1)


def test_the_settings_may_name_the_second() -> None:
    reading = parse(DUAL, "VerusHash")
    assert (reading.hashrate, reading.accepted, reading.pool) == (9000500, 9, "second.example:3333")


@pytest.mark.parametrize(
    ("of", "rate"),
    [
        (SrbminerHashrate(cpu={"total": 3.0}, gpu={"total": 4.0, "gpu0": 4.0}), 7.0),
        (SrbminerHashrate(cpu={"total": 0.0}), 0.0),
        (SrbminerHashrate(gpu={"total": None}), None),
        (SrbminerHashrate(cpu={"total": 0.0}, gpu={"total": None}), None),
        (SrbminerHashrate(gpu={"gpu0": 4.0}), None),
        (SrbminerHashrate(now=5.0), 5.0),
        (SrbminerHashrate(), None),
    ],
)
def test_processors_and_cards_add_up_for_one_algorithm(of: SrbminerHashrate, rate: float | None) -> None:
    assert hashrate(of) == rate


def test_one_that_mines_nothing_lacks_its_hashrate() -> None:
    reading = parse(b'{"algorithms":[]}')
    assert reading.lacks == "SRBMiner-MULTI says of no algorithm that it mines it"
