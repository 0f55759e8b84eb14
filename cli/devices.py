"""`device …`: plugs and meters at the wall, and which nodes hang on them."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.invocation import app, invocation
from cli.output import say
from cli.people import Author, act
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.topics import NodeId, check_name

if TYPE_CHECKING:
    from alerts.plugs import PlugFacts
    from broker.accounts import AccountFile

device = typer.Typer(no_args_is_help=True, help="Plugs and meters that speak MQTT, and which nodes hang on them.")
app.add_typer(device, name="device")

Name = Annotated[str, typer.Argument(metavar="NAME")]
Nodes = Annotated[
    list[str] | None, typer.Option("--for", metavar="SITE/NODE", help="A node that hangs on it; may be repeated.")
]


@device.command("add")
def add(
    context: typer.Context,
    name: Name,
    *,
    kind: Annotated[str, typer.Option(help="tasmota, shelly, shelly1, zigbee2mqtt or esphome.")],
    topic: Annotated[str, typer.Option(help="Its own topic, as tele/plug7 or shellyplugsg3-a1b2c3.")],
    nodes: Nodes = None,
    outlet: Annotated[int | None, typer.Option(min=0, max=32, help="Which of several outlets.")] = None,
    account: Annotated[
        str, typer.Option(help="An account of role device that speaks for it, instead of one of its own.")
    ] = "",
    by: Author = "",
) -> None:
    """Add a plug; print the password of its MQTT account once, alone on stdout. The user name is NAME."""
    from alerts.plugs import PlugFacts
    from broker.rights import Role
    from rigwatch.devices.kind import kind_of
    from store import acts

    call, file = invocation(context), _accounts(context)
    call.server()
    try:
        check_name(name, "NAME")
        topics = kind_of(kind).own_topics(topic)
    except RigwatchError as exc:
        raise SettingsError(str(exc)) from None
    plug = PlugFacts(name, kind, topic, outlet, _nodes(nodes), call.clock.now())
    if account:
        _check_account(file, account, topics)
        act(call, by, acts.devices.add, plug)
        return
    change = partial(file.add, name, Role.DEVICE, topics=topics)
    typer.echo(act(call, by, acts.devices.add, plug, change=change))


@device.command("list")
def list_devices(context: typer.Context) -> None:
    """List the plugs: kind, topic, what each says now, and the nodes that hang on it."""
    from store import devices

    call = invocation(context)
    with call.store() as store, store.read() as tx:
        found = devices.every(tx)
    if not found:
        say("there is no device; 'rigwatch device add NAME --kind KIND --topic TOPIC' adds one", err=True)
    for each in found:
        say("\t".join([each.name, each.kind, each.topic, _said(each), ", ".join(map(str, each.nodes)) or "no node"]))


@device.command("nodes")
def set_nodes(context: typer.Context, name: Name, *, nodes: Nodes = None, by: Author = "") -> None:
    """Say which nodes hang on a plug, in place of those so far; none without --for."""
    from store import acts

    act(invocation(context), by, acts.devices.hang, name, nodes=_nodes(nodes))


@device.command("remove")
def remove(context: typer.Context, name: Name, by: Author = "") -> None:
    """Remove a plug and the account of its name; its connection ends."""
    from broker.rights import Role
    from store import acts

    file = _accounts(context)
    stored = file.all().get(name)
    own = stored is not None and stored.role is Role.DEVICE
    act(invocation(context), by, acts.devices.remove, name, change=partial(file.remove, name) if own else None)


def _said(plug: "PlugFacts") -> str:
    state = plug.state
    if state.is_online is False:
        return "gone"
    if state.watts is None:
        return "silent" if state.is_on is None else "on" if state.is_on else "off"
    return f"{state.watts:.0f} W"


def _nodes(texts: list[str] | None) -> tuple[NodeId, ...]:
    return tuple(map(NodeId.parse, texts or ()))


def _check_account(file: "AccountFile", account: str, topics: tuple[str, ...]) -> None:
    from broker.accounts import account_of
    from broker.rights import Action, allowed

    stored = file.all().get(account)
    if stored is None:
        raise SettingsError(f"--account: there is no {account[:80]!r}; 'rigwatch account list' shows them")
    if not allowed(account_of(account, stored), Action.PUBLISH, topics[0]):
        raise SettingsError(f"--account: {account} may not publish {topics[0]}; its topics are {stored.topics}")


def _accounts(context: typer.Context) -> "AccountFile":
    from broker.accounts import AccountFile

    return AccountFile.of(invocation(context).home)
