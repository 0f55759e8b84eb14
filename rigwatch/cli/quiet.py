"""`silence` and `maintenance`: quiet on purpose, with an end, an author and a reason."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from rigwatch.cli.alerts import millis_of
from rigwatch.cli.invocation import Invocation, app, invocation
from rigwatch.cli.people import Author, Why, author_of
from rigwatch.clock import Millis, as_datetime
from rigwatch.errors import SettingsError

if TYPE_CHECKING:
    from subscriber.alerts.mute import Matcher, MuteKind

silence = typer.Typer(no_args_is_help=True, help="Messages that are not wanted for a while; incidents still exist.")
maintenance = typer.Typer(no_args_is_help=True, help="Work on nodes, hosts or sites: planned, once or again and again.")
app.add_typer(silence, name="silence")
app.add_typer(maintenance, name="maintenance")

Length = Annotated[str, typer.Option("--for", help="How long, such as 2h.")]
Match = Annotated[
    list[str], typer.Argument(metavar="KEY=VALUE…", help="site=, host=, node=, rule=, severity=; * as in file names.")
]
FOREVER: Millis = 100 * 365 * 86_400_000


@silence.command("add")
def add_silence(context: typer.Context, match: Match, *, length: Length, why: Why = "", by: Author = "") -> None:
    """Stop messages that match all that is given; prints the silence's number."""
    from subscriber.alerts.mute import MuteKind

    matcher = _matcher(match, ("site", "host", "node", "rule", "severity"))
    _add(invocation(context), MuteKind.SILENCE, matcher, length=length, every="", why=why, by=by)


@maintenance.command("add")
def add_maintenance(
    context: typer.Context,
    match: Match,
    *,
    length: Length,
    every: Annotated[str, typer.Option(help="When it begins each time: 'sun 03:00' or 'day 22:30'.")] = "",
    why: Why = "",
    by: Author = "",
) -> None:
    """Announce work (site=, host=, node=); nodes that come and go meanwhile are in maintenance."""
    from subscriber.alerts.mute import MuteKind, check_every

    try:
        every = every and check_every(every)
    except ValueError as exc:
        raise SettingsError(f"--every: {exc}") from None
    matcher = _matcher(match, ("site", "host", "node"))
    _add(invocation(context), MuteKind.MAINTENANCE, matcher, length=length, every=every, why=why, by=by)


def _matcher(texts: list[str], known: tuple[str, ...]) -> "Matcher":
    from subscriber.alerts.mute import Matcher
    from subscriber.alerts.rule import Rule, Severity

    given = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key not in known or not value:
            raise SettingsError(f"{text!r}: write KEY=VALUE, with one of these keys: {', '.join(known)}")
        words = {"rule": Rule, "severity": Severity}.get(key, ())
        if words and not set(value) & set("*?[") and value not in {each.value for each in words}:
            raise SettingsError(f"{text!r}: known are {', '.join(each.value for each in words)}")
        given[key] = value
    return Matcher(**given)


@silence.command("list")
@maintenance.command("list")
def list_quiet(context: typer.Context) -> None:
    """Show what is quiet now or will be."""
    from subscriber.alerts.policy import Policy
    from subscriber.store import open_store, silences

    call = invocation(context)
    settings = call.server()
    zone = Policy(settings.alerts, settings.web.timezone).zone
    with closing(open_store(settings.database.url, call.home)) as store:
        for each in store.look(lambda work: silences.running(work, call.clock.now())):
            when = f"every {each.every}" if each.every else f"until {_moment(each.ends_at, zone)}"
            typer.echo(f"{each.id:>5}  {each.kind.value:<11}  {each.matcher}  {when}  by {each.by}: {each.why}")


@silence.command("end")
@maintenance.command("end")
def end_quiet(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Its number, from 'list'.")],
    by: Author = "",
) -> None:
    """End one now."""
    from subscriber.store import alerts, open_store, silences
    from subscriber.store.work import Work

    call = invocation(context)

    def end(work: Work) -> None:
        silences.end(work, number, by=author_of(by), now=call.clock.now())
        alerts.touch(work)

    with closing(open_store(call.server().database.url, call.home)) as store:
        store.change(end)
    typer.echo(f"{number} ended")


def _add(call: Invocation, kind: "MuteKind", matcher: "Matcher", *, length: str, every: str, why: str, by: str) -> None:
    from subscriber.alerts.mute import Mute
    from subscriber.store import alerts, open_store, silences
    from subscriber.store.work import Work

    now, lasts = call.clock.now(), millis_of(length, "--for")
    if lasts <= 0:
        raise SettingsError("--for: should be longer than nothing")
    ends_at = now + (FOREVER if every else lasts)
    mute = Mute(0, kind, matcher, now, ends_at, author_of(by), why, now, every, lasts if every else 0)

    def add(work: Work) -> int:
        number = silences.add(work, mute)
        alerts.touch(work)
        return number

    with closing(open_store(call.server().database.url, call.home)) as store:
        typer.echo(store.change(add))


def _moment(at: Millis, zone: ZoneInfo) -> str:
    return f"{as_datetime(at).astimezone(zone):%Y-%m-%d %H:%M}"
