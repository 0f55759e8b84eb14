import pytest

from publisher.sources.nvml import NvmlSettings, NvmlSource
from publisher.sources.reading import SourceError
from publisher.sources.source import Context
from rigwatch.cli.doctor import Verdict, _read_cards
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.nvml import FakeDriver, card, place


def _source(driver: FakeDriver) -> NvmlSource:
    return NvmlSource(NvmlSettings(), Context(NodeId("main", "rig07"), FakeClock()), load=lambda: driver)


def test_it_names_each_card_once() -> None:
    sources = [_source(FakeDriver(card(1), card(2))), _source(FakeDriver(card(2)))]
    assert _read_cards(sources) == (Verdict.OK, f"NVIDIA H200 {place(1)}, NVIDIA H200 {place(2)}")


def test_a_card_that_is_lacking_is_a_failure() -> None:
    verdict, text = _read_cards([_source(FakeDriver(card(1), card(2, lost=15)))])
    assert (verdict, text) == (Verdict.FAILED, "cards in this machine that cannot be reached: 1; reboot it")


def test_a_source_that_cannot_be_read_is_left_to_who_asked() -> None:
    with pytest.raises(SourceError, match="reboot"):
        _read_cards([_source(FakeDriver(refuses=18))])
