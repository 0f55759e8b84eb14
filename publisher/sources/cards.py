"""What a miner says of its cards, as the figures of a node; what sensors say when they have nothing to say."""

from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from publisher.sources.reading import Reading
from rigwatch.messages import LINE_MAX, Gpu


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


def with_cards(reading: Reading, cards: Sequence[Card]) -> Reading:
    """The reading with its cards, and of them the hottest temperature, the power together and the fastest fan.

    Where a figure of the node is known already, it stays.
    """
    temperature = highest(warmth(card.temperature) for card in cards)
    power = total([draw(card.power) for card in cards])
    fan = highest(speed(card.fan) for card in cards)
    return structs.replace(
        reading,
        gpus=_listed(cards),
        temperature=temperature if reading.temperature is None else reading.temperature,
        power=power if reading.power is None else reading.power,
        fan=fan if reading.fan is None else reading.fan,
    )


def total(values: Sequence[float | None]) -> float | None:
    """Their sum, if every one is known: a sum of some looks like a rig that does less than it does."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def warmth(value: float | None) -> float | None:
    """°C of a card. Drivers and miners write 0 or -1 where there is no sensor; no card that works is that cold."""
    return value if value is not None and value > 0 else None


def draw(value: float | None) -> float | None:
    """W of a card; 0 is what is written where it cannot be measured."""
    return value if value is not None and value > 0 else None


def speed(value: float | None) -> float | None:
    """Per cent of a fan. It may stand still, so 0 is measured; less than that is written where there is none."""
    return value if value is not None and value >= 0 else None


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
        temperature=warmth(card.temperature),
        memory_temperature=warmth(card.memory_temperature),
        power=draw(card.power),
        fan=speed(card.fan),
    )
