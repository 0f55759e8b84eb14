"""Which card is which: a card has a UUID and a PCI address, and each source knows it by one of them or both. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import structs

from rigwatch.messages import GPUS_MAX, Gpu

_UUID: Final = re.compile(r"(?:gpu-)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
# Domain and function are left out by those who have never seen another than 0.
_ADDRESS: Final = re.compile(r"(?:pci:)?(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})(?:\.([0-7]))?")
_UNKNOWN: Final = (None, "")


def uuid_of(text: str) -> str | None:
    """The UUID as NVIDIA's driver writes it, `GPU-` and small letters; None for anything else."""
    found = _UUID.fullmatch(text.strip().lower())
    return f"GPU-{'-'.join(found.groups())}" if found else None


def address_of(text: str) -> str | None:
    """The PCI address as Linux writes it, `0000:01:00.0`; None for anything else."""
    found = _ADDRESS.fullmatch(text.strip().lower())
    if found is None:
        return None
    domain, bus, device, function = found.groups(default="0")
    return f"{int(domain, 16):04x}:{int(bus, 16):02x}:{int(device, 16):02x}.{function}"


def identity(text: str, uuids: Mapping[str, str]) -> str:
    """What a card is called in samples, whoever tells of it: its UUID where it is known, else its PCI address.

    `uuids` gives it for the addresses known so far. A name that is neither stays as it is.
    """
    address = address_of(text)
    return uuids.get(address, address) if address else uuid_of(text) or text


def uuids_of(pairs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """PCI address → UUID, in the spelling of `identity`; of what is said later the later holds, as after a swap."""
    return {
        address: uuid
        for each in pairs
        for told, named in each.items()
        if (address := address_of(told)) and (uuid := uuid_of(named))
    }


def merged(lists: Sequence[Sequence[Gpu]], uuids: Mapping[str, str]) -> tuple[Gpu, ...]:
    """All cards, each once: a figure is that of the list that comes first, and what it does not know is filled in."""
    cards: dict[str, Gpu] = {}
    for gpu in (gpu for gpus in lists for gpu in gpus):
        card = structs.replace(gpu, id=identity(gpu.id, uuids))
        before = cards.get(card.id)
        cards[card.id] = card if before is None else _filled(before, card)
    # The subscriber refuses a whole report for one card too many.
    return tuple(cards.values())[:GPUS_MAX]


def _filled(first: Gpu, later: Gpu) -> Gpu:
    missing = [name for name in Gpu.__struct_fields__ if getattr(first, name) in _UNKNOWN]
    return structs.replace(first, **{name: getattr(later, name) for name in missing})
