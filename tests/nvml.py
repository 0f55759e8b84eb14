# ruff: noqa: N802, ANN401 - the driver's own names, and ctypes' own types
"""A driver and cards that a test makes up: the functions and errors of `pynvml`, over what a real card answered."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml

# Each file holds what NVML and nvidia-smi said at one moment, idle and under load; the UUIDs are made up.
_FILES = sorted((Path(__file__).parent / "unit/publisher/sources").glob("nvml-*.json"))
CAPTURED: dict[str, dict[str, Any]] = {
    f"{path.stem} {when}": captured for path in _FILES for when, captured in json.loads(path.read_text("utf-8")).items()
}
_ORDINARY = "nvml-580.159.04-h200 idle"


def refusal(code: int) -> dict[str, int]:
    """In place of an answer: NVML's error."""
    return {"error": code}


def card(number: int = 1, of: str = _ORDINARY, **answers: object) -> dict[str, Any]:
    """A captured card with an identity of its own (bus and UUID end in its number), and some answers changed."""
    made: dict[str, Any] = copy.deepcopy(CAPTURED[of]["nvml"])
    made |= {"uuid": uuid(number), "pci": {"domain": 0, "bus": number, "device": 0}, "lost": None} | answers
    return made


def place(number: int) -> str:
    """The card's PCI address."""
    return f"0000:{number:02x}:00.0"


def uuid(number: int) -> str:
    return f"GPU-00000000-0000-4000-8000-{number:012x}"


class FakeDriver:
    """Takes the place of the module `pynvml`. Handles end with the session that they are of, as NVML's do."""

    NVMLError = pynvml.NVMLError

    def __init__(self, *cards: dict[str, Any], refuses: int | None = None, old: bool = False) -> None:
        self.cards = list(cards)
        self.refuses = refuses
        self.open = self.started = 0
        self._old = old

    def restart(self) -> None:
        """What another driver in the place of this one looks like to those who had it open."""
        self.open = 0

    def nvmlInit(self) -> None:
        self._check(self.refuses)
        self.started += not self.open
        self.open += 1

    def nvmlShutdown(self) -> None:
        self._check(None if self.open else pynvml.NVML_ERROR_UNINITIALIZED)
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> object:
        self._check(self.cards[index]["lost"])
        return SimpleNamespace(card=self.cards[index], session=self.started)

    def nvmlDeviceGetUUID(self, handle: Any, /) -> str:
        return str(self._answer(handle, "uuid"))

    def nvmlDeviceGetName(self, handle: Any, /) -> str:
        return str(self._answer(handle, "name"))

    def nvmlDeviceGetPciInfo(self, handle: Any, /) -> Any:
        return SimpleNamespace(**self._answer(handle, "pci"))

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int, /) -> int:
        assert sensor == pynvml.NVML_TEMPERATURE_GPU
        return int(self._answer(handle, "temperature"))

    def nvmlDeviceGetTemperatureV(self, handle: Any, sensor: int, /) -> int:
        self._check(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND if self._old else None)
        assert sensor == pynvml.NVML_TEMPERATURE_GPU
        return int(self._answer(handle, "temperature_v"))

    def nvmlDeviceGetFieldValues(self, handle: Any, fields: Sequence[int], /) -> Any:
        assert fields == [pynvml.NVML_FI_DEV_MEMORY_TEMP]
        answer = self._answer(handle, "memory_temperature")
        return [SimpleNamespace(nvmlReturn=answer["nvmlReturn"], value=SimpleNamespace(uiVal=answer["uiVal"]))]

    def nvmlDeviceGetPowerUsage(self, handle: Any, /) -> int:
        return int(self._answer(handle, "power_mw"))

    def nvmlDeviceGetFanSpeed(self, handle: Any, /) -> int:
        return int(self._answer(handle, "fan"))

    def nvmlDeviceGetUtilizationRates(self, handle: Any, /) -> Any:
        return SimpleNamespace(**self._answer(handle, "utilization"))

    def _answer(self, handle: Any, name: str) -> Any:
        stale = not self.open or handle.session != self.started
        self._check(pynvml.NVML_ERROR_UNINITIALIZED if stale else handle.card["lost"])
        answer = handle.card[name]
        self._check(answer.get("error") if isinstance(answer, dict) else None)
        return answer

    def _check(self, code: int | None) -> None:
        if code is not None:
            raise pynvml.NVMLError(code)
