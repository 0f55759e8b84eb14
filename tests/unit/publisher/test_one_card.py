"""Miners' answers and the driver's put together: each card once, under one id, whoever tells of it at the moment."""

from collections.abc import Callable

import pytest

from publisher.sources import lolminer, trex
from publisher.sources.nvml import NvmlSettings, NvmlSource
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from publisher.summary import Gathered, Read, UnnumberedSample, summarise
from rigwatch.figures import Gpu
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.miners import captured
from tests.nvml import FakeDriver, card, place

NO_DRIVER = 18
RTX = card(10, name="NVIDIA GeForce RTX 3070", temperature_v=71, power_mw=190_500, utilization={"gpu": 99})

SHARES = {"accepted": 1, "rejected": 0, "invalid": 0}


def _nvml(driver: FakeDriver) -> NvmlSource:
    return NvmlSource(NvmlSettings(), Context(NodeId("garage", "rig1"), FakeClock()), load=lambda: driver)


def _trex() -> Reading:
    return trex.parse(captured("trex-0.25.9.json"))


def _lolminer() -> Reading:
    return lolminer.parse(captured("lolminer-1.92.json"))


def _dead() -> Reading:
    raise SourceError("127.0.0.1:4067: Connection refused")


def _summary(*sources: tuple[str, Callable[[], Reading]]) -> UnnumberedSample:
    gathered = []
    for name, read in sources:
        try:
            gathered.append(Gathered(name, (Read(read()),)))
        except SourceError as exc:
            gathered.append(Gathered(name, (Read(error=str(exc)),)))
    return summarise(gathered)


def _ids(summary: UnnumberedSample) -> list[str]:
    return [gpu.id for gpu in summary.figures.gpus or ()]


def test_a_card_of_miner_and_driver_is_one_with_the_hashrate_of_the_one_and_the_sensors_of_the_first() -> None:
    driver = _nvml(FakeDriver(RTX))
    hashrate = 50287688
    summary = _summary(("trex", _trex), ("nvml", driver.read))
    assert summary.figures.gpus == (
        Gpu(
            place(10),
            "RTX 3070",
            hashrate,
            temperature=74,
            memory_temperature=36,
            power=195,
            fan=68,
            utilization=99,
            **SHARES,
        ),
    )
    assert (summary.figures.hashrate, summary.figures.temperature, summary.figures.power) == (hashrate, 74, 195)
    turned = _summary(("nvml", driver.read), ("trex", _trex))
    name = "NVIDIA GeForce RTX 3070"
    assert turned.figures.gpus == (
        Gpu(
            place(10),
            name,
            hashrate,
            temperature=71,
            memory_temperature=36,
            power=190.5,
            fan=68,
            utilization=99,
            **SHARES,
        ),
    )
    assert (turned.figures.hashrate, turned.figures.temperature, turned.figures.power) == (hashrate, 71, 190.5)
    assert summary.errors == turned.errors == {}


@pytest.mark.parametrize("miner", [_trex, _lolminer])
def test_a_card_keeps_its_id_when_the_miner_dies_and_when_the_driver_does(miner: Callable[[], Reading]) -> None:
    ids = [gpu.id for gpu in miner().gpus or ()]
    driver = FakeDriver(*(card(int(each.split(":")[1], 16)) for each in ids))
    nvml = _nvml(driver)
    assert _ids(_summary(("miner", miner), ("nvml", nvml.read))) == ids

    without_miner = _summary(("miner", _dead), ("nvml", nvml.read))
    assert _ids(without_miner) == ids
    assert without_miner.errors == {"miner": "127.0.0.1:4067: Connection refused"}
    assert without_miner.figures.hashrate is None

    driver.restart()
    driver.refuses = NO_DRIVER
    without_driver = _summary(("miner", miner), ("nvml", nvml.read))
    assert _ids(without_driver) == ids
    assert "the NVIDIA driver was restarted" in without_driver.errors["nvml"]
    assert "updated while the one before is still loaded: reboot" in _summary(("nvml", nvml.read)).errors["nvml"]


def test_a_card_has_the_same_id_when_the_driver_cannot_be_read_from_the_start() -> None:
    driver = FakeDriver(RTX, refuses=NO_DRIVER)
    nvml = _nvml(driver)
    before = _summary(("trex", _trex), ("nvml", nvml.read))
    driver.refuses = None
    after = _summary(("trex", _trex), ("nvml", nvml.read))
    assert (list(before.errors), after.errors) == (["nvml"], {})
    assert _ids(before) == _ids(after) == [place(10)]
