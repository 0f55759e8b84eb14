"""`sources`: what this machine's sources give now, and what else could be read here."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.invocation import Invocation, app, invocation
from rigwatch.errors import SettingsError
from rigwatch.home import write_private
from rigwatch.settings.loader import read_toml
from rigwatch.settings.writing import append_sources

if TYPE_CHECKING:
    from publisher.inspection import SourceResult

_WIDTH = 14


@app.command()
def sources(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of what each source gives.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Add what else answers here to publisher.toml.")] = False,
) -> None:
    """Read every source of publisher.toml once, and look for what else answers on this machine.

    Needs no server. Exits 1 when a source cannot be read.
    """
    call = invocation(context)
    looks = read_all(call)
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in looks]))
    else:
        for line in _told(looks):
            typer.echo(line)
        _others(call, write=write)
    raise typer.Exit(1 if any(each.error for each in looks) else 0)


def read_all(call: Invocation) -> "list[SourceResult]":
    """Each source that the settings name, read once."""
    from publisher.inspection import look_at
    from publisher.plan import plans_of

    plans = plans_of(call.publisher(), call.home, clock=call.clock)
    return look_at((plan.node, label, source) for plan in plans for label, source in plan.sources)


def _as_json(look: "SourceResult") -> dict[str, Any]:
    import msgspec

    from publisher.inspection import lacks_of

    head = {"node": str(look.node), "source": look.source}
    if look.reading is None:
        return {**head, "error": look.error, "lacks": []}
    figures = msgspec.to_builtins(look.reading)
    for name in ("lacks", "odd"):
        figures.pop(name, None)
    return {**head, "figures": figures, "lacks": list(lacks_of(look.reading))}


def _told(looks: "Sequence[SourceResult]") -> Iterator[str]:
    from publisher.description import summary_of
    from publisher.inspection import lacks_of

    node = None
    for look in looks:
        if look.node != node:
            node = look.node
            yield str(node)
        if look.reading is None:
            yield f"  {look.source:<{_WIDTH}}fails: {look.error}"
            continue
        yield f"  {look.source:<{_WIDTH}}{summary_of(look.reading)}"
        yield from (f"  {'':<{_WIDTH}}lacks {what}" for what in lacks_of(look.reading))


def _others(call: Invocation, *, write: bool) -> None:
    from publisher.description import source_table, summary_of
    from publisher.detection import detect, unnamed, usual_candidates

    path = call.home.publisher_toml
    nodes = read_toml(path).get("nodes", [])
    named = [source for node in nodes for source in node.get("sources", [])]
    found = unnamed(detect(usual_candidates(), call.clock), named)
    if not found:
        return
    typer.echo("\nalso here" + ("" if write else f" ('{call.command} sources --write' adds them to {path})"))
    for each in found:
        typer.echo(f"  {each.kind:<{_WIDTH}}{each.where}: {summary_of(each.reading)}")
    if not write:
        return
    tables = [source_table(dict(each.settings)) for each in found]
    text = append_sources(path.read_text("utf-8"), tables)
    if text is None:
        raise SettingsError(
            f"{path}: is written in a way that nothing can be added to; add this yourself:\n\n" + "\n\n".join(tables)
        )
    write_private(path, text)
    last = nodes[-1].get("node") or "its node"
    typer.echo(f"added to {path}, for {last}; start the publisher again")
