"""From a card that falls off the bus to the message: the source, the summary, the rules."""

import pytest

from publisher.roll import Roll
from publisher.sources.nvml import NvmlSettings, NvmlSource
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from publisher.summary import Gathered, Read, summarise
from rigwatch.figures import Gpu
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.nvml import FakeDriver, card, place, uuid
from tests.unit.alerts.timeline import Timeline

RIG = "garage/rig1"
LOST_AT = 900.0


def _reports(line: Timeline, source: NvmlSource, miner: Reading | None, roll: Roll | None = None) -> None:
    """Without a reading the miner is dead."""
    try:
        read = Read(source.read())
    except SourceError as exc:
        read = Read(error=str(exc))
    mined = Read(miner) if miner is not None else Read(error="Connection refused")
    gathered = [Gathered("miner", (mined,)), Gathered("nvml", (read,))]
    summary = summarise(gathered, (roll or Roll()).unseen(gathered))
    line.report(RIG, gpus=summary.figures.gpus, errors=summary.errors)


@pytest.mark.parametrize(("gpu", "cards"), [("", "1 of 2"), (uuid(2), "1 of 1")])
def test_a_lost_card_is_missed_within_minutes_and_the_error_says_what_to_do(gpu: str, cards: str) -> None:
    driver = FakeDriver(card(1), card(2))
    source = NvmlSource(NvmlSettings(gpu=gpu), Context(NodeId("garage", "rig1"), FakeClock()), load=lambda: driver)
    line = Timeline(RIG)
    _reports(line, source, Reading())
    line.at(LOST_AT)
    driver.cards[1]["lost"] = 15
    _reports(line, source, Reading())
    missed, failing = [notification for _, notification in line.at(LOST_AT + 300).notifications]
    assert "misses a GPU" in missed.title
    assert f"{cards} missing: NVIDIA H200 {place(2)}" in missed.body
    assert "cannot be read in full" in failing.title
    assert "at 0000:02:00.0 has fallen off the bus; reboot the machine" in failing.body


def test_a_miner_that_comes_and_goes_makes_no_card_miss() -> None:
    driver = FakeDriver(card(1))
    source = NvmlSource(NvmlSettings(), Context(NodeId("garage", "rig1"), FakeClock()), load=lambda: driver)
    line = Timeline(RIG)
    miner = Reading(gpus=(Gpu(id=place(1), hashrate=9e7),))
    for at in (0.0, LOST_AT, 2 * LOST_AT):
        _reports(line.at(at), source, miner if at == LOST_AT else Reading())
    line.at(3 * LOST_AT).expect_nothing()


def test_a_driver_that_can_be_read_only_later_makes_no_card_miss() -> None:
    driver = FakeDriver(card(1), card(2), refuses=18)
    source = NvmlSource(NvmlSettings(), Context(NodeId("garage", "rig1"), FakeClock()), load=lambda: driver)
    line = Timeline(RIG, source_failing={"enabled": False})
    miner = Reading(gpus=(Gpu(id=place(1), hashrate=9e7), Gpu(id=place(2), hashrate=9e7)))
    for at in (0.0, LOST_AT, 2 * LOST_AT):
        driver.refuses = None if at else 18
        _reports(line.at(at), source, miner)
    line.at(3 * LOST_AT).expect_nothing()


def test_a_miner_that_dies_makes_no_card_miss_that_only_it_knows() -> None:
    driver, roll = FakeDriver(card(1)), Roll()
    source = NvmlSource(NvmlSettings(), Context(NodeId("garage", "rig1"), FakeClock()), load=lambda: driver)
    line = Timeline(RIG, source_failing={"enabled": False})
    miner = Reading(gpus=(Gpu(id=place(1), hashrate=9e7), Gpu(id=place(5), hashrate=6e7)))
    _reports(line, source, miner, roll)
    _reports(line.at(LOST_AT), source, None, roll)
    line.at(2 * LOST_AT).expect_nothing()


def test_a_card_that_takes_its_miner_down_is_missed() -> None:
    driver, roll = FakeDriver(card(1), card(2)), Roll()
    source = NvmlSource(NvmlSettings(), Context(NodeId("garage", "rig1"), FakeClock()), load=lambda: driver)
    line = Timeline(RIG, source_failing={"enabled": False})
    miner = Reading(gpus=(Gpu(id=place(1), hashrate=9e7), Gpu(id=place(2), hashrate=9e7)))
    _reports(line, source, miner, roll)
    driver.cards[1]["lost"] = 15
    _reports(line.at(LOST_AT), source, None, roll)
    line.at(LOST_AT + 300).expect("misses a GPU")
    assert f"1 of 2 missing: NVIDIA H200 {place(2)}" in line.last().body
