"""`code …`: one line by which several rigs join, each as a node that is named by its host."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.invocation import Invocation, app, invocation
from cli.nodes import ON_WINDOWS
from cli.output import say
from cli.people import Author, act
from rigwatch.clock import as_datetime
from rigwatch.errors import SettingsError
from rigwatch.settings.durations import parse_duration

if TYPE_CHECKING:
    from rigwatch.codes import JoinCodes

code = typer.Typer(no_args_is_help=True, help="Lines by which several rigs join, each named by its host.")
app.add_typer(code, name="code")


@code.command("add")
def add_code(  # noqa: PLR0917 - typer hands options over by position
    context: typer.Context,
    rigs: Annotated[int, typer.Option(help="How many rigs it lets in.")],
    lasts: Annotated[str, typer.Option("--for", help="How long it is good, from 5m to 7d.")] = "8h",
    site: Annotated[str, typer.Option(help="Where the rigs stand.")] = "main",
    prefix: Annotated[str, typer.Option(help="What their names begin with, before the name of the host.")] = "",
    by: Author = "",
) -> None:
    """Print one line for several rigs, which is a secret until it is used up or over."""
    from store import acts
    from web.agent.line import agent_hashes, lines_with, origin_of

    call = invocation(context)
    hashes, life = agent_hashes(call.home), _life(lasts)
    origin = origin_of(call.home, call.server(), call.clock.now())
    made = act(call, by, acts.codes.make, codes=_codes(call), site=site, prefix=prefix, rigs=rigs, life=life)
    say(f"On each of the rigs, for Linux on x86-64 (good for {rigs} rigs, and for {lasts}):\n", err=True)
    lines = lines_with(made, origin, hashes)
    say(lines.linux)
    if lines.windows:
        say(f"\n{ON_WINDOWS}, the same code:\n\n{lines.windows}", err=True)


@code.command("list")
def list_codes(context: typer.Context) -> None:
    """List the codes of several rigs that are not over: name, site, rigs, end, and whom each has let in."""
    call = invocation(context)
    found = _codes(call).groups(call.clock.now())
    if not found:
        say("there is no code for several rigs; 'rigwatch code add --rigs 12' makes one", err=True)
    for name, each in found.items():
        ends = f"{as_datetime(each.until):%Y-%m-%d %H:%M}"
        joined = ", ".join(admitted.node for admitted in each.admitted) or "nobody yet"
        place = f"{each.site}/{each.node}" if each.node else each.site
        say(f"{name}\t{place}\t{len(each.admitted)} of {each.rigs}\tends {ends}\t{joined}")


@code.command("remove")
def remove_code(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As 'code list' shows it.")],
    by: Author = "",
) -> None:
    """End a code; whom it has let in, stays."""
    from store import acts

    call = invocation(context)
    act(call, by, acts.codes.end, name, codes=_codes(call))


def _codes(call: Invocation) -> "JoinCodes":
    from rigwatch.codes import JoinCodes

    return JoinCodes(call.home.join_codes)


def _life(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise SettingsError(f"--for: {exc} (got {text!r})") from None
