from cli.doctor import Diagnosis, Verdict, _of_source
from publisher.inspection import SourceResult, look_at
from publisher.sources.nvml import NvmlSettings, NvmlSource
from publisher.sources.reading import Reading
from publisher.sources.source import Context
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.nvml import FakeDriver, card

NODE = NodeId("main", "rig07")


def _found(driver: FakeDriver) -> Diagnosis:
    source = NvmlSource(NvmlSettings(), Context(NODE, FakeClock()), load=lambda: driver)
    (look,) = look_at([(NODE, "nvml", source)])
    return _of_source(look, "nvml")


def test_it_says_what_a_source_gives() -> None:
    found = _found(FakeDriver(card(1), card(2)))
    assert found.verdict is Verdict.OK
    assert "2 cards" in found.text


def test_a_card_that_is_lacking_is_a_failure() -> None:
    text = "cards in this machine that cannot be reached: 1; reboot it"
    assert _found(FakeDriver(card(1), card(2, lost=15))) == Diagnosis("nvml", Verdict.FAILED, text)


def test_a_source_that_cannot_be_read_is_a_failure_with_its_words() -> None:
    found = _found(FakeDriver(refuses=18))
    assert (found.verdict, "reboot" in found.text) == (Verdict.FAILED, True)


def test_what_is_odd_is_told_and_no_failure() -> None:
    look = SourceResult(NODE, "trex", Reading(peers=3, odd=("power: 429496736 cannot be",)))
    assert _of_source(look, "trex") == Diagnosis(
        "trex", Verdict.OK, "3 peers (not readable: power: 429496736 cannot be)"
    )
