"""A row of the old `hashlog` as a sample of ours, or why it is none. Pure.

The old client wrote 0 for whatever it could not read. Where block and peers are both 0 nobody answered it: they are not
known then, nor is a hashrate of 0. Any other 0 is believed (docs/adr/0024).
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from alerts.ingest import CLOCK_TOLERANCE
from rigwatch.clock import Millis, millis_of
from rigwatch.messages import Sample

SOURCE: Final = "wtc-miner-monitor"
UNREACHED: Final = "the chain client was not reached"

Cell: TypeAlias = object
"""SQLite keeps whatever was put into a column."""

_EARLIEST: Final[Millis] = 1_262_304_000_000
"""2010-01-01: nobody mined anything before."""
_MOST = 2**53
_UNREACHED: Final = {SOURCE: UNREACHED}


class RowFault(StrEnum):
    """Why a row is not taken."""

    NO_NODE = "no node id"
    NO_TIME = "no time"
    GARBLED_TIME = "time cannot be read"
    NOT_YET = "time is still to come"
    MISSING = "a figure is missing"
    NEGATIVE = "a figure is below 0"
    NO_NUMBER = "a figure is not a number"


class LogRow(NamedTuple):
    """`ts` is text as SQLite has it, or seconds since 1970."""

    id: Cell
    node: Cell
    name: Cell
    ts: Cell
    hashrate: Cell
    peers: Cell
    block: Cell


def convert(row: LogRow, now: Millis) -> tuple[int, Sample] | RowFault:
    """The old id of its node, and the sample.

    `n` is the row's second and the last three digits of its id: the same in every run, whatever else is in the table,
    and different for two rows of one second.
    """
    if type(row.node) is not int or row.node < 1 or type(row.id) is not int:
        return RowFault.NO_NODE
    at = moment(row.ts)
    if isinstance(at, RowFault):
        return at
    if at > now + CLOCK_TOLERANCE:
        return RowFault.NOT_YET
    figures = (row.hashrate, row.peers, row.block)
    hashrate, peers, block = map(_figure, figures)
    if hashrate is None or peers is None or block is None:
        return _fault(figures)
    n = at // 1000 * 1000 + row.id % 1000
    if not block and not peers:
        return row.node, Sample(n, at, hashrate=hashrate or None, errors=_UNREACHED)
    return row.node, Sample(n, at, hashrate=hashrate, peers=int(peers), block=int(block))


def moment(ts: Cell) -> Millis | RowFault:
    """Milliseconds since 1970. Without a zone it is UTC, as the old server wrote it."""
    if ts is None or ts == "":
        return RowFault.NO_TIME
    try:
        if isinstance(ts, str):
            # Go's driver writes nine digits behind the second, and some versions a zone's letters.
            read = datetime.fromisoformat(ts.strip().removesuffix(" UTC").replace(" +0000", "+00:00"))
            at = millis_of(read if read.tzinfo else read.replace(tzinfo=UTC))
        elif isinstance(ts, int | float) and not isinstance(ts, bool):
            at = round(ts * 1000)
        else:
            return RowFault.GARBLED_TIME
    except (ValueError, OverflowError):
        return RowFault.GARBLED_TIME
    return at if _EARLIEST <= at < _MOST else RowFault.GARBLED_TIME


def _figure(cell: Cell) -> float | None:
    """None for what is none."""
    usable = isinstance(cell, int | float) and not isinstance(cell, bool) and 0 <= cell <= _MOST
    return cell if usable else None  # type: ignore[return-value] # mypy does not carry it over


def _fault(figures: tuple[Cell, ...]) -> RowFault:
    if None in figures:
        return RowFault.MISSING
    negative = any(isinstance(each, int | float) and each < 0 for each in figures)
    return RowFault.NEGATIVE if negative else RowFault.NO_NUMBER
