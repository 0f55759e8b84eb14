"""What a miner says of its cards, as the figures of a node; what sensors say when they have nothing to say."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct, structs

from publisher.sources.reading import WARMEST, Reading
from rigwatch.figures import LINE_MAX, Gpu

STRONGEST: Final = 3000.0
"""W: no card or board draws it, and from here on stand the marks of sensors that are none (2^32 divided by 10^6)."""
FASTEST: Final = 200.0
"""%: some drivers let fans run beyond 100, and 255 is the mark of none."""


class Card(Struct, frozen=True, kw_only=True):
    """One card as a miner gives it. `id` is its PCI address; without one it counts in the sums and is not listed:
    by its number in a list, figures would move to another card when one drops out.
    """

    id: str | None
    name: str | None = None
    hashrate: float | None = None
    temperature: float | None = None
    memory_temperature: float | None = None
    power: float | None = None
    fan: float | None = None
    accepted: int | None = None
    rejected: int | None = None
    invalid: int | None = None
    hardware_errors: int | None = None


def with_cards(reading: Reading, cards: Sequence[Card]) -> Reading:
    """The reading with its cards, and of them the hottest temperature, the power together and the fastest fan.

    Where a figure of the node is known already, it stays. What a sensor cannot have measured is left out and named.
    """
    odd: list[str] = []
    measured = [_measured(card, at, odd.append) for at, card in enumerate(cards)]
    temperature = highest(card.temperature for card in measured)
    power = total([card.power for card in measured])
    fan = highest(card.fan for card in measured)
    return structs.replace(
        reading,
        gpus=_listed(measured),
        temperature=temperature if reading.temperature is None else reading.temperature,
        power=power if reading.power is None else reading.power,
        fan=fan if reading.fan is None else reading.fan,
        odd=(*reading.odd, *odd),
    )


def total(values: Sequence[float | None]) -> float | None:
    """Their sum, if every one is known: a sum of some looks like a rig that does less than it does."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def warmth(value: float | None) -> float | None:
    """°C of a card or a board. Drivers and miners write 0 or less where there is no sensor, and 511 and others: no
    chip that works is so cold, or so hot.
    """
    return value if value is not None and 0 < value < WARMEST else None


def draw(value: float | None) -> float | None:
    """W of a card; 0 is what is written where it cannot be measured."""
    return value if value is not None and 0 < value < STRONGEST else None


def speed(value: float | None) -> float | None:
    """Per cent of a fan. It may stand still, so 0 is measured; less than that is written where there is none."""
    return value if value is not None and 0 <= value <= FASTEST else None


def _measured(card: Card, at: int, note: Callable[[str], None]) -> Card:
    """The card with what its sensors can have measured. A fan at 0 beside neither temperature nor power is no fan that
    stands still: the sensors' library is missing, and everything is 0.
    """
    temperature, power, fan = warmth(card.temperature), draw(card.power), speed(card.fan)
    memory = warmth(card.memory_temperature)
    told = (
        ("temperature", card.temperature, temperature),
        ("memory_temperature", card.memory_temperature, memory),
        ("power", card.power, power),
        ("fan", card.fan, fan),
    )
    for name, was, became in told:
        if was is not None and became is None and was > 0:
            note(f"gpus[{card.id or at}].{name}: {was:g} cannot be")
    if fan == 0 and temperature is None and power is None:
        fan = None
    return structs.replace(card, temperature=temperature, memory_temperature=memory, power=power, fan=fan)


def _listed(cards: Sequence[Card]) -> tuple[Gpu, ...] | None:
    by_id: dict[str, Gpu] = {}
    for card in cards:
        if card.id:
            by_id.setdefault(card.id, _gpu(card.id, card))
    return tuple(by_id.values()) or None


def _gpu(identity: str, card: Card) -> Gpu:
    return Gpu(
        id=identity[:LINE_MAX],
        name=(card.name or "")[:LINE_MAX],
        hashrate=card.hashrate,
        temperature=card.temperature,
        memory_temperature=card.memory_temperature,
        power=card.power,
        fan=card.fan,
        accepted=card.accepted,
        rejected=card.rejected,
        invalid=card.invalid,
        hardware_errors=card.hardware_errors,
    )
