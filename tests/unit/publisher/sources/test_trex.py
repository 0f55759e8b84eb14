import json
from typing import Any

import pytest

from publisher.sources.reading import Reading, SourceError
from publisher.sources.trex import parse
from rigwatch.figures import AlgorithmFigures, Gpu, Miner
from tests.miners import captured

ANSWER = captured("trex-0.25.9.json")
DUAL = captured("trex-0.25.9-dual.json")
CARD = "0000:0a:00.0"


def _answer(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({**json.loads(ANSWER), **changes}).encode()


def test_it_reads_what_trex_answers() -> None:
    assert parse(ANSWER) == Reading(
        hashrate=50287688,
        accepted=1,
        rejected=0,
        invalid=0,
        algorithm="ethash",
        last_share_at=1655999199000,
        temperature=74,
        power=195,
        fan=68,
        gpus=(
            Gpu(
                CARD,
                "RTX 3070",
                hashrate=50287688,
                temperature=74,
                power=195,
                fan=68,
                accepted=1,
                rejected=0,
                invalid=0,
            ),
        ),
        miner=Miner("T-Rex", "0.25.9"),
        pool="stratum+tcp://pool.example:4444",
        uptime=116,
        pool_latency=33,
    )


def test_of_two_algorithms_the_first_is_read() -> None:
    reading = parse(DUAL)
    assert (reading.hashrate, reading.accepted, reading.rejected) == (50287688, 12, 1)
    assert reading.pool == "stratum+ssl://pool.example:5555"
    assert reading.gpus == (
        Gpu(CARD, "RTX 3070 Ti", 50287688, temperature=74, memory_temperature=88, power=195, fan=68),
    )


def test_the_settings_may_name_the_second() -> None:
    reading = parse(DUAL, "autolykos2")
    assert (reading.hashrate, reading.accepted, reading.rejected) == (60100200, 7, 0)
    assert (reading.pool, reading.temperature, reading.power) == ("stratum+tcp://second.example:3333", 74, 195)
    assert reading.pool_latency == 41
    assert [gpu.hashrate for gpu in reading.gpus or ()] == [60100200]


def test_a_card_goes_by_its_whole_place_on_the_bus() -> None:
    raw = _answer(gpus=[{"gpu_id": 0, "pci_domain": 1, "pci_bus": 10, "pci_id": 2}])
    assert [gpu.id for gpu in parse(raw).gpus or ()] == ["0001:0a:02.0"]
    assert parse(_answer(gpus=[{"gpu_id": 0}])).gpus is None


def test_before_the_first_share_there_is_no_time_of_a_share() -> None:
    assert parse(DUAL, "autolykos2").last_share_at is None


def test_one_that_is_paused_makes_0() -> None:
    assert parse(_answer(paused=True, hashrate=None)).hashrate == 0


def test_an_absent_hashrate_is_not_known() -> None:
    assert parse(_answer(hashrate=None)).hashrate is None


def test_an_answer_of_another_program_is_an_error() -> None:
    with pytest.raises(SourceError, match="not an answer of T-Rex: object missing required field `gpus`"):
        parse(captured("gminer-2.70.json"))


def test_a_field_of_another_type_costs_that_field_and_is_named() -> None:
    reading = parse(_answer(gpus=[{"gpu_id": 0, "pci_bus": 10, "power": "lots", "temperature": 61}]))
    assert reading.odd == ("gpus[0].power: not a number",)
    assert reading.gpus == (Gpu(CARD, temperature=61),)


def test_both_algorithms_have_their_figures() -> None:
    reading = parse(DUAL)
    assert reading.algorithm == "ethash"
    assert reading.algorithms == {
        "ethash": AlgorithmFigures(50287688, 12, 1, invalid=0),
        "autolykos2": AlgorithmFigures(60100200, 7, 0, invalid=0),
    }
    assert parse(DUAL, "autolykos2").algorithm == "autolykos2"
