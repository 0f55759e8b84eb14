"""`test-alert`, `rules test`, `incidents`, `ack`: what the alerts do, and what they would do."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli.invocation import Invocation, app, invocation
from cli.output import say
from cli.people import Author, Why, actor_of
from rigwatch.clock import Millis, as_datetime, in_millis
from rigwatch.errors import RigwatchError, SettingsError, StoreError
from rigwatch.settings import ServerSettings
from rigwatch.settings.durations import parse_duration
from rigwatch.texts import visible

if TYPE_CHECKING:
    from alerts.incident import Incident
    from subscriber.notify.channel import Channel


@app.command("test-alert")
def send_test(
    context: typer.Context,
    channel: Annotated[list[str] | None, typer.Option(help="Only this one, by its name; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a channel.")] = False,
) -> None:
    """Send a test message through every channel; exits 0 when all worked, else 1."""
    from subscriber.notify.trial import LIMIT_S, try_all

    call = invocation(context)
    with call.store() as store:
        settings = call.layered(store).settings
    channels = _chosen(call, settings, channel or [])
    failed = 0
    for each in try_all(channels, now=call.clock.now(), limit=LIMIT_S):
        say(
            json.dumps(each.shown()) if as_json else f"{'ok' if each.ok else 'failed':<8} {each.channel:<20} {each.why}"
        )
        failed += not each.ok
        if each.ok:
            _forgive(call, each.channel)
    not_taken_over = _not_taken_over(call, settings, channels)
    for line in not_taken_over:
        typer.echo(f"rigwatch: {line}", err=True)
    raise typer.Exit(1 if failed or not_taken_over else 0)


def _chosen(call: Invocation, settings: ServerSettings, names: list[str]) -> "list[Channel]":
    """Raises `SettingsError` where there is none, or none of one of these names."""
    from subscriber.notify.channels import channels_of

    channels = channels_of(settings.alerts)
    if not channels:
        advice = 'add one in the page, or to alerts.channels, such as "ntfy://my-topic"'
        raise SettingsError(f"{call.home.server_toml}: there is no channel; {advice}")
    known = {each.key: each for each in channels}
    if unknown := [name for name in names if name not in known]:
        raise SettingsError(f"--channel {unknown[0]}: there is none; those in use are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] or channels


def _not_taken_over(call: Invocation, settings: ServerSettings, channels: "Iterable[Channel]") -> list[str]:
    """A channel that works here is worth nothing while the one that sends the alerts does not have it."""
    from cli.running import difference, settled

    wanted = [f"{each.key}={each.address}" for each in channels]
    try:
        with call.store() as store:
            found = settled(lambda: difference(call, settings, store, wanted))
    except StoreError as exc:
        return [f"whether the running subscriber has these channels cannot be asked: {exc}"]
    except RigwatchError:
        # Without a key that can be used, no subscriber of this home runs.
        return []
    return found.lines if found.problem or found.channels or found.live else []


def _forgive(call: Invocation, channel: str) -> None:
    """It may have been refused before; now it works, so it is used again."""
    from store import outbox

    try:
        with call.store() as store, store.write() as tx:
            if channel in outbox.refused(tx):
                outbox.forgive(tx, channel)
    except StoreError as exc:
        say(f"rigwatch: {channel} works, but if it was refused before, that stands: {exc}", err=True)


@app.command()
def incidents(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="Tell the story of this one.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many of each are listed.")] = 30,
    node: Annotated[str, typer.Option(help="Only this node's, members of groups included.")] = "",
    site: Annotated[str, typer.Option(help="Only this site's.")] = "",
) -> None:
    """List incidents, open ones first, a group as one; with a number, every decision about it and why."""
    from store import incidents as stored
    from store.incidents import IncidentFilter, IncidentPart

    if number is not None:
        explain(context, number)
        return
    call = invocation(context)
    with call.store() as store, store.read() as tx:
        zone = call.zone(store)
        parts = (IncidentPart.OPEN, IncidentPart.PAST)
        found = [each for part in parts for each in stored.page(tx, IncidentFilter(part, site=site, node=node), limit)]
    if not found:
        say("there is no incident" + (" of these" if site or node else ""), err=True)
    for each in found:
        say(_line(each, zone))


@app.command()
def explain(
    context: typer.Context, number: Annotated[int, typer.Argument(help="The incident's, from 'rigwatch incidents'.")]
) -> None:
    """Tell why people were told of an incident, or not: every decision in order."""
    from store import alerts

    call = invocation(context)
    with call.store() as store, store.read() as tx:
        zone = call.zone(store)
        incident, story = alerts.one(tx, number), alerts.story(tx, number)
    if incident is None:
        raise RigwatchError(f"incident {number}: there is none; 'rigwatch incidents' lists them")
    say(_line(incident, zone))
    for each in story:
        say(visible(f"  {moment(each.at, zone)}  {each.what}: {each.why}"))


@app.command()
def ack(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NODE|NUMBER", help="site/node, or an incident's number.")],
    why: Why = "",
    by: Author = "",
) -> None:
    """Acknowledge what is open for a node: no more reminders, but its end is told."""
    from store import acts, alerts

    call = invocation(context)
    actor, now = actor_of(by), call.clock.now()
    with call.store() as store, store.write() as tx:
        found = [each for each in alerts.live(tx) if each.is_open and _is(each, what)]
        count = sum(acts.incidents.acknowledge(tx, actor, now, each, why=why) for each in found)
    if not count:
        raise RigwatchError(f"{what}: nothing is open that was not acknowledged; 'rigwatch incidents' lists them")
    say(f"{count} acknowledged")


def millis_of(text: str, option: str) -> Millis:
    """A duration that a user typed; raises `SettingsError`."""
    try:
        return in_millis(parse_duration(text))
    except ValueError as exc:
        raise SettingsError(f"{option}: {exc} (got {text!r})") from None


def _line(incident: "Incident", zone: ZoneInfo) -> str:
    from alerts.notification import headline
    from alerts.words import duration

    lasted = "" if incident.is_open else f" for {duration((incident.resolved_at or incident.since) - incident.since)}"
    ack = f", acknowledged by {incident.acknowledged.by}" if incident.acknowledged else ""
    group = f", part of {incident.parent}" if incident.parent else ""
    return visible(
        f"{incident.id:>6}  {moment(incident.since, zone)}  {incident.state.value:<9}  {incident.severity.value:<8}  "
        f"{headline(incident)}{lasted}{ack}{group}: {incident.cause or incident.gist}"
    )


def _is(incident: "Incident", what: str) -> bool:
    return what in {str(incident.subject), str(incident.id), f"{incident.subject.site}/{incident.subject.name}"}


def moment(at: Millis, zone: ZoneInfo) -> str:
    return f"{as_datetime(at).astimezone(zone):%Y-%m-%d %H:%M:%S}"
