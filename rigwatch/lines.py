"""Stored samples as lines of text for other programs, CSV or JSON. Where they come from and go to is others' affair."""

import csv
import io

import msgspec

from rigwatch.clock import as_iso
from rigwatch.messages import Sample
from rigwatch.texts import visible, visible_json
from rigwatch.topics import NodeId

COLUMNS = (
    *("site", "node", "n", "at", "time", "hashrate", "peers", "block", "block_hash", "syncing"),
    *("accepted", "rejected", "stale", "last_share_at", "temperature", "power", "fan", "cpu", "uptime"),
    *("miner", "pool", "gpus", "errors"),
    *("algorithm", "algorithms", "invalid", "hardware_errors", "odd"),
    *("boards", "fans"),
)
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


def _cells(node: NodeId, of: Sample) -> tuple[object, ...]:
    return (
        *(node.site, node.node, of.n, of.at, as_iso(of.at)),
        *(of.hashrate, of.peers, of.block, _text(of.block_hash)),
        None if of.syncing is None else str(of.syncing).lower(),
        *(of.accepted, of.rejected, of.stale, of.last_share_at),
        *(of.temperature, of.power, of.fan, of.cpu, of.uptime),
        _text(f"{of.miner.name} {of.miner.version}".rstrip() if of.miner else None),
        _text(of.pool),
        None if of.gpus is None else _written(of.gpus),
        _written(of.errors) if of.errors else None,
        _text(of.algorithm),
        None if of.algorithms is None else _json.encode(of.algorithms).decode(),
        *(of.invalid, of.hardware_errors),
        _json.encode(of.odd).decode() if of.odd else None,
        None if of.boards is None else _json.encode(of.boards).decode(),
        None if of.fans is None else _json.encode(of.fans).decode(),
    )


def _written(value: object) -> str:
    return visible_json(_json.encode(value).decode())


def _text(words: str | None) -> str | None:
    if not words:
        return words
    # These are the words of a rig: a terminal would obey them, and a spreadsheet run what begins like a formula.
    shown = visible(words)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
