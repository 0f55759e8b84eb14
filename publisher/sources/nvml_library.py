# ruff: noqa: N802, ANN401 - the driver's own names, and ctypes' own types
"""NVML, the library of NVIDIA's driver, and what it tells of one card; which cards a node wants is not known here.

It asks and changes nothing. `pynvml` is NVIDIA's own binding (the package nvidia-ml-py); it is loaded when a card is
first asked for, since most machines have none.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Protocol, cast

from publisher.sources import pci
from publisher.sources.reading import SourceError
from rigwatch.figures import LINE_MAX

SENSOR: Final = 0
"""NVML_TEMPERATURE_GPU, the only sensor that NVML knows by this function."""
MEMORY_TEMPERATURE: Final = 82
"""NVML_FI_DEV_MEMORY_TEMP, the field by which cards with a sensor in their memory tell of it."""
NOT_AVAILABLE: Final = 2**32 - 1
"""NVML_VALUE_NOT_AVAILABLE, -1, as an unsigned number."""

_UUID: Final = re.compile(r"(?:gpu-)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")


class Code(IntEnum):
    """What NVML answers instead of a figure; of its `nvmlReturn_t` only what is treated apart here."""

    SUCCESS = 0
    UNINITIALIZED = 1
    INVALID_ARGUMENT = 2
    NOT_SUPPORTED = 3
    NO_PERMISSION = 4
    DRIVER_NOT_LOADED = 9
    LIBRARY_NOT_FOUND = 12
    FUNCTION_NOT_FOUND = 13
    GPU_IS_LOST = 15
    RESET_REQUIRED = 16
    LIB_RM_VERSION_MISMATCH = 18
    NO_DATA = 21
    ARGUMENT_VERSION_MISMATCH = 25
    DEPRECATED = 26
    NOT_READY = 27
    GPU_NOT_FOUND = 28


_NOT_GIVEN: Final = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.NOT_SUPPORTED,
        Code.NO_PERMISSION,
        Code.FUNCTION_NOT_FOUND,
        Code.NO_DATA,
        Code.ARGUMENT_VERSION_MISMATCH,
        Code.DEPRECATED,
        Code.NOT_READY,
    }
)
"""This card or this driver has no such figure, or not for us."""
LOST: Final[Mapping[int, str]] = {
    Code.GPU_IS_LOST: "has fallen off the bus; reboot the machine",
    Code.GPU_NOT_FOUND: "has fallen off the bus; reboot the machine",
    Code.RESET_REQUIRED: "needs to be reset; reboot the machine",
}
NO_DRIVER: Final[Mapping[int, str]] = {
    Code.LIBRARY_NOT_FOUND: "no NVIDIA driver here (its library NVML is missing): install it, or remove this source",
    Code.DRIVER_NOT_LOADED: "the NVIDIA driver is installed but not loaded: reboot, or see what 'dmesg' says of it",
    Code.LIB_RM_VERSION_MISMATCH: "the NVIDIA driver was updated while the one before is still loaded: reboot",
    Code.NO_PERMISSION: "not allowed to ask the NVIDIA driver: this user needs /dev/nvidiactl and /dev/nvidia0, 1, …",
    Code.UNINITIALIZED: "the NVIDIA driver was restarted; the cards are looked for anew",
}


class Nvml(Protocol):
    """What is used of the module `pynvml`, under its names."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> object: ...
    def nvmlDeviceGetUUID(self, handle: object, /) -> str: ...
    def nvmlDeviceGetName(self, handle: object, /) -> str: ...
    def nvmlDeviceGetPciInfo(self, handle: object, /) -> Any: ...
    def nvmlDeviceGetTemperature(self, handle: object, sensor: int, /) -> int: ...
    def nvmlDeviceGetTemperatureV(self, handle: object, sensor: int, /) -> int: ...
    def nvmlDeviceGetFieldValues(self, handle: object, fields: Sequence[int], /) -> Any: ...
    def nvmlDeviceGetPowerUsage(self, handle: object, /) -> int: ...
    def nvmlDeviceGetFanSpeed(self, handle: object, /) -> int: ...
    def nvmlDeviceGetUtilizationRates(self, handle: object, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class NvmlCard:
    """A card that the driver knows; `handle` is good until NVML is shut down."""

    handle: object
    uuid: str
    address: str
    name: str

    def __str__(self) -> str:
        return f"{self.name or 'GPU'} {self.uuid} at {self.address}"

    def answers_to(self, name: str) -> bool:
        return name in (self.uuid, self.address)


@dataclass(frozen=True, slots=True)
class NvmlAnswers:
    """What NVML gives of one card, in NVML's units: °C, mW, %. None: not given."""

    temperature: int | None = None
    memory_temperature: int | None = None
    power: int | None = None
    fan: int | None = None
    utilization: int | None = None


class LostError(SourceError):
    """One card cannot be read, the others may."""


class NoDriverError(SourceError):
    """NVML itself cannot be used, or no longer."""


def pynvml() -> Nvml:
    """The module, or SourceError where the package is not installed."""
    try:
        import pynvml as module  # noqa: PLC0415 - 8000 lines that most machines have no use for
    except ImportError:
        raise NoDriverError("the Python package nvidia-ml-py is missing: pip install 'rigwatch[publisher]'") from None
    return cast("Nvml", module)


def cards_of(nvml: Nvml) -> tuple[tuple[NvmlCard, ...], int]:
    """The cards that can be reached, and how many cannot; those of other people (a container has but its own) aside."""
    cards: list[NvmlCard] = []
    silent = 0
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            cards.append(_card(nvml, nvml.nvmlDeviceGetHandleByIndex(index)))
        except nvml.NVMLError as exc:
            if code_of(exc) in (Code.UNINITIALIZED, Code.DRIVER_NOT_LOADED):
                raise
            silent += code_of(exc) != Code.NO_PERMISSION
    return tuple(cards), silent


def _card(nvml: Nvml, handle: object) -> NvmlCard:
    place = nvml.nvmlDeviceGetPciInfo(handle)
    uuid = nvml.nvmlDeviceGetUUID(handle)
    try:
        name = nvml.nvmlDeviceGetName(handle)
    except nvml.NVMLError:
        name = ""
    # Cards have but the function 0, and NVML does not tell of another.
    address = pci.of_bus(place.bus, device=place.device, domain=place.domain)
    return NvmlCard(handle, uuid_of(uuid) or uuid, address or uuid, name[:LINE_MAX])


def uuid_of(text: str) -> str | None:
    """The UUID as the driver writes it, `GPU-` and small letters; None for anything else."""
    found = _UUID.fullmatch(text.strip().lower())
    return f"GPU-{'-'.join(found.groups())}" if found else None


def ask(nvml: Nvml, card: NvmlCard) -> NvmlAnswers:
    """What the card tells; raises LostError when it has fallen off the bus, NoDriverError when NVML has gone."""
    asked = _Asked(nvml, card)
    handle = card.handle
    answers = NvmlAnswers(
        temperature=asked.figure(lambda: _temperature(nvml, handle)),
        memory_temperature=asked.figure(lambda: _memory_temperature(nvml, handle)),
        power=asked.figure(lambda: nvml.nvmlDeviceGetPowerUsage(handle)),
        fan=asked.figure(lambda: nvml.nvmlDeviceGetFanSpeed(handle)),
        utilization=asked.figure(lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
    )
    if answers == NvmlAnswers() and asked.refused:
        raise LostError(f"{card} does not answer: {asked.refused}")
    return answers


class _Asked:
    """Tells a figure that a card does not have from a card that is no more."""

    def __init__(self, nvml: Nvml, card: NvmlCard) -> None:
        self.refused = ""
        self._nvml, self._card = nvml, card

    def figure(self, call: Callable[[], int | None]) -> int | None:
        try:
            value = call()
        except self._nvml.NVMLError as exc:
            code = code_of(exc)
            if code in LOST:
                raise LostError(f"{self._card} {LOST[code]}") from exc
            if code in (Code.UNINITIALIZED, Code.DRIVER_NOT_LOADED):
                raise NoDriverError(NO_DRIVER[code]) from exc
            if code not in _NOT_GIVEN:
                # One sensor that fails is not worth the others; a card of which every sensor fails is.
                self.refused = str(exc)
            return None
        return None if value == NOT_AVAILABLE else value


def _temperature(nvml: Nvml, handle: object) -> int | None:
    # The older function knows no degrees below zero and is to go; older drivers have no other.
    try:
        return nvml.nvmlDeviceGetTemperatureV(handle, SENSOR)
    except nvml.NVMLError as exc:
        if code_of(exc) not in _NOT_GIVEN:
            raise
        value = nvml.nvmlDeviceGetTemperature(handle, SENSOR)
        return value if value < 2**31 else None


def _memory_temperature(nvml: Nvml, handle: object) -> int | None:
    (field,) = nvml.nvmlDeviceGetFieldValues(handle, [MEMORY_TEMPERATURE])
    return int(field.value.uiVal) if field.nvmlReturn == Code.SUCCESS else None


def has_cards(load: Callable[[], Nvml] = pynvml) -> bool:
    """Whether a driver is here that knows a card; raises nothing and leaves nothing open."""
    try:
        nvml = load()
    except NoDriverError:
        return False
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return False
    try:
        return bool(cards_of(nvml)[0])
    except nvml.NVMLError:
        return False
    finally:
        nvml.nvmlShutdown()


def code_of(exc: Exception) -> int:
    """NVML's number of what went wrong."""
    return int(getattr(exc, "value", -1))
