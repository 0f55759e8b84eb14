"""What tells this machine from its like, for as long as one code lasts; said to nobody in words."""

import hashlib
from pathlib import Path
from typing import Final

import psutil

_MACHINE_ID: Final = Path("/etc/machine-id")


def identity(code: str) -> str:
    """The same each time for this machine and this code, another for any other: 64 hexadecimal digits.

    A copy of its disk has the same machine id, and another network card. Who knows the one code learns nothing of it.
    """
    try:
        known = _MACHINE_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        known = ""
    cards = sorted(
        each.address.lower()
        for name, addresses in psutil.net_if_addrs().items()
        for each in addresses
        if each.family == psutil.AF_LINK and name != "lo"
    )
    return hashlib.sha256("\n".join(("rigwatch machine", code, known, *cards)).encode()).hexdigest()
