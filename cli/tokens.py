"""`token …`: how programs log in to the dashboard's API."""

from datetime import timedelta
from typing import Annotated

import typer

from cli.accounts import Name, role_of
from cli.invocation import app, invocation
from cli.output import say
from cli.people import Author, act
from rigwatch.clock import as_datetime
from rigwatch.errors import SettingsError
from rigwatch.settings.durations import parse_duration

token = typer.Typer(no_args_is_help=True, help="Tokens by which programs log in to the dashboard's API.")
app.add_typer(token, name="token")


@token.command("add")
def add_token(  # noqa: PLR0917 - typer hands options over by position
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(help="viewer or admin.")] = "viewer",
    expires: Annotated[str, typer.Option(help="How long it works, such as 90d [default: until it is removed].")] = "",
    by: Author = "",
) -> None:
    """Make an API token; print it once, alone on stdout.

    A program sends it as 'Authorization: Bearer TOKEN'.
    """
    from store import acts

    say(act(invocation(context), by, acts.tokens.add, name, role=role_of(role), life=_life(expires)))


@token.command("remove")
def remove_token(context: typer.Context, name: Name, by: Author = "") -> None:
    """Remove an API token; whoever uses it is refused from then on."""
    from store import acts

    act(invocation(context), by, acts.tokens.remove, name)


@token.command("list")
def list_tokens(context: typer.Context) -> None:
    """List the API tokens: name, role, last use and end, in UTC. The tokens themselves are not stored."""
    from store import tokens

    call = invocation(context)
    with call.store() as store, store.read() as tx:
        found = tokens.every(tx)
    if not found:
        say("there is no token; 'rigwatch token add NAME' makes one", err=True)
    for each in found:
        used = f"{as_datetime(each.last_used_at):%Y-%m-%d %H:%M}" if each.last_used_at else "never used"
        ends = f"{as_datetime(each.expires_at):%Y-%m-%d %H:%M}" if each.expires_at else "never"
        over = " (over)" if each.is_over(call.clock.now()) else ""
        say(f"{each.name}\t{each.role}\tused {used}\tends {ends}{over}")


def _life(text: str) -> timedelta | None:
    if not text:
        return None
    try:
        life = parse_duration(text)
    except ValueError as exc:
        raise SettingsError(f"--expires: {exc} (got {text!r})") from None
    if not timedelta(0) < life <= timedelta(days=3650):
        raise SettingsError("--expires: should be longer than nothing, and ten years at most")
    return life
