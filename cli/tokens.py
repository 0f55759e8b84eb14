"""`token …`: how programs log in to the dashboard's API."""

from datetime import timedelta
from typing import Annotated

import typer

from cli.accounts import Name, Sites, role_of
from cli.invocation import app, invocation
from cli.output import say
from cli.people import Author, act
from rigwatch.address import web_url
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
    site: Sites = None,
    *,
    link: Annotated[bool, typer.Option("--link", help="A link that opens the pages for reading.")] = False,
    kiosk: Annotated[bool, typer.Option("--kiosk", help="A link that opens the wall alone.")] = False,
    by: Author = "",
) -> None:
    """Make an API token, or a link that only reads; print it once, alone on stdout.

    A program sends a token as 'Authorization: Bearer TOKEN'. A link is opened in a browser.
    """
    from store import acts
    from store.tokens import TokenKind

    if link and kiosk:
        raise SettingsError("--link, --kiosk: choose one; --link opens the wall too")
    kind = TokenKind.LINK if link else TokenKind.KIOSK if kiosk else TokenKind.API
    call, sites = invocation(context), acts.sites_of(site or (), role_of(role))
    made = act(call, by, acts.tokens.add, name, role=role_of(role), life=_life(expires), kind=kind, sites=sites)
    if kind is not TokenKind.API:
        settings = call.server()
        made = f"{web_url(settings.web, advertise=settings.broker.advertise)}link?token={made}"
    say(made)


@token.command("remove")
def remove_token(context: typer.Context, name: Name, by: Author = "") -> None:
    """Remove an API token; whoever uses it is refused from then on."""
    from store import acts

    act(invocation(context), by, acts.tokens.remove, name)


@token.command("list")
def list_tokens(context: typer.Context) -> None:
    """List the API tokens: name, role, last use and end, in UTC. The tokens themselves are not stored."""
    from store import tokens
    from store.tokens import TokenKind

    call = invocation(context)
    with call.store() as store, store.read() as tx:
        found = tokens.every(tx)
    if not found:
        say("there is no token; 'rigwatch token add NAME' makes one", err=True)
    for each in found:
        used = f"{as_datetime(each.last_used_at):%Y-%m-%d %H:%M}" if each.last_used_at else "never used"
        ends = f"{as_datetime(each.expires_at):%Y-%m-%d %H:%M}" if each.expires_at else "never"
        over = " (over)" if each.is_over(call.clock.now()) else ""
        what = each.role if each.kind is TokenKind.API else each.kind
        of = "" if each.sites is None else f" of {', '.join(each.sites)}"
        say(f"{each.name}\t{what}{of}\tused {used}\tends {ends}{over}")


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
