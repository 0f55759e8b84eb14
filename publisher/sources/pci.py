"""A card's place on the PCI bus in one spelling, the kernel's: `0000:0a:00.0`. Programs write it in many."""

import re
from typing import Final

_HEX: Final = re.compile(
    r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{1,2})(?::([0-9a-f]{1,2}))?(?:\.([0-7]))?", re.IGNORECASE | re.ASCII
)
_DECIMAL: Final = re.compile(r"([0-9]{1,3}):([0-9]{1,2})", re.ASCII)
_DOMAIN_MAX: Final = 0xFFFFFFFF
_BUS_MAX: Final = 0xFF
_DEVICE_MAX: Final = 0x1F


def address(text: str) -> str | None:
    """Of `0000:01:00.0`, `00000000:01:00.0` (NVML), `01:00.0` or `0b:0`, all hexadecimal; None for anything else."""
    if not (found := _HEX.fullmatch(text.strip())):
        return None
    domain, bus, device, function = (int(part or "0", 16) for part in found.groups())
    return _spelt(bus, device, domain=domain, function=function)


def decimal(text: str) -> str | None:
    """Of `11:0`, bus and device in decimal, as lolMiner writes them (-1 as 4294967295); None for anything else."""
    if not (found := _DECIMAL.fullmatch(text.strip())):
        return None
    return _spelt(int(found[1]), int(found[2]))


def of_bus(bus: int | None, *, device: int = 0, domain: int = 0) -> str | None:
    """Of numbers. The bus alone will do: a card stands behind a bridge of its own, as device 0. None for no bus."""
    return None if bus is None else _spelt(bus, device, domain=domain)


def _spelt(bus: int, device: int, *, domain: int = 0, function: int = 0) -> str | None:
    if not (0 <= domain <= _DOMAIN_MAX and 0 <= bus <= _BUS_MAX and 0 <= device <= _DEVICE_MAX):
        return None
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}"
