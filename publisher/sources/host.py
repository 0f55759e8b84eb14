"""The machine itself: processor use, temperature, uptime, as psutil gives them. Cards are not its business."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import psutil

from publisher.sources.reading import Reading
from publisher.sources.source import BlockingSource, Context, SourceSettings

_PROCESSOR_CHIPS: Final = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal", "acpitz")
"""Sensors that stand for the processor, the best first; a disk's or a network card's do not."""


class HostSettings(SourceSettings, frozen=True, forbid_unknown_fields=True):
    """Nothing has to be set."""


class Sensor(Protocol):
    """What psutil gives for one sensor."""

    @property
    def current(self) -> float | None: ...


class HostSource(BlockingSource):
    """A machine without sensors, or a platform that cannot read them (Windows), is no failure: no temperature then."""

    def __init__(self, settings: HostSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._measures = False

    def read(self) -> Reading:
        return Reading(
            cpu=self._cpu(),
            temperature=processor_temperature(read_sensors()),
            uptime=max(0.0, self.clock.now() / 1000 - psutil.boot_time()),
        )

    def _cpu(self) -> float | None:
        # psutil measures from one call to the next, so the first has nothing to say.
        used = psutil.cpu_percent(interval=None)
        measured, self._measures = self._measures, True
        return used if measured else None


def read_sensors() -> Mapping[str, Sequence[Sensor]]:
    """Temperatures by chip; empty where the platform has none to give."""
    sensors = getattr(psutil, "sensors_temperatures", None)
    if sensors is None:
        return {}
    try:
        found: Mapping[str, Sequence[Sensor]] = sensors()
    except (OSError, ValueError):
        # Some chips list files that cannot be read; the rest of the machine is still worth a report.
        return {}
    return found


def processor_temperature(sensors: Mapping[str, Sequence[Sensor]]) -> float | None:
    """The hottest sensor of the best chip, °C; broken sensors (which read 0, or below -40) are passed over."""
    for chip in _PROCESSOR_CHIPS:
        values = [
            s.current for s in sensors.get(chip, ()) if s.current is not None and -40 < s.current < 150 and s.current
        ]
        if values:
            return max(values)
    return None
