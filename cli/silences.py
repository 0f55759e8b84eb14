"""`silence` and `maintenance`: quiet on purpose, with an end, an author and a reason."""

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli.invocation import app, invocation
from cli.output import say
from cli.people import Author, Why, act
from rigwatch.clock import Millis

if TYPE_CHECKING:
    from alerts.silence import Silence, SilenceKind

silence = typer.Typer(no_args_is_help=True, help="Messages that are not wanted for a while; incidents still exist.")
maintenance = typer.Typer(no_args_is_help=True, help="Work on nodes, hosts or sites: planned, once or again and again.")
app.add_typer(silence, name="silence")
app.add_typer(maintenance, name="maintenance")

Length = Annotated[str, typer.Option("--for", help="How long, such as 2h.")]
Match = Annotated[
    list[str], typer.Argument(metavar="KEY=VALUE…", help="site=, host=, node=, rule=, severity=; * as in file names.")
]
Start = Annotated[str, typer.Option("--from", help="When it begins, such as '2026-11-24 03:00' [default: now].")]


@silence.command("add")
def add_silence(
    context: typer.Context, match: Match, *, length: Length, start: Start = "", why: Why = "", by: Author = ""
) -> None:
    """Stop messages that match all that is given; prints the silence's number."""
    from alerts.silence import SilenceKind

    _add(context, SilenceKind.SILENCE, match, length=length, start=start, why=why, by=by)


@maintenance.command("add")
def add_maintenance(
    context: typer.Context,
    match: Match,
    *,
    length: Length,
    every: Annotated[str, typer.Option(help="When it begins each time: 'sun 03:00' or 'day 22:30'.")] = "",
    start: Start = "",
    why: Why = "",
    by: Author = "",
) -> None:
    """Announce work (site=, host=, node=); nodes that come and go meanwhile are in maintenance."""
    from alerts.silence import SilenceKind

    _add(context, SilenceKind.MAINTENANCE, match, length=length, every=every, start=start, why=why, by=by)


@silence.command("list")
@maintenance.command("list")
def list_quiet(context: typer.Context) -> None:
    """Show what is quiet now or will be."""
    from store import silences

    call = invocation(context)
    now = call.clock.now()
    with call.store() as store, store.read() as tx:
        found, zone = silences.running(tx, now), call.zone(store)
    if not found:
        say(
            "there is no silence and no maintenance; 'rigwatch silence add' makes one",
            err=True,
        )
    for each in found:
        say(f"{each.id:>5}  {each.kind.value:<11}  {each.matcher}  {_when(each, now, zone)}  {_who(each)}")


@silence.command("end")
@maintenance.command("end")
def end_quiet(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Its number, from 'list'.")],
    by: Author = "",
) -> None:
    """End one now."""
    from store import acts

    act(invocation(context), by, acts.silences.end, number)
    say(f"{number} ended")


def _add(
    context: typer.Context,
    kind: "SilenceKind",
    match: list[str],
    *,
    length: str,
    start: str,
    why: str,
    by: str,
    every: str = "",
) -> None:
    from alerts.silence_request import SilenceRequest, pairs_of
    from store import acts

    call = invocation(context)
    asked = SilenceRequest(kind, pairs_of(match), length, why, every, start)
    with call.store() as store:
        zone = call.zone(store)
    say(str(act(call, by, acts.silences.add, asked, zone=zone).id))


def _when(silence: "Silence", now: Millis, zone: ZoneInfo) -> str:
    from alerts.wall import shown
    from alerts.words import duration

    begins = f"from {shown(silence.starts_at, zone)} " if silence.starts_at > now else ""
    if not silence.every:
        return f"{begins}until {shown(silence.ends_at, zone)}"
    return f"{begins}every {silence.every} for {duration(silence.lasts)}"


def _who(silence: "Silence") -> str:
    return f"by {silence.by}: {silence.why}".rstrip(": ")
