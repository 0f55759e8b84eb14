import sys
from typing import Any

import pynvml
import pytest

from publisher.sources.nvml import LOOK_AGAIN, NvmlSettings, NvmlSource, names_of
from publisher.sources.nvml_library import MEMORY_TEMPERATURE, NOT_AVAILABLE, SENSOR, Code, NoDriverError, has_cards
from publisher.sources.reading import Reading, SourceError, checked
from publisher.sources.source import Context
from rigwatch.figures import Gpu
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.nvml import CAPTURED, FakeDriver, card, place, refusal, uuid


def _source(driver: FakeDriver, gpu: Any = "", clock: FakeClock | None = None) -> NvmlSource:  # noqa: ANN401 - as settings have it
    return NvmlSource(
        NvmlSettings(gpu=gpu), Context(NodeId("main", "rig07"), clock or FakeClock()), load=lambda: driver
    )


def _cards(reading: Reading) -> list[str]:
    return [gpu.id for gpu in reading.gpus or ()]


def _only(reading: Reading) -> Gpu:
    (gpu,) = reading.gpus or ()
    return gpu


@pytest.mark.parametrize("of", CAPTURED)
def test_it_says_what_nvidia_smi_says_of_the_same_moment(of: str) -> None:
    said = CAPTURED[of]["nvidia-smi"]
    reading = checked(_source(FakeDriver(card(of=of))).read())
    gpu = _only(reading)
    assert gpu.temperature == float(said["temperature.gpu"])
    assert gpu.memory_temperature == float(said["temperature.memory"])
    assert gpu.power == pytest.approx(float(said["power.draw"]), abs=0.01)
    assert gpu.utilization == float(said["utilization.gpu"])
    assert (gpu.fan, said["fan.speed"]) == (None, "[N/A]")
    assert (reading.temperature, reading.power, reading.fan) == (gpu.temperature, gpu.power, None)


def test_it_tells_of_a_card_by_address_and_name_and_of_no_hashrate() -> None:
    reading = _source(FakeDriver(card(7))).read()
    assert (_only(reading).id, _only(reading).name) == (place(7), "NVIDIA H200")
    assert (reading.hashrate, _only(reading).hashrate) == (None, None)


def test_the_nodes_figures_are_the_hottest_card_the_fastest_fan_and_the_power_of_all() -> None:
    driver = FakeDriver(card(1, temperature_v=70, fan=30, power_mw=200_000), card(2, temperature_v=61, power_mw=90_500))
    reading = _source(driver).read()
    assert (reading.temperature, reading.fan, reading.power) == (70, 30, 290.5)


def test_a_sum_that_lacks_a_card_is_no_sum() -> None:
    reading = _source(FakeDriver(card(1), card(2, power_mw=refusal(3)))).read()
    assert reading.power is None
    assert [gpu.power for gpu in reading.gpus or ()] == [80.385, None]


@pytest.mark.parametrize("code", [3, 4, 13, 999])
@pytest.mark.parametrize("figure", ["temperature_v", "memory_temperature", "power_mw", "fan", "utilization"])
def test_a_figure_that_a_card_does_not_give_is_absent_and_the_others_stand(figure: str, code: int) -> None:
    changed: dict[str, Any] = {"fan": 40, figure: refusal(code), "temperature": refusal(code)}
    gpu = _only(checked(_source(FakeDriver(card(1, **changed))).read()))
    given = {"temperature_v": gpu.temperature, "power_mw": gpu.power}
    given |= {name: getattr(gpu, name) for name in ("memory_temperature", "fan", "utilization")}
    assert [name for name, value in given.items() if value is None] == [figure]


@pytest.mark.parametrize(
    ("figure", "answer"),
    [
        ("power", {"power_mw": NOT_AVAILABLE}),
        ("fan", {"fan": NOT_AVAILABLE}),
        ("memory_temperature", {"memory_temperature": {"nvmlReturn": 3, "uiVal": 0}}),
    ],
)
def test_what_nvml_calls_not_available_is_absent(figure: str, answer: dict[str, Any]) -> None:
    assert getattr(_only(_source(FakeDriver(card(1, **answer))).read()), figure) is None


def test_a_card_that_tells_nothing_is_still_there() -> None:
    names = ("temperature", "temperature_v", "memory_temperature", "power_mw", "fan", "utilization")
    answers: dict[str, Any] = dict.fromkeys(names, refusal(3))
    assert _only(_source(FakeDriver(card(1, **answers))).read()) == Gpu(id=place(1), name="NVIDIA H200")


def test_an_older_driver_gives_the_temperature_by_its_older_function() -> None:
    reading = _source(FakeDriver(card(1, temperature=44), old=True)).read()
    assert reading.temperature == 44
    # It has no sign: five degrees below zero.
    assert _source(FakeDriver(card(1, temperature=2**32 - 5), old=True)).read().temperature is None
    assert _source(FakeDriver(card(1, temperature_v=-5))).read().temperature == -5


@pytest.mark.parametrize(("code", "text"), [(15, "has fallen off the bus"), (28, "has fallen"), (16, "to be reset")])
def test_a_card_that_is_lost_is_named_and_the_others_are_reported(code: int, text: str) -> None:
    driver = FakeDriver(card(1), card(2), card(3))
    source = _source(driver)
    assert _cards(source.read()) == [place(1), place(2), place(3)]
    driver.cards[1]["lost"] = code
    reading = checked(source.read())
    assert _cards(reading) == [place(1), place(3)]
    assert reading.lacks.startswith(f"NVIDIA H200 {uuid(2)} at 0000:02:00.0 ")
    assert text in reading.lacks
    assert len(reading.lacks) <= 200


def test_a_card_of_which_every_sensor_fails_is_lost() -> None:
    names = ("temperature", "temperature_v", "memory_temperature", "power_mw", "utilization")
    answers: dict[str, Any] = dict.fromkeys(names, refusal(999))
    reading = _source(FakeDriver(card(1), card(2, **answers))).read()
    assert _cards(reading) == [place(1)]
    assert reading.lacks == f"NVIDIA H200 {uuid(2)} at 0000:02:00.0 does not answer: Unknown Error"


@pytest.mark.parametrize("gpu", ["", uuid(1)])
def test_the_only_card_lost_is_named_and_leaves_none(gpu: str) -> None:
    driver = FakeDriver(card(1))
    source = _source(driver, gpu)
    source.read()
    driver.cards[0]["lost"] = 15
    reading = checked(source.read())
    assert reading.lacks == f"NVIDIA H200 {uuid(1)} at 0000:01:00.0 has fallen off the bus; reboot the machine"
    assert reading == Reading(gpus=(), lacks=reading.lacks), "none, where the alert looks; and not 0 of anything"


async def test_a_lost_card_is_missed_until_it_is_back_and_looked_for_once_a_minute() -> None:
    clock = FakeClock()
    driver = FakeDriver(card(1), card(2))
    source = _source(driver, clock=clock)
    source.read()
    driver.cards[1]["lost"] = 15
    for _ in range(5):
        assert _cards(source.read()) == [place(1)]
        await clock.advance(10)
    assert driver.started == 1
    await clock.advance(LOOK_AGAIN - 50)
    assert "has fallen off the bus" in source.read().lacks, "looked for anew, it is missed as before"
    assert driver.started == 2
    driver.cards[1]["lost"] = None
    await clock.advance(LOOK_AGAIN)
    reading = source.read()
    assert (_cards(reading), reading.lacks) == ([place(1), place(2)], "")
    await clock.advance(LOOK_AGAIN)
    source.read()
    assert (driver.started, driver.open) == (3, 1), "and nobody looks when nothing is missing"


def test_cards_that_were_never_reached_are_counted() -> None:
    reading = _source(FakeDriver(card(1), card(2, lost=15), card(3, lost=999))).read()
    assert _cards(reading) == [place(1)]
    assert reading.lacks == "cards in this machine that cannot be reached: 2; reboot it"


def test_cards_of_other_people_are_none_of_ours() -> None:
    reading = _source(FakeDriver(card(1, lost=4), card(2))).read()
    assert (_cards(reading), reading.lacks) == ([place(2)], "")


@pytest.mark.parametrize("cards", [(), (card(1, lost=4),)])
def test_no_card_at_all_is_said(cards: tuple[dict[str, Any], ...]) -> None:
    reading = _source(FakeDriver(*cards)).read()
    assert reading == Reading(gpus=(), lacks="the NVIDIA driver knows no card in this machine")


@pytest.mark.parametrize(
    "gpu",
    [
        uuid(10),
        uuid(10).lower(),
        uuid(10).upper(),
        uuid(10).removeprefix("GPU-").replace("-", ""),
        "0A:00.0",
        "0a:00",
        "a:0",
        "0000:0a:00.0",
        "00000000:0A:00.0",
        " 0A:00.0 ",
        ("0a:00.0", uuid(10)),
    ],
)
def test_a_card_is_found_by_uuid_or_address_however_they_are_written(gpu: Any) -> None:  # noqa: ANN401 - as settings have it
    assert _cards(_source(FakeDriver(card(1), card(10)), gpu).read()) == [place(10)]


def test_several_cards_are_read_in_the_order_of_the_settings() -> None:
    source = _source(FakeDriver(card(1), card(2), card(3)), (uuid(3), "01:00.0"))
    assert _cards(source.read()) == [place(3), place(1)]


def test_of_a_card_that_was_never_there_it_says_which_are() -> None:
    reading = _source(FakeDriver(card(1)), "41:00.0").read()
    assert reading.gpus == ()
    assert reading.lacks == f"0000:41:00.0 is not in this machine; its cards: NVIDIA H200 {uuid(1)} at 0000:01:00.0"


def test_one_of_several_that_was_never_there_leaves_the_others() -> None:
    reading = _source(FakeDriver(card(1)), (uuid(1), uuid(9))).read()
    assert _cards(reading) == [place(1)]
    assert reading.lacks.startswith(f"{uuid(9)} is not in this machine")


def test_a_named_card_may_be_one_that_cannot_be_reached() -> None:
    reading = _source(FakeDriver(card(1), card(2, lost=15)), uuid(2)).read()
    assert reading.lacks == f"{uuid(2)} is not found, and cards that cannot be reached: 1; reboot the machine"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (12, "no NVIDIA driver here (its library NVML is missing): install it, or remove this source"),
        (9, "the NVIDIA driver is installed but not loaded: reboot, or see what 'dmesg' says of it"),
        (18, "the NVIDIA driver was updated while the one before is still loaded: reboot"),
        (4, "not allowed to ask the NVIDIA driver: this user needs /dev/nvidiactl and /dev/nvidia0, 1, …"),
        (999, "the NVIDIA driver does not answer: Unknown Error"),
    ],
)
def test_without_a_driver_the_error_says_what_to_do_and_it_works_once_there_is_one(code: int, text: str) -> None:
    driver = FakeDriver(card(1), refuses=code)
    source = _source(driver)
    with pytest.raises(NoDriverError) as raised:
        source.read()
    assert str(raised.value) == text
    driver.refuses = None
    assert _cards(source.read()) == [place(1)]


def test_a_driver_that_was_restarted_is_opened_anew_by_the_next_read() -> None:
    driver = FakeDriver(card(1))
    source = _source(driver)
    source.read()
    driver.restart()
    with pytest.raises(NoDriverError, match="was restarted"):
        source.read()
    assert _cards(source.read()) == [place(1)]
    assert (driver.started, driver.open) == (2, 1)


def test_the_driver_is_opened_once_for_all_reads() -> None:
    driver = FakeDriver(card(1), card(2))
    source = _source(driver)
    for _ in range(3):
        source.read()
    assert (driver.started, driver.open) == (1, 1)


@pytest.mark.parametrize(
    ("gpu", "text"),
    [
        (0, "gpu 0 is an index, and those move when a card drops out; write its UUID ('GPU-…', "),
        ("1", "gpu 1 is an index"),
        (-1, "gpu -1 is an index"),
        ((uuid(1), 2), "gpu 2 is an index"),
        (
            "MIG-a1b2c3d4-0000-0000-0000-000000000001",
            "gpu 'MIG-a1b2c3d4-0000-0000-0000-000000000001' is a part of a card",
        ),
        ("GPU-1234", "gpu 'GPU-1234' names no card; write its UUID"),
        ("0a", "gpu '0a' names no card"),
        ("PCI:10:0:0", "gpu 'PCI:10:0:0' names no card"),
        ("rtx 3080", "gpu 'rtx 3080' names no card"),
        ("01:00.9", "gpu '01:00.9' names no card"),
        ("1:2:3:4", "gpu '1:2:3:4' names no card"),
        ((uuid(1), ""), "gpu '' names no card"),
    ],
)
def test_what_names_no_card_is_refused_with_what_would(gpu: Any, text: str) -> None:  # noqa: ANN401 - as settings have it
    with pytest.raises(ValueError, match="or its PCI address") as raised:
        NvmlSettings(gpu=gpu)
    assert str(raised.value).startswith(text)


def test_no_name_means_every_card_and_two_names_of_one_are_one() -> None:
    assert names_of("") == names_of(()) == ()
    assert names_of(("1:0", "0000:01:00.0", uuid(1).lower())) == ("0000:01:00.0", uuid(1))


def test_a_missing_package_is_one_line_that_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    source = NvmlSource(NvmlSettings(), Context(NodeId("main", "rig07"), FakeClock()))
    with pytest.raises(NoDriverError, match=r"^the Python package nvidia-ml-py is missing: pip install"):
        source.read()
    assert not has_cards()


@pytest.mark.parametrize("code", [12, 9, 18, 999])
def test_a_machine_without_a_driver_has_no_cards_and_no_error(code: int) -> None:
    assert not has_cards(lambda: FakeDriver(card(1), refuses=code))


def test_looking_for_cards_leaves_nothing_open() -> None:
    driver = FakeDriver(card(1))
    assert has_cards(lambda: driver)
    assert not has_cards(FakeDriver)
    assert driver.open == 0


def test_this_machine_gives_figures_of_its_cards_or_one_line_that_says_why_not() -> None:
    source = NvmlSource(NvmlSettings(), Context(NodeId("main", "rig07"), FakeClock()))
    if has_cards():
        assert all(gpu.id.endswith(".0") and gpu.temperature for gpu in checked(source.read()).gpus or ())
        return
    with pytest.raises(SourceError, match="NVIDIA driver") as raised:
        source.read()
    assert "\n" not in str(raised.value)


def test_its_numbers_are_those_of_the_binding() -> None:
    assert {code: getattr(pynvml, f"NVML_{'' if code is Code.SUCCESS else 'ERROR_'}{code.name}") for code in Code} == {
        code: code.value for code in Code
    }
    assert (SENSOR, MEMORY_TEMPERATURE) == (pynvml.NVML_TEMPERATURE_GPU, pynvml.NVML_FI_DEV_MEMORY_TEMP)
    assert pynvml.NVML_VALUE_NOT_AVAILABLE_uint.value == NOT_AVAILABLE
