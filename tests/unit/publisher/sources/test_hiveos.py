import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.sources.hiveos import HiveosSettings, HiveosSource, parse
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from rigwatch.figures import Gpu, Miner
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.miners import captured

STATS = captured("hiveos-0.6-last_stat.json")
SENSORS = captured("hiveos-0.6-gpu-stats.json")
CARDS = (
    Gpu("0000:01:00.0", hashrate=60_030_622, temperature=61, memory_temperature=84, power=121, fan=55),
    Gpu("0000:0a:00.0", hashrate=60_030_622, temperature=64, power=124, fan=60),
)


def _params(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({"params": {**json.loads(STATS)["params"], **changes}}).encode()


def _source(folder: Path, clock: FakeClock, **settings: Any) -> HiveosSource:  # noqa: ANN401 - as TOML has them
    return HiveosSource(HiveosSettings(folder=str(folder), **settings), Context(NodeId("main", "rig07"), clock))


def _write(folder: Path, clock: FakeClock, name: str, data: bytes, *, age: float = 0.0) -> None:
    path = folder / name
    path.write_bytes(data)
    written = clock.now() / 1000 - age
    os.utime(path, (written, written))


def test_it_reads_what_hive_has_measured_and_leaves_out_the_card_that_does_not_mine() -> None:
    assert parse(STATS, SENSORS) == Reading(
        hashrate=120_061_244,
        accepted=92,
        rejected=1,
        invalid=0,
        algorithm="etchash",
        temperature=64,
        power=245,
        fan=60,
        gpus=CARDS,
        miner=Miner("t-rex", "0.25.9"),
        uptime=3600,
    )


def test_without_the_sensors_file_it_has_what_the_miner_told() -> None:
    reading = parse(STATS)
    assert (reading.temperature, reading.fan, reading.power) == (64, 60, None)
    assert [gpu.id for gpu in reading.gpus or ()] == [card.id for card in CARDS]


def test_another_miner_of_the_rig_may_write_its_numbers_as_texts() -> None:
    assert parse(STATS, SENSORS, 2) == Reading(
        hashrate=4011, accepted=4, rejected=1, algorithm="rx/0", miner=Miner("xmrig", "6.21.0"), uptime=310
    )


def test_a_miner_that_hive_cannot_read_is_an_error_and_not_the_0_that_hive_writes() -> None:
    with pytest.raises(SourceError, match="Hive itself cannot read lolminer"):
        parse(STATS, SENSORS, 3)


def test_a_miner_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SourceError, match="Hive runs no miner 4"):
        parse(STATS, SENSORS, 4)


@pytest.mark.parametrize(
    ("stats", "rate"),
    [
        ({"hs": [1.5], "hs_units": "hs"}, 1.5),
        ({"hs": [1.5], "hs_units": "khs"}, 1.5e3),
        ({"hs": [1.5], "hs_units": "MHS"}, 1.5e6),
        ({"hs": [1.5], "hs_units": "ghs"}, 1.5e9),
        ({"hs": [1.5]}, 1.5e3),
        ({"khs": [1.5], "hs_units": "hs"}, 1.5e3),
        ({"hs": [1.5], "hs_units": "sols"}, None),
        ({"hs": [None]}, None),
        ({"hs": []}, None),
    ],
)
def test_a_cards_rate_is_in_hashes_where_its_unit_is_known(stats: dict[str, Any], rate: float | None) -> None:
    reading = parse(_params(miner_stats={"bus_numbers": [1], **stats}))
    assert [gpu.hashrate for gpu in reading.gpus or ()] == [rate]


def test_a_field_of_another_type_costs_that_field_and_its_value_is_not_named() -> None:
    reading = parse(_params(miner_stats={"hs": {"x": "secret"}, "uptime": 60}))
    assert (reading.hashrate, reading.uptime) == (120_061_244, 60)
    assert reading.odd == ("miner_stats.hs[0]: expected number, got object",)


def test_lists_and_counts_may_be_texts_as_scripts_of_custom_miners_write_them() -> None:
    stats = {"hs": "[ 1234567 ]", "hs_units": "hs", "temp": "[ 55 ]", "uptime": "", "ar": ["12", "1"], "ver": 0.3}
    reading = parse(_params(miner="custom", total_khs="1234.567", miner_stats={**stats, "bus_numbers": "[1]"}))
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.uptime) == (1_234_567, 12, 1, None)
    assert reading.gpus == (Gpu("0000:01:00.0", hashrate=1_234_567, temperature=55),)
    assert reading.miner == Miner("custom", "0.3")


def test_the_rigs_password_goes_nowhere(tmp_path: Path) -> None:
    clock = FakeClock()
    _write(tmp_path, clock, "last_stat.json", STATS)
    source = _source(tmp_path, clock)
    assert "not for you" not in repr(source.read())
    for name in ("miner", "miner_stats", "total_khs"):
        try:
            said = repr(parse(_params(**{name: {"hs": {"passwd": "not for you"}}})))
        except SourceError as exc:
            said = str(exc)
        assert "not for you" not in said


def test_it_reads_both_files(tmp_path: Path) -> None:
    clock = FakeClock()
    _write(tmp_path, clock, "last_stat.json", STATS)
    _write(tmp_path, clock, "gpu-stats.json", SENSORS)
    assert _source(tmp_path, clock).read().gpus == CARDS
    assert _source(tmp_path, clock, miner=2).read().hashrate == 4011


@pytest.mark.parametrize("sensors", [b"", b"[]", b"\n"])
def test_a_sensors_file_that_says_nothing_is_no_failure(tmp_path: Path, sensors: bytes) -> None:
    clock = FakeClock()
    _write(tmp_path, clock, "last_stat.json", STATS)
    _write(tmp_path, clock, "gpu-stats.json", sensors)
    assert _source(tmp_path, clock).read().power is None


def test_an_old_sensors_file_is_not_taken_for_now(tmp_path: Path) -> None:
    clock = FakeClock()
    _write(tmp_path, clock, "last_stat.json", STATS)
    _write(tmp_path, clock, "gpu-stats.json", SENSORS, age=300)
    assert _source(tmp_path, clock).read().power is None


def test_an_agent_that_stands_still_is_a_failure(tmp_path: Path) -> None:
    clock = FakeClock()
    _write(tmp_path, clock, "last_stat.json", STATS, age=121)
    with pytest.raises(SourceError, match=r"last_stat\.json: written 121 s ago; Hive's agent seems to stand still"):
        _source(tmp_path, clock).read()
    assert _source(tmp_path, clock, stale=timedelta(minutes=5)).read().accepted == 92


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", r"last_stat\.json: is empty"),
        (STATS[:200], r": last_stat\.json or gpu-stats\.json is not JSON; does Hive's agent run\?"),
        (b"[]", "not an answer of HiveOS"),
    ],
)
def test_a_file_that_is_empty_or_half_written_is_a_failure(tmp_path: Path, data: bytes, text: str) -> None:
    clock = FakeClock()
    _write(tmp_path, clock, "last_stat.json", data)
    with pytest.raises(SourceError, match=text):
        _source(tmp_path, clock).read()


def test_a_machine_without_hive_is_a_failure_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"last_stat\.json: cannot be read \(No such file"):
        _source(tmp_path, FakeClock()).read()
