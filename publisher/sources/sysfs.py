"""AMD's and Intel's cards by the files of their kernel drivers (hwmon): no root rights, no library.

Their hashrates are the miners' to tell. The names of the files are those of the kernel's documentation: hwmon's ABI,
amdgpu's "GPU Power/Thermal Controls", and those of i915 and xe.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from publisher.sources import pci
from publisher.sources.cards import Card, highest, with_cards
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import BlockingSource, Context, SourceSettings

_BYTES_MAX: Final = 4096
_MILLI: Final = 1e-3
_MICRO: Final = 1e-6
_MEMORY: Final = frozenset(("mem", "vram"))
_LABELS: Final = re.compile(r"temp(\d+)_input")
_ENERGY_LEAST: Final = 0.2
"""Seconds between two readings of a meter, of which less would be noise."""
_PCI_IDS: Final = (Path("/usr/share/hwdata/pci.ids"), Path("/usr/share/misc/pci.ids"))
_MARKETED: Final = re.compile(r"\[([^\]]+)\]\s*$")


class SysfsSettings(SourceSettings, frozen=True, forbid_unknown_fields=True):
    """`gpu` is a card's PCI address, or a list of them; empty means every card of the driver. `root` is where the
    kernel's files are.
    """

    gpu: str | tuple[str, ...] = ""
    root: Annotated[str, Meta(min_length=1)] = "/sys"

    def __post_init__(self) -> None:
        names_of(self.gpu)


class SysfsSource(BlockingSource):
    """One card, several, or all. A card that is gone, or answers nothing any more, is left out of `gpus`, where its
    alert looks for it, and named in what the reading lacks.
    """

    maker: ClassVar[str]
    drivers: ClassVar[tuple[str, ...]]

    def __init__(self, settings: SysfsSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._root = Path(settings.root).expanduser()
        self._names = names_of(settings.gpu)
        self._seen: dict[str, str] = {}
        self._meters: dict[Path, tuple[float, float]] = {}

    def read(self) -> Reading:
        here = cards_of(self._root, self.drivers)
        wanted = self._names or tuple(dict.fromkeys((*here, *self._seen)))
        if not wanted:
            drivers = f"{' or '.join(self.drivers)} in {self._root}/bus/pci/drivers"
            raise SourceError(f"no card of {self.maker} has its driver in this machine ({drivers})")
        cards: list[Card] = []
        lacks: list[str] = []
        for name in wanted:
            card = self._card(name, here[name]) if name in here else None
            if card is not None:
                cards.append(card)
                self._seen[name] = card.name or ""
            elif name in here:
                lacks.append(f"{self._called(name)} does not answer any more; reboot the machine")
            elif name in self._seen:
                lacks.append(f"{self._called(name)} has gone from the bus; reboot the machine")
            else:
                lacks.append(f"{name} is not in this machine; its cards: {', '.join(here) or 'none'}")
        busy = {card.id or "": _number(here[card.id or ""] / "gpu_busy_percent") for card in cards}
        return parse(cards, lacks="; ".join(lacks), busy=busy)

    def _called(self, name: str) -> str:
        known = self._seen.get(name, "")
        return f"{known} at {name}" if known else name

    def _card(self, name: str, device: Path) -> Card | None:
        """None for a card of which nothing can be read. One that sleeps is left asleep, and known without figures."""
        title = self._seen.get(name) or title_of(device, self.maker)
        if _text(device / "power" / "runtime_status") == "suspended":
            return Card(id=name, name=title)
        sensors = min((device / "hwmon").glob("hwmon*"))
        temperatures = temperatures_of(sensors)
        power = self._power(sensors)
        fan = fan_of(sensors)
        if power is None and fan is None and not any(value is not None for value in temperatures.values()):
            return None
        return Card(
            id=name,
            name=title,
            temperature=highest(value for label, value in temperatures.items() if label not in _MEMORY),
            memory_temperature=highest(value for label, value in temperatures.items() if label in _MEMORY),
            power=power,
            fan=fan,
        )

    def _power(self, sensors: Path) -> float | None:
        """W as the card measures it, or from what its meter counted since the last read."""
        for name in ("power1_average", "power1_input"):
            if (value := _number(sensors / name)) is not None:
                return value * _MICRO
        meter = sensors / "energy1_input"
        if (joules := _number(meter)) is None:
            return None
        now = self.clock.monotonic()
        before = self._meters.get(meter)
        self._meters[meter] = (joules, now)
        if before is None or now - before[1] < _ENERGY_LEAST or joules < before[0]:
            return None
        return (joules - before[0]) * _MICRO / (now - before[1])


class AmdSource(SysfsSource):
    maker = "AMD"
    drivers = ("amdgpu",)


class IntelSource(SysfsSource):
    maker = "Intel"
    drivers = ("xe", "i915")


def cards_of(root: Path, drivers: Sequence[str]) -> dict[str, Path]:
    """Those that the drivers have, by PCI address."""
    found: dict[str, Path] = {}
    for driver in drivers:
        for device in sorted((root / "bus" / "pci" / "drivers" / driver).glob("*:*:*.*")):
            # A processor's own graphics have no sensors of theirs.
            if (address := pci.address(device.name)) is not None and any((device / "hwmon").glob("hwmon*")):
                found[address] = device
    return found


def temperatures_of(sensors: Path) -> dict[str, float | None]:
    """°C by label: amdgpu has edge, junction and mem, xe pkg and vram; without a label it is the chip's."""
    found: dict[str, float | None] = {}
    for file in sorted(sensors.glob("temp*_input")):
        number = _LABELS.fullmatch(file.name)
        label = _text(sensors / f"temp{number[1]}_label") if number else ""
        value = _number(file)
        found[label or file.name] = None if value is None else value * _MILLI
    return found


def fan_of(sensors: Path) -> float | None:
    """Per cent of full speed as it is told to run (`pwm1`), or as it runs where the driver knows how fast it can."""
    driven, most = _number(sensors / "pwm1"), _number(sensors / "pwm1_max") or 255.0
    if driven is not None:
        return 100 * driven / most
    turns, fastest = _number(sensors / "fan1_input"), _number(sensors / "fan1_max")
    return 100 * turns / fastest if turns is not None and fastest else None


def title_of(device: Path, maker: str, lists: Sequence[Path] = _PCI_IDS) -> str:
    """What the card says that it is called, or the list of PCI devices where the machine has one, or its number."""
    if told := _text(device / "product_name"):
        return told if told.startswith(maker) else f"{maker} {told}"
    vendor, model = (_text(device / name).removeprefix("0x") for name in ("vendor", "device"))
    return f"{maker} {_listed(vendor, model, lists) or model}".strip()


def parse(cards: Sequence[Card], *, lacks: str = "", busy: Mapping[str, float | None] | None = None) -> Reading:
    """The cards' figures, and the node's of them."""
    reading = with_cards(Reading(lacks=lacks), cards)
    used = busy or {}
    gpus = tuple(structs.replace(gpu, utilization=used.get(gpu.id)) for gpu in reading.gpus or ())
    return structs.replace(reading, gpus=gpus)


def names_of(gpu: str | Sequence[str]) -> tuple[str, ...]:
    """The PCI addresses, each in its one spelling; raises ValueError for what is none."""
    several = [gpu] if isinstance(gpu, str) else gpu
    found: list[str] = []
    for text in several:
        if text == "" and gpu == "":
            continue
        address = pci.address(text) if ":" in text else None
        if address is None:
            raise ValueError(f"gpu {text!r} names no card; write its PCI address ('03:00.0', as 'lspci' lists it)")
        found.append(address)
    return tuple(dict.fromkeys(found))


def _listed(vendor: str, model: str, lists: Sequence[Path]) -> str:
    for path in lists:
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                ours = False
                for line in lines:
                    if not line.startswith(("\t", "#", "\n")):
                        ours = line.startswith(vendor)
                    elif ours and line.startswith(f"\t{model} "):
                        name = line.strip()[len(model) :].strip()
                        marketed = _MARKETED.search(name)
                        return marketed[1] if marketed else name
        except OSError:
            continue
    return ""


def _text(path: Path) -> str:
    """Empty for a file that is not there, or that the driver refuses to fill."""
    try:
        with path.open("rb") as file:
            return file.read(_BYTES_MAX).decode("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None
