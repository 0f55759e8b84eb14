"""`move`: tells the rigs where this server will be, or can be found as well, before it is moved."""

from typing import Annotated

import typer

from cli.invocation import Invocation, app, invocation
from cli.output import say
from cli.people import Author, act
from cli.running import ALIVE_MS
from rigwatch import servers
from rigwatch.errors import SettingsError
from rigwatch.messages import SERVERS_MAX


@app.command()
def move(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS...", help="Names or addresses where rigs find this server from now on as well."
        ),
    ] = None,
    nowhere: Annotated[bool, typer.Option("--nowhere", help="Rigs forget the addresses that were announced.")] = False,
    by: Author = "",
) -> None:
    """Tell every rig other addresses of this server; without any, show them.

    Each rig keeps them, and tries them when it does not reach the one that it was joined with. Nothing is restarted.
    """
    call = invocation(context)
    if nowhere and addresses:
        raise SettingsError("--nowhere goes without an address")
    if addresses or nowhere:
        told, path = _addresses(call, addresses or []), call.home.servers_json
        from store import acts

        act(call, by, acts.server.announced, addresses=told, write=lambda: servers.write(path, told))
        say("\n".join(told) if told else "rigs are told to forget what was announced")
        typer.echo(f"told with the next report of each rig; '{call.command} move' says how many know", err=True)
        return
    known = servers.read(call.home.servers_json)
    if known is None:
        say("no other address was announced")
        return
    say("\n".join(known) if known else "rigs are told to forget what was announced")
    say(_knowing(call))


def _addresses(call: Invocation, texts: list[str]) -> list[str]:
    broker = call.server().broker
    port = broker.port or broker.plain_port
    found = list(dict.fromkeys(servers.address_of(each, port=port, tls=bool(broker.port)) for each in texts))
    if len(found) > SERVERS_MAX:
        raise SettingsError(f"{len(found)} addresses are too many; rigs keep {SERVERS_MAX}")
    return found


def _knowing(call: Invocation) -> str:
    from store import reader
    from store import running as stored

    with call.store() as store, store.read() as tx:
        alive = stored.alive(tx, call.clock.now() - ALIVE_MS)
        connected = sum(each.connected for each in reader.nodes(tx))
    if not alive:
        return "no subscriber is running, so nobody is told"
    return f"{sum(each.told for each in alive.values())} rigs were told, {connected} are connected"
