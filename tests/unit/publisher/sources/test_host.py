from dataclasses import dataclass

import psutil
import pytest

from publisher.sources.host import HostSettings, HostSource, processor_temperature, read_sensors
from publisher.sources.reading import checked
from publisher.sources.source import Context
from rigwatch.clock import SystemClock
from rigwatch.topics import NodeId


@dataclass(frozen=True, slots=True)
class Value:
    current: float | None


def _chip(*values: float | None) -> list[Value]:
    return [Value(value) for value in values]


def test_it_is_the_hottest_core_of_the_processor() -> None:
    assert processor_temperature({"nvme": _chip(70.0), "coretemp": _chip(48.0, 52.0, 50.0)}) == 52.0


def test_a_board_sensor_stands_in_where_the_processor_has_none() -> None:
    assert processor_temperature({"acpitz": _chip(27.8), "iwlwifi_1": _chip(44.0)}) == 27.8


@pytest.mark.parametrize(
    "sensors", [{}, {"nvme": _chip(40.0)}, {"coretemp": []}, {"coretemp": _chip(None, 0.0, -273.0)}]
)
def test_without_a_sensor_it_is_unknown(sensors: dict[str, list[Value]]) -> None:
    assert processor_temperature(sensors) is None


def test_a_platform_without_sensors_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    assert read_sensors() == {}


def test_sensors_that_cannot_be_read_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(psutil, "sensors_temperatures", broken, raising=False)
    assert read_sensors() == {}


def test_it_reads_this_machine() -> None:
    source = HostSource(HostSettings(), Context(NodeId("main", "rig07"), SystemClock()))
    first, second = source.read(), checked(source.read())
    assert first.cpu is None, "there is nothing to measure from yet"
    assert second.cpu is not None
    assert 0 <= second.cpu <= 100
    assert second.uptime is not None
    assert second.uptime > 0
    assert second.hashrate is None
