"""Stored samples as lines of text for other programs, CSV or JSON. Where they come from and go to is others' affair."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from rigwatch.clock import as_iso
from rigwatch.figures import FIGURES, MEASURED, RECORD, TEXT
from rigwatch.messages import Sample
from rigwatch.texts import visible, visible_json
from rigwatch.topics import NodeId

_OLD = (
    *("hashrate", "peers", "block", "block_hash", "syncing", "accepted", "rejected", "stale", "last_share_at"),
    *("temperature", "power", "fan", "cpu", "uptime", "miner", "pool", "gpus", "errors"),
    *("algorithm", "algorithms", "invalid", "hardware_errors", "odd", "boards", "fans"),
)
_TOLD = (*_OLD, *(name for name in MEASURED if name not in _OLD))
COLUMNS = ("site", "node", "n", "at", "time", *_TOLD)
"""Of a CSV file: scripts read them by name, so new ones go to the end and none is renamed."""

# Also as wide as they are in East Asia, where spreadsheets take them for the same.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_json = msgspec.json.Encoder()


def csv_head() -> bytes:
    """The first line of a CSV file."""
    return f"{','.join(COLUMNS)}\n".encode()


def json_lines(node: NodeId, samples: list[Sample]) -> bytes:
    """One object a line: the fields of a sample as docs/protocol.md names them; what is not known is left out."""
    head = {"site": node.site, "node": node.node}
    return b"".join(
        _written({**head, "n": each.n, "at": each.at, "time": as_iso(each.at), **msgspec.to_builtins(each)}).encode()
        + b"\n"
        for each in samples
    )


def csv_lines(node: NodeId, samples: list[Sample]) -> bytes:
    """As RFC 4180 has it, but for line ends of one byte; what is not known is empty, lists and tables are JSON."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_cells(node, each) for each in samples)
    return text.getvalue().encode()


def _cells(node: NodeId, of: Sample) -> Iterable[object]:
    told = [*_told(of)]
    for at, written in _NOT_NUMBERS:
        if (value := told[at]) is not None:
            told[at] = written(value)
    return (node.site, node.node, of.n, of.at, as_iso(of.at), *told)


def _written(value: object) -> str:
    return visible_json(_json.encode(value).decode())


def _text(words: str | None) -> str | None:
    if not words:
        return words
    # These are the words of a rig: a terminal would obey them, and a spreadsheet run what begins like a formula.
    shown = visible(words)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


_told = attrgetter(*_TOLD)
_WRITTEN: Mapping[str, Callable[[Any], str | None]] = {
    "syncing": lambda syncing: str(syncing).lower(),
    "miner": lambda miner: _text(f"{miner.name} {miner.version}".rstrip()),
    **dict.fromkeys(("errors", "odd"), lambda words: _written(words) if words else None),
    **{name: _text for name in MEASURED if FIGURES[name].unit is TEXT},
}
_NOT_NUMBERS = tuple(
    (at, _WRITTEN.get(name, _written))
    for at, name in enumerate(_TOLD)
    if name in _WRITTEN or FIGURES[name].unit is RECORD
)
