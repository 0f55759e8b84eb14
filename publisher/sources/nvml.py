"""NVIDIA's cards by NVML: temperature, power, fan, use. Their hashrates are the miners' to tell."""

from collections.abc import Callable, Sequence
from typing import Final

from publisher.sources import pci
from publisher.sources.cards import highest, total
from publisher.sources.nvml_library import (
    LOST,
    NO_DRIVER,
    Code,
    LostError,
    NoDriverError,
    Nvml,
    NvmlAnswers,
    NvmlCard,
    ask,
    cards_of,
    code_of,
    pynvml,
    uuid_of,
)
from publisher.sources.reading import Reading
from publisher.sources.source import BlockingSource, Context, SourceSettings
from rigwatch.figures import Gpu

LOOK_AGAIN: Final = 60.0
"""Seconds until the driver is asked anew for a card that is missing; it may take seconds over it."""
_HOW_TO_NAME: Final = "its UUID ('GPU-…', as 'nvidia-smi -L' lists it) or its PCI address ('01:00.0')"


class NvmlSettings(SourceSettings, frozen=True, forbid_unknown_fields=True):
    """`gpu` is a card's UUID or PCI address, or a list of them; empty means every card of the machine."""

    gpu: int | str | tuple[int | str, ...] = ""

    def __post_init__(self) -> None:
        names_of(self.gpu)


class NvmlSource(BlockingSource):
    """One card, several, or all. A card that is lost is left out of `gpus`, where its alert looks for it, and named in
    what the reading lacks; the read fails only when NVML cannot say which cards are there.

    NVML is kept open between reads, and opened anew after the driver was restarted or while a card is missing.
    """

    def __init__(self, settings: NvmlSettings, context: Context, load: Callable[[], Nvml] | None = None) -> None:
        super().__init__(settings, context)
        self._names = names_of(settings.gpu)
        self._load = load or pynvml
        self._nvml: Nvml | None = None
        self._cards: tuple[NvmlCard, ...] = ()
        self._silent = 0
        self._seen: dict[str, NvmlCard] = {}
        self._look_at: float | None = None

    def read(self) -> Reading:
        if self._look_at is not None and self.clock.monotonic() >= self._look_at:
            self._close()
        nvml = self._nvml or self._open()
        cards, troubles = self._wanted()
        measured: list[tuple[NvmlCard, NvmlAnswers]] = []
        for card in cards:
            try:
                measured.append((card, ask(nvml, card)))
            except LostError as exc:
                troubles.append(str(exc))
            except NoDriverError:
                self._close()
                raise
        if not troubles:
            self._look_at = None
        elif self._look_at is None:
            self._look_at = self.clock.monotonic() + LOOK_AGAIN
        if not measured and not troubles:
            troubles.append("the NVIDIA driver knows no card in this machine")
        return parse(measured, "; ".join(troubles))

    def _open(self) -> Nvml:
        nvml = self._load()
        try:
            nvml.nvmlInit()
            self._nvml = nvml
            self._cards, self._silent = cards_of(nvml)
        except nvml.NVMLError as exc:
            self._close()
            raise NoDriverError(NO_DRIVER.get(code_of(exc)) or f"the NVIDIA driver does not answer: {exc}") from exc
        self._seen |= {card.uuid: card for card in self._cards}
        self._look_at = None
        return nvml

    def _close(self) -> None:
        nvml, self._nvml, self._cards = self._nvml, None, ()
        if nvml is not None:
            try:
                nvml.nvmlShutdown()
            except nvml.NVMLError:
                # It was shut down by what made us close it.
                return

    def _wanted(self) -> tuple[list[NvmlCard], list[str]]:
        """The cards to read, and a sentence for each that should be here and is not."""
        if not self._names:
            here = {card.uuid for card in self._cards}
            troubles = [f"{card} {LOST[Code.GPU_IS_LOST]}" for card in self._seen.values() if card.uuid not in here]
            if (others := self._silent - len(troubles)) > 0:
                troubles.append(f"cards in this machine that cannot be reached: {others}; reboot it")
            return list(self._cards), troubles
        cards: dict[str, NvmlCard] = {}
        troubles = []
        for name in self._names:
            found = next((card for card in self._cards if card.answers_to(name)), None)
            if found is not None:
                cards[found.uuid] = found
            else:
                troubles.append(self._missing(name))
        return list(cards.values()), troubles

    def _missing(self, name: str) -> str:
        known = next((card for card in self._seen.values() if card.answers_to(name)), None)
        if known is not None:
            return f"{known} {LOST[Code.GPU_IS_LOST]}"
        if self._silent:
            return f"{name} is not found, and cards that cannot be reached: {self._silent}; reboot the machine"
        others = ", ".join(map(str, self._cards)) or "none"
        return f"{name} is not in this machine; its cards: {others}"


def names_of(gpu: int | str | Sequence[int | str]) -> tuple[str, ...]:
    """The UUIDs and PCI addresses, each in its one spelling; raises ValueError for what is neither."""
    if gpu in ("", ()):
        return ()
    several = [gpu] if isinstance(gpu, int | str) else gpu
    return tuple(dict.fromkeys(_name(each) for each in several))


def _name(gpu: int | str) -> str:
    text = str(gpu).strip()
    if text.isdecimal() or isinstance(gpu, int):
        raise ValueError(f"gpu {text} is an index, and those move when a card drops out; write {_HOW_TO_NAME}")
    if text.upper().startswith("MIG-"):
        raise ValueError(
            f"gpu {text!r} is a part of a card and has no temperature, power or fan; name the card: {_HOW_TO_NAME}"
        )
    name = uuid_of(text) or (pci.address(text) if ":" in text else None)
    if name is None:
        raise ValueError(f"gpu {text!r} names no card; write {_HOW_TO_NAME}")
    return name


def parse(measured: Sequence[tuple[NvmlCard, NvmlAnswers]], lacks: str = "") -> Reading:
    """The cards' figures, and the node's: its hottest card, its fastest fan, and the power of all where all tell it."""
    gpus = tuple(
        Gpu(
            id=card.address,
            name=card.name,
            temperature=answers.temperature,
            memory_temperature=answers.memory_temperature,
            power=None if answers.power is None else answers.power / 1000,
            fan=answers.fan,
            utilization=answers.utilization,
        )
        for card, answers in measured
    )
    return Reading(
        gpus=gpus,
        temperature=highest(gpu.temperature for gpu in gpus),
        power=total([gpu.power for gpu in gpus]),
        fan=highest(gpu.fan for gpu in gpus),
        lacks=lacks,
    )
