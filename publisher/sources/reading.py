"""What one read of a source gives; how readings become a sample is not decided here."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from rigwatch.errors import RigwatchError
from rigwatch.messages import GPUS_MAX, Celsius, Count, Gpu, Line, Miner, Moment, Percent, Rate, Seconds, Watts


class SourceError(RigwatchError):
    """A source could not be read: the text goes to the dashboard, so it names what was asked and what came back."""


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The figures of one moment, in the units and bounds of a sample; `None` = not known, never the same as 0.

    `Reading()` is "nothing here" (a host without sensors, say) and no failure.

    A card in `gpus` goes by its PCI address in the spelling of `pci`, which is the same whichever source tells of it.
    `lacks` is no figure: it says what could not be read although the rest could, and goes into the errors.
    """

    hashrate: Rate | None = None
    peers: Count | None = None
    block: Count | None = None
    block_hash: Line | None = None
    syncing: bool | None = None
    accepted: Count | None = None
    rejected: Count | None = None
    stale: Count | None = None
    last_share_at: Moment | None = None
    temperature: Celsius | None = None
    power: Watts | None = None
    fan: Percent | None = None
    cpu: Percent | None = None
    gpus: Annotated[tuple[Gpu, ...], Meta(max_length=GPUS_MAX)] | None = None
    miner: Miner | None = None
    pool: Line | None = None
    uptime: Seconds | None = None
    lacks: str = ""


FIGURES: Final = tuple(name for name in Reading.__struct_fields__ if name != "lacks")
"""What a sample takes over from a reading."""


def checked(reading: Reading) -> Reading:
    """The same reading, or SourceError for a figure that cannot be one (negative, infinite, not a number).

    A subscriber refuses the whole report that one impossible figure is in, so it must not get that far.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(reading), Reading)
    except msgspec.ValidationError as exc:
        what, _, where = str(exc).partition(" - at `$.")
        raise SourceError(f"{where.rstrip('`')}: {what[:1].lower()}{what[1:]}") from None
