"""`sources`: what this machine's sources give now, and what else could be read here."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.invocation import Invocation, app, invocation
from rigwatch.errors import SettingsError
from rigwatch.home import write_private
from rigwatch.settings.loader import read_toml
from rigwatch.settings.writing import Value, append_sources, toml_value

if TYPE_CHECKING:
    from publisher.detection import Found
    from publisher.inspection import SourceResult
    from publisher.sources.reading import Reading

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
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


def summary_of(reading: "Reading") -> str:
    """In one line, what people look for first."""
    told = [
        *_of_work(reading),
        None if reading.block is None else f"block {reading.block:,}",
        None if reading.peers is None else f"{reading.peers:,} peers",
        "syncing" if reading.syncing else None,
        None if reading.temperature is None else f"{reading.temperature:.0f} °C",
        None if reading.power is None else f"{reading.power:.0f} W",
        None if reading.fan is None else f"fan {reading.fan:.0f} %",
        None if reading.cpu is None else f"cpu {reading.cpu:.0f} %",
        _several(reading.gpus, "card"),
        _several(reading.boards, "board"),
        _several(reading.fans, "fan"),
        None if reading.miner is None else f"{reading.miner.name} {reading.miner.version}".rstrip(),
    ]
    return ", ".join(each for each in told if each) or "nothing to tell"


def announce(found: "Sequence[Found]") -> None:
    """A line for each thing that was found and is read from now on."""
    for each in found:
        typer.echo(f"rigwatch: found on {each.where}, reads it as {each.kind!r}: {summary_of(each.reading)}", err=True)


def source_table(settings: "dict[str, Any]", comment: str = "") -> str:
    """As `publisher.toml` has it."""
    lines = [f"# {comment}"] if comment else []
    return "\n".join(
        [*lines, "[[nodes.sources]]", *(f"{key} = {toml_value(_value(value))}" for key, value in settings.items())]
    )


def _of_work(reading: "Reading") -> Iterator[str]:
    if reading.hashrate is not None:
        yield f"{hashrate(reading.hashrate)} {reading.algorithm or ''}".rstrip()
    for name, work in (reading.algorithms or {}).items():
        if name != reading.algorithm and work.hashrate is not None:
            yield f"{hashrate(work.hashrate)} {name}"
    if reading.accepted is not None:
        yield f"{reading.accepted:,} accepted" + (f", {reading.rejected:,} rejected" if reading.rejected else "")


def _several(parts: "Sequence[object] | None", name: str) -> str | None:
    return None if parts is None else f"{len(parts)} {name}{'' if len(parts) == 1 else 's'}"


def hashrate(value: float) -> str:
    """In the largest unit that leaves at least 1 of it."""
    scale = 0
    while value >= 1000 and scale < len(_PREFIXES) - 1:
        value, scale = value / 1000, scale + 1
    return f"{value:.2f}".removesuffix(".00") + f" {_PREFIXES[scale]}H/s"


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


def _value(value: object) -> Value:
    return value if isinstance(value, str | int) else str(value)
