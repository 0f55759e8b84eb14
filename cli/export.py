"""`export`: stored samples as lines of text for other programs. Which figures there are is the store's affair."""

import sys
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.alerts import millis_of
from cli.invocation import app, invocation
from rigwatch.errors import RigwatchError
from rigwatch.lines import csv_head, csv_lines, json_lines
from rigwatch.topics import NodeId

if TYPE_CHECKING:
    from store import Store


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
    from store import open_store

    call = invocation(context)
    begin = call.clock.now() - millis_of(since, "--since") if since else 0
    with closing(open_store(call.server().database.url, call.home)) as store:
        nodes = _chosen(store, site, node)
        # Bytes: a console's or a pipe's own encoding may not have every letter that a rig's miner has.
        out = sys.stdout.buffer
        if kind is Format.CSV:
            out.write(csv_head())
        lines = {Format.CSV: csv_lines, Format.JSONL: json_lines}[kind]
        for each in nodes:
            for samples in store.history(each, since=begin):
                out.write(lines(each, samples))
        out.flush()


def _chosen(store: "Store", site: str, node: str) -> list[NodeId]:
    from store import nodes

    # Retired ones too: their history is kept.
    with store.read() as tx:
        every = [each.id for each in nodes.every(tx)]
    chosen = [each for each in every if site in {"", each.site} and node in {"", each.node}]
    if chosen or not (site or node):
        return chosen
    if site and site not in {each.site for each in every}:
        raise RigwatchError(f"site {site}: has no node in the database; 'rigwatch status' lists what there is")
    where = f" at site {site}" if site else ""
    raise RigwatchError(f"node {node}: is not in the database{where}; 'rigwatch status' lists what there is")
