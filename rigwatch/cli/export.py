"""`export`: stored samples as lines of text for other programs. Which figures there are is the store's affair."""

import csv
import io
import sys
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from rigwatch.cli.alerts import millis_of
from rigwatch.cli.invocation import app, invocation
from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError
from rigwatch.messages import Sample
from rigwatch.topics import NodeId

if TYPE_CHECKING:
    from subscriber.store import Store

COLUMNS = (
    *("site", "node", "n", "at", "time", "hashrate", "peers", "block", "block_hash", "syncing"),
    *("accepted", "rejected", "stale", "last_share_at", "temperature", "power", "fan", "cpu", "uptime"),
    *("miner", "pool", "gpus", "errors"),
)
"""Of a CSV file: scripts read them by name, so new ones go to the end and none is renamed."""

_FORMULA = ("=", "+", "-", "@", "\t")
_json = msgspec.json.Encoder()


class Format(StrEnum):
    """How a sample is written."""

    CSV = "csv"
    JSONL = "jsonl"


@app.command()
def export(  # noqa: PLR0917 - typer hands options over by position
    context: typer.Context,
    kind: Annotated[Format, typer.Option("--format", help="A line of CSV, or a JSON object, for each sample.")],
    since: Annotated[str, typer.Option(help="Only the last so long, such as 24h [default: all that is kept].")] = "",
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    node: Annotated[str, typer.Option(help="Only nodes of this name.")] = "",
) -> None:
    """Write stored samples to stdout, by node and time.

    `at` is in milliseconds since 1970, `time` the same in UTC.
    """
    from subscriber.store import open_store

    call = invocation(context)
    begin = call.clock.now() - millis_of(since, "--since") if since else 0
    with closing(open_store(call.server().database.url, call.home)) as store:
        nodes = _chosen(store, site, node)
        # Bytes: a console's or a pipe's own encoding may not have every letter that a rig's miner has.
        out = sys.stdout.buffer
        if kind is Format.CSV:
            out.write(f"{','.join(COLUMNS)}\n".encode())
        lines = {Format.CSV: csv_lines, Format.JSONL: json_lines}[kind]
        for each in nodes:
            for samples in store.history(each, since=begin):
                out.write(lines(each, samples))
        out.flush()


def _chosen(store: "Store", site: str, node: str) -> list[NodeId]:
    every = [facts.id for facts in store.nodes()]
    chosen = [each for each in every if site in {"", each.site} and node in {"", each.node}]
    if chosen or not (site or node):
        return chosen
    if site and site not in {each.site for each in every}:
        raise RigwatchError(f"site {site}: has no node in the database; 'rigwatch status' lists what there is")
    where = f" at site {site}" if site else ""
    raise RigwatchError(f"node {node}: is not in the database{where}; 'rigwatch status' lists what there is")


def json_lines(node: NodeId, samples: list[Sample]) -> bytes:
    """One object a line: the fields of a sample as docs/protocol.md names them; what is not known is left out."""
    head = {"site": node.site, "node": node.node}
    return b"".join(
        _json.encode({**head, "n": each.n, "at": each.at, "time": _utc(each.at), **msgspec.to_builtins(each)}) + b"\n"
        for each in samples
    )


def csv_lines(node: NodeId, samples: list[Sample]) -> bytes:
    """As RFC 4180 has it, but for line ends of one byte; what is not known is empty, `gpus` and `errors` are JSON."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_cells(node, each) for each in samples)
    return text.getvalue().encode()


def _cells(node: NodeId, of: Sample) -> tuple[object, ...]:
    return (
        *(node.site, node.node, of.n, of.at, _utc(of.at)),
        *(of.hashrate, of.peers, of.block, _text(of.block_hash)),
        None if of.syncing is None else str(of.syncing).lower(),
        *(of.accepted, of.rejected, of.stale, of.last_share_at),
        *(of.temperature, of.power, of.fan, of.cpu, of.uptime),
        _text(f"{of.miner.name} {of.miner.version}".rstrip() if of.miner else None),
        _text(of.pool),
        None if of.gpus is None else _json.encode(of.gpus).decode(),
        _json.encode(of.errors).decode() if of.errors else None,
    )


def _text(words: str | None) -> str | None:
    # A spreadsheet would run what begins like a formula, and these are the words of a rig.
    return f"'{words}" if words and words.startswith(_FORMULA) else words


def _utc(at: Millis) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 1000:03}Z"
