"""`enroll`, `revoke`, `rotate`: which nodes there are, and their keys."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.extras import has_server
from cli.invocation import Invocation, app, invocation
from cli.output import say
from cli.people import act_on_file
from rigwatch.clock import in_millis
from rigwatch.errors import RigwatchError, SettingsError, TopicError
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.settings.durations import format_duration, parse_duration
from rigwatch.topics import NodeId

if TYPE_CHECKING:
    from web.agent.line import JoinLines

MANY_MAX = 1000
ON_WINDOWS = "Or for Windows 10 or newer with Python 3.11 or newer, in PowerShell as administrator"
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="Name of the node: a-z, 0-9, '-', '_'.")]
Site = Annotated[str, typer.Option(help="Where its host stands.")]


@app.command()
def enroll(  # noqa: PLR0917 - typer hands options over by position
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="[NODE]", help="Name of the node: a-z, 0-9, '-', '_'.")] = "",
    site: Site = "main",
    line: Annotated[bool, typer.Option("--line", help="Print the line that installs the agent on a rig.")] = False,
    whole: Annotated[bool, typer.Option("--long", help="A token that an older rigwatch on the rig can read.")] = False,
    many: Annotated[int, typer.Option(min=0, max=MANY_MAX, help="So many nodes: PREFIX1, PREFIX2 and so on.")] = 0,
    prefix: Annotated[str, typer.Option(help="With --many: what their names begin with.")] = "rig-",
) -> None:
    """Print the join token for a node; asked again, the same.

    In a terminal also the line for a rig without rigwatch, good once and for an hour. With --many a row for each:
    the node and its token, or its line. One line for several rigs is made by 'rigwatch code add'.
    """
    call = invocation(context)
    if bool(node) == bool(many):
        raise SettingsError("enroll: name one NODE, or say how many with --many")
    if many:
        _enroll_many(call, [_node(site, f"{prefix}{at:0{len(str(many))}}") for at in range(1, many + 1)], line, whole)
        return
    settings, name = call.server(), _node(site, node)
    token = join_token(call, settings, name, whole=whole)
    if line:
        typer.echo(_join_lines(call, settings, name).linux)
        return
    if sys.stdout.isatty():
        _say_line(call, settings, name)
    typer.echo(token)


@app.command()
def revoke(context: typer.Context, node: NodeName, site: Site = "main") -> None:
    """Make every key of a node stop working.

    Enrolling it again gives a new one.
    """
    from store import acts

    call = invocation(context)
    settings, name, registry = call.server(), _node(site, node), Registry(call.home.nodes_json)
    if registry.get(name) is None and settings.security.enrollment == "closed":
        raise RigwatchError(f"node {name}: is not enrolled, nothing was changed")
    alone = partial(registry.revoke, name, call.clock.now())
    act_on_file(call, alone, acts.nodes.revoke, name, registry=registry)
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
    from rigwatch.joining import Joining
    from store import acts

    call = invocation(context)
    joining, name, length = Joining(call.home, call.server()), _node(site, node), _duration(overlap)
    registry = joining.registry
    before = registry.get(name)

    def alone() -> None:
        # Where only the line is missing, another key would leave the rig two behind.
        if registry.get(name) == before:
            registry.rotate(name, previous_until=call.clock.now() + in_millis(length))

    act_on_file(call, alone, acts.nodes.rotate, name, registry=registry, overlap=length)
    typer.echo(joining.token(name, call.clock.now()))


def join_token(call: Invocation, settings: ServerSettings, node: NodeId, *, url: str = "", whole: bool = False) -> str:
    """Enrolls the node, if it is not, and returns its token; `url` is how the rig reaches the broker."""
    from rigwatch.joining import Joining

    joining = Joining(call.home, settings, url=url, whole=whole)
    alone = partial(joining.token, node, call.clock.now())
    if not has_server():
        # A rig, which may ask for a token of its own home, has no packages of a database.
        return alone()
    from store import acts

    return act_on_file(call, alone, acts.nodes.enroll, node, joining=joining)


def _enroll_many(call: Invocation, names: Sequence[NodeId], line: bool, whole: bool) -> None:  # noqa: FBT001 - as typed
    from rigwatch.joining import Joining
    from store import acts

    settings, now = call.server(), call.clock.now()
    joining = Joining(call.home, settings, whole=whole)
    alone = partial(joining.registry.enroll_all, names, now)
    act_on_file(call, alone, acts.nodes.enroll_all, names, registry=joining.registry)
    for name in names:
        say(f"{name}\t{_join_lines(call, settings, name).linux if line else joining.token(name, now)}")


def _join_lines(call: Invocation, settings: ServerSettings, node: NodeId) -> "JoinLines":
    from web.agent.line import join_lines, origin_of

    now = call.clock.now()
    return join_lines(call.home, node, origin_of(call.home, settings, now), now)


def _say_line(call: Invocation, settings: ServerSettings, node: NodeId) -> None:
    try:
        made = _join_lines(call, settings, node)
    except RigwatchError as exc:
        # The token is there whatever becomes of the line.
        typer.echo(f"rigwatch: {exc}; with the token, on the rig: rigwatch publish --join -\n", err=True)
        return
    typer.echo(f"On the rig, for Linux on x86-64 (good once, and for an hour):\n\n{made.linux}\n", err=True)
    if made.windows:
        say(f"{ON_WINDOWS}, the same code:\n\n{made.windows}\n", err=True)
    typer.echo("Or where rigwatch is installed, 'rigwatch publish --join -' with this token:\n", err=True)


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
