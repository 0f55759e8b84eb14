"""`enroll`, `revoke`, `rotate`: which nodes there are, and their keys."""

from datetime import timedelta
from typing import Annotated

import typer

from cli.invocation import Invocation, app, invocation
from cli.people import recorded
from rigwatch.clock import in_millis
from rigwatch.errors import RigwatchError, SettingsError, StoreError, TopicError
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.settings.durations import format_duration, parse_duration
from rigwatch.topics import NodeId

NodeName = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node: a-z, 0-9, '-', '_'.")]
Site = Annotated[str, typer.Option(help="Where its host stands.")]


@app.command()
def enroll(context: typer.Context, node: NodeName, site: Site = "main") -> None:
    """Print the join token for a node; asked again, the same."""
    call = invocation(context)
    settings, name = call.server(), _node(site, node)
    known = Registry(call.home.nodes_json).get(name)
    token = join_token(call, settings, name)
    if known is None or known.revoked:
        _note(call, settings, "node.enroll", name)
    typer.echo(token)


@app.command()
def revoke(context: typer.Context, node: NodeName, site: Site = "main") -> None:
    """Make every key of a node stop working.

    Enrolling it again gives a new one.
    """
    call = invocation(context)
    settings, name, registry = call.server(), _node(site, node), Registry(call.home.nodes_json)
    if registry.get(name) is None and settings.security.enrollment == "closed":
        raise RigwatchError(f"node {name}: is not enrolled, nothing was changed")
    registry.revoke(name, call.clock.now())
    _note(call, settings, "node.revoke", name)
    typer.echo(f"node {name}: its key no longer works; 'rigwatch enroll {node} --site {site}' gives a new one")


@app.command()
def rotate(
    context: typer.Context,
    node: NodeName,
    site: Site = "main",
    overlap: Annotated[str, typer.Option(help="How long the old key still works.")] = "24h",
) -> None:
    """Give a node a new key and print its join token.

    The old key works until the overlap ends.
    """
    call = invocation(context)
    settings, name = call.server(), _node(site, node)
    until = call.clock.now() + in_millis(_duration(overlap))
    Registry(call.home.nodes_json).rotate(name, previous_until=until)
    _note(call, settings, "node.rotate", name, detail=f"the old key works for {overlap}")
    typer.echo(join_token(call, settings, name))


def join_token(call: Invocation, settings: ServerSettings, node: NodeId, *, url: str = "") -> str:
    """Enrolls the node, if it is not, and returns its token; `url` is how the rig reaches the broker."""
    from rigwatch import joining

    return joining.join_token(call.home, settings, node, now=call.clock.now(), url=url)


def _note(call: Invocation, settings: ServerSettings, action: str, node: NodeId, *, detail: str = "") -> None:
    """A line in the audit list. What was done is done: a database that is away is said and changes nothing of it."""
    from cli.accounts import open_users

    line = recorded(lambda _tx: None, action, str(node), detail=detail, now=call.clock.now())
    try:
        with open_users(call.home, settings) as store:
            store.change(line)
    except StoreError as exc:
        typer.echo(f"rigwatch: not noted in the audit list: {exc}", err=True)


def _node(site: str, node: str) -> NodeId:
    try:
        return NodeId(site, node)
    except TopicError as exc:
        raise SettingsError(str(exc)) from None


def _duration(text: str) -> timedelta:
    try:
        duration = parse_duration(text)
    except ValueError as exc:
        raise SettingsError(f"--overlap: {exc} (got {text!r})") from None
    if duration > timedelta(days=365):
        raise SettingsError(f"--overlap: {format_duration(duration)} is too long; a year is the most")
    return duration
