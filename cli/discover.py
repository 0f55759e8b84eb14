"""`discover`: the miners of a network that run no publisher of their own, and a node for each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.invocation import Invocation, app, invocation
from rigwatch.errors import SettingsError, TopicError
from rigwatch.home import write_private
from rigwatch.settings.loader import read_toml
from rigwatch.settings.writing import append_table, toml_value
from rigwatch.topics import NodeId

if TYPE_CHECKING:
    from publisher.search import FoundMiner

_NAME_MAX = 48


@app.command()
def discover(  # noqa: PLR0917 - each option is one
    context: typer.Context,
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="As in 192.168.1.0/24.")],
    add: Annotated[bool, typer.Option("--add", help="Make a node of each that is new, in publisher.toml.")] = False,
    site: Annotated[str, typer.Option(help="Where they stand.")] = "main",
    prefix: Annotated[str, typer.Option(help="What each node's name begins with.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of what was found.")] = False,
) -> None:
    """List the miners of a network: ASICs and Bitaxes of every make, by address.

    With --add, on the server or where publisher.toml has a passphrase, each becomes a node of this machine's publisher.
    """
    from publisher.search import search
    from publisher.sources.asic_network import network_of

    call = invocation(context)
    try:
        wanted = network_of(network, "")
        NodeId(site, f"{prefix}x")
    except (ValueError, TopicError) as exc:
        raise SettingsError(f"{network} {exc}" if isinstance(exc, ValueError) else str(exc)) from None
    found = search(wanted, call.clock)
    known = known_miners(call)
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in found]))
    else:
        for line in _told(found, known):
            typer.echo(line)
    if add:
        _add(call, [each for each in found if not is_known(each, known)], site, prefix)
    elif found and not as_json and not all(is_known(each, known) for each in found):
        typer.echo(f"\n'{call.command} discover {network} --add' makes a node of each that is new")


def known_miners(call: Invocation) -> set[str]:
    """Addresses and MACs of what `publisher.toml` reads in the network."""
    path = call.home.publisher_toml
    nodes = read_toml(path).get("nodes", []) if path.exists() else []
    sources = [source for node in nodes for source in node.get("sources", [])]
    told = [str(source.get(key, "")) for source in sources for key in ("mac", "address", "url")]
    return {text.lower().removeprefix("http://").partition(":4028")[0].rstrip("/") for text in told if text}


def is_known(found: "FoundMiner", known: set[str]) -> bool:
    return (found.mac in known) if found.mac else (found.address in known)


def name_for(found: "FoundMiner", taken: set[str], prefix: str) -> str:
    """From its model and the end of its MAC, which stay when its address changes: `s19pro-0019`."""
    words = "".join(char if char.isascii() and char.isalnum() else "-" for char in found.model.lower())
    model = "-".join(filter(None, words.split("-")))[:_NAME_MAX].strip("-") or "miner"
    tail = found.mac.replace(":", "")[-4:] or found.address.rpartition(".")[2]
    name = f"{prefix}{model}-{tail}"
    at = 2
    while name in taken:
        name, at = f"{prefix}{model}-{tail}-{at}", at + 1
    return name


def _add(call: Invocation, found: "Sequence[FoundMiner]", site: str, prefix: str) -> None:
    """A table in `publisher.toml` for each, with a key of its own."""
    from publisher.description import source_table

    if not found:
        typer.echo("nothing new to add")
        return
    path = call.home.publisher_toml
    text = path.read_text("utf-8") if path.exists() else "# What this machine publishes.\n"
    raw = read_toml(path).get("nodes", []) if path.exists() else []
    # A token says in itself which node it is for, so that names of the file alone do not tell which are taken.
    taken = {str(each.get("node", "")) for each in raw} | _enrolled(call, site)
    for each in found:
        name = name_for(each, taken, prefix)
        taken.add(name)
        login = _login(call, NodeId(site, name), raw)
        lines = [f"{key} = {toml_value(value)}" for key, value in login.items()]
        title = f"{each.model} {each.host}".strip()
        table = "\n".join(
            ["[[nodes]]", *lines, f"name = {toml_value(title)}", "", source_table(dict(each.settings)), ""]
        )
        added = append_table(text, table)
        if added is None:
            raise SettingsError(f"{path}: is written in a way that nothing can be added to; move it away and try again")
        text = added
        typer.echo(f"{each.address:<16}is the node {site}/{name}")
    call.home.prepare()
    write_private(path, text)
    typer.echo(f"added to {path}; start the publisher again ('{call.command} publish', or 'up')")


def _login(call: Invocation, node: NodeId, nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A token where this home is a server's; else the passphrase that other nodes of the file have."""
    if call.home.server_toml.exists():
        from cli.nodes import join_token
        from rigwatch.address import local_broker_url

        settings = call.server()
        token = join_token(call, settings, node, url=local_broker_url(settings.broker))
        return {"node": node.node, "site": node.site, "token": token}
    for each in nodes:
        shared = {key: str(each[key]) for key in ("server", "ca_file", "passphrase", "passphrase_file") if key in each}
        if "server" in shared and shared.keys() & {"passphrase", "passphrase_file"}:
            return {"node": node.node, "site": node.site, **shared}
    raise SettingsError(
        f"{call.home.path}: has neither server.toml nor a node with a passphrase in publisher.toml, so no new node can "
        f"get a key here; run this on the server ('{call.command} up' makes one)"
    )


def _enrolled(call: Invocation, site: str) -> set[str]:
    from rigwatch.registry import Registry

    if not call.home.server_toml.exists():
        return set()
    return {node.node for node in Registry(call.home.nodes_json).nodes() if node.site == site}


def _told(found: "Sequence[FoundMiner]", known: set[str]) -> Iterator[str]:
    from publisher.description import summary_of

    if not found:
        yield "no miner answers there"
    for each in found:
        mark = "read already" if is_known(each, known) else "new"
        yield f"{each.address:<16}{each.kind:<9}{each.mac or '-':<19}{mark:<14}{summary_of(each.reading)}"


def _as_json(found: "FoundMiner") -> dict[str, Any]:
    import msgspec

    figures = msgspec.to_builtins(found.reading)
    for name in ("lacks", "odd"):
        figures.pop(name, None)
    return {
        "address": found.address, "kind": found.kind, "mac": found.mac, "host": found.host, "model": found.model,
        "figures": figures,
    }  # fmt: skip
