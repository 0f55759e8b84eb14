"""Cards by the kernel's files. The folders are laid out as amdgpu's, xe's and i915's documentation describes them; the
figures of the AMD card are those of a published RX 6800 XT.
"""

from pathlib import Path

import pytest

from publisher.sources.reading import SourceError
from publisher.sources.source import Context
from publisher.sources.sysfs import AmdSource, IntelSource, SysfsSettings, names_of, title_of
from rigwatch.figures import Gpu
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock

FIRST, SECOND = "0000:03:00.0", "0000:0a:00.0"
RX = {
    "vendor": "0x1002",
    "device": "0x73bf",
    "product_name": "Radeon RX 6800 XT",
    "gpu_busy_percent": "99",
    "power/runtime_status": "active",
    "hwmon/hwmon3/name": "amdgpu",
    "hwmon/hwmon3/temp1_input": "61000",
    "hwmon/hwmon3/temp1_label": "edge",
    "hwmon/hwmon3/temp2_input": "74000",
    "hwmon/hwmon3/temp2_label": "junction",
    "hwmon/hwmon3/temp3_input": "82000",
    "hwmon/hwmon3/temp3_label": "mem",
    "hwmon/hwmon3/power1_average": "142000000",
    "hwmon/hwmon3/pwm1": "153",
    "hwmon/hwmon3/pwm1_max": "255",
    "hwmon/hwmon3/fan1_input": "1450",
}
ARC = {
    "vendor": "0x8086",
    "device": "0xe20b",
    "hwmon/hwmon1/temp2_input": "58000",
    "hwmon/hwmon1/temp2_label": "pkg",
    "hwmon/hwmon1/temp3_input": "66000",
    "hwmon/hwmon1/temp3_label": "vram",
    "hwmon/hwmon1/energy1_input": "1000000000",
    "hwmon/hwmon1/energy1_label": "card",
    "hwmon/hwmon1/fan1_input": "900",
}


def _put(root: Path, driver: str, address: str, files: dict[str, str]) -> Path:
    device = root / "bus" / "pci" / "drivers" / driver / address
    for name, text in files.items():
        path = device / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return device


def _amd(root: Path, *gpu: str) -> AmdSource:
    return AmdSource(SysfsSettings(gpu=gpu, root=str(root)), Context(NodeId("main", "rig07"), FakeClock()))


def test_an_amd_card_has_its_hottest_sensor_and_that_of_its_memory_apart(tmp_path: Path) -> None:
    _put(tmp_path, "amdgpu", FIRST, RX)
    reading = _amd(tmp_path).read()
    card = Gpu(
        FIRST, "AMD Radeon RX 6800 XT", None, 74.0, memory_temperature=82.0, power=142.0, fan=60.0, utilization=99.0
    )
    assert reading.gpus == (card,)
    assert (reading.temperature, reading.power, reading.fan, reading.lacks) == (74, 142, 60, "")


def test_a_card_is_named_by_its_place_in_any_spelling(tmp_path: Path) -> None:
    _put(tmp_path, "amdgpu", FIRST, RX)
    _put(tmp_path, "amdgpu", SECOND, RX)
    assert [gpu.id for gpu in _amd(tmp_path).read().gpus or ()] == [FIRST, SECOND]
    assert [gpu.id for gpu in _amd(tmp_path, "0a:00.0").read().gpus or ()] == [SECOND]


@pytest.mark.parametrize("gpu", ["0", "RX 6800", "GPU-5", ("03:00.0", "x")])
def test_what_names_no_card_is_refused_in_words(gpu: str | tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="names no card; write its PCI address"):
        names_of(gpu)


def test_what_a_card_does_not_give_is_absent(tmp_path: Path) -> None:
    _put(tmp_path, "amdgpu", FIRST, {"hwmon/hwmon0/temp1_input": "45000", "hwmon/hwmon0/power1_input": "9000000"})
    assert _amd(tmp_path).read().gpus == (Gpu(FIRST, "AMD", temperature=45.0, power=9.0),)


@pytest.mark.parametrize("reading", ["511000", "-1000", "255000", "", "nonsense"])
def test_a_sensor_that_is_none_is_no_temperature(tmp_path: Path, reading: str) -> None:
    names = ("temp1_input", "temp2_input")
    _put(tmp_path, "amdgpu", FIRST, RX | {f"hwmon/hwmon3/{name}": reading for name in names})
    read = _amd(tmp_path).read()
    assert (read.temperature, read.power) == (None, 142)


def test_a_card_that_sleeps_is_listed_and_left_asleep(tmp_path: Path) -> None:
    _put(tmp_path, "amdgpu", FIRST, RX | {"power/runtime_status": "suspended"})
    reading = _amd(tmp_path).read()
    assert reading.gpus == (Gpu(FIRST, "AMD Radeon RX 6800 XT", utilization=99.0),)
    assert reading.lacks == ""


def test_a_card_that_answers_nothing_any_more_is_missing_and_named(tmp_path: Path) -> None:
    _put(tmp_path, "amdgpu", FIRST, RX)
    second = _put(tmp_path, "amdgpu", SECOND, RX)
    source = _amd(tmp_path)
    source.read()
    for file in (second / "hwmon" / "hwmon3").iterdir():
        file.write_text("")
    reading = source.read()
    assert [gpu.id for gpu in reading.gpus or ()] == [FIRST]
    assert reading.lacks == f"AMD Radeon RX 6800 XT at {SECOND} does not answer any more; reboot the machine"


def test_a_card_that_has_gone_from_the_bus_is_missing_and_named(tmp_path: Path) -> None:
    _put(tmp_path, "amdgpu", FIRST, RX)
    second = _put(tmp_path, "amdgpu", SECOND, RX)
    source = _amd(tmp_path)
    source.read()
    second.rename(tmp_path / "gone")
    assert source.read().lacks == f"AMD Radeon RX 6800 XT at {SECOND} has gone from the bus; reboot the machine"


def test_a_card_that_was_never_here_is_named_with_those_that_are(tmp_path: Path) -> None:
    _put(tmp_path, "amdgpu", FIRST, RX)
    reading = _amd(tmp_path, FIRST, SECOND).read()
    assert [gpu.id for gpu in reading.gpus or ()] == [FIRST]
    assert reading.lacks == f"{SECOND} is not in this machine; its cards: {FIRST}"


def test_a_machine_without_such_a_card_is_a_failure_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no card of AMD has its driver in this machine \(amdgpu in "):
        _amd(tmp_path).read()


@pytest.mark.parametrize("driver", ["xe", "i915"])
def test_an_intel_cards_power_is_what_its_meter_counted_since_the_last_read(tmp_path: Path, driver: str) -> None:
    device = _put(tmp_path, driver, FIRST, ARC)
    clock = FakeClock()
    source = IntelSource(SysfsSettings(root=str(tmp_path)), Context(NodeId("main", "rig07"), clock))
    first = source.read()
    assert (first.temperature, first.power, first.fan) == (58, None, None)
    assert [(gpu.id, gpu.memory_temperature) for gpu in first.gpus or ()] == [(FIRST, 66)]
    clock.move(10)
    (device / "hwmon" / "hwmon1" / "energy1_input").write_text("2150000000\n")
    assert source.read().power == pytest.approx(115.0)
    clock.move(10)
    (device / "hwmon" / "hwmon1" / "energy1_input").write_text("5\n")
    assert source.read().power is None, "a meter that began anew tells nothing"


def test_a_card_is_called_as_the_list_of_pci_devices_calls_it(tmp_path: Path) -> None:
    device = _put(tmp_path, "amdgpu", FIRST, {"vendor": "0x1002", "device": "0x73bf"})
    ids = tmp_path / "pci.ids"
    ids.write_text(
        "# list\n1001  Other\n\t73bf  Wrong\n1002  AMD\n\t73be  A\n\t73bf  Navi 21 [Radeon RX 6800/6800 XT]\n"
    )
    assert title_of(device, "AMD", [tmp_path / "none", ids]) == "AMD Radeon RX 6800/6800 XT"
    assert title_of(device, "AMD", []) == "AMD 73bf"
