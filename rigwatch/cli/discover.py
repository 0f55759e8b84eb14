"""`discover`: the ASICs of a network, and a node for each of them in one go."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from rigwatch.address import local_broker_url
from rigwatch.cli.invocation import Invocation, app, invocation
from rigwatch.cli.nodes import join_token
from rigwatch.cli.sources import hashrate
from rigwatch.errors import SettingsError
from rigwatch.home import write_private
from rigwatch.settings.loader import read_toml
from rigwatch.settings.writing import append_table, toml_value
from rigwatch.topics import NodeId

_SEARCH = 300.0
_READ = 20.0
_NO_LETTER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Asic:
    """One that answers. `hashrate` is in H/s."""

    address: str
    make: str
    model: str
    mac: str
    hashrate: float | None
    firmware: str

    @property
    def node(self) -> str:
        """A name that stays: of its model and the end of its MAC."""
        end = self.mac.replace(":", "")[-4:] or self.address.rpartition(".")[2]
        return f"{_NO_LETTER.sub('-', f'{self.make} {self.model}'.lower()).strip('-')[:58]}-{end}"


@app.command()
def discover(
    context: typer.Context,
    network: Annotated[str, typer.Argument(help="Such as 192.168.1.0/24.")],
    *,
    add: Annotated[bool, typer.Option("--add", help="Make a node of each in publisher.toml.")] = False,
    site: Annotated[str, typer.Option(help="The site of the nodes that are made.")] = "main",
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of what answers.")] = False,
) -> None:
    """List the ASICs of a network: make, model, address, rate; with --add each becomes a node.

    Needs the extra 'asic' (pip install 'rigwatch[asic]').
    """
    call = invocation(context)
    found = asics_of(network)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
    else:
        for each in found:
            rate = "unknown" if each.hashrate is None else hashrate(each.hashrate)
            typer.echo(f"{each.address:<16}{f'{each.make} {each.model}':<32}{each.mac:<19}{rate:<12}{each.firmware}")
        if not found:
            typer.echo(f"No ASIC that is known answers in {network}.")
    if add:
        for name in _added(call, found, site):
            typer.echo(f"added {name} to {call.home.publisher_toml}", err=True)


def asics_of(network: str) -> list[Asic]:
    """Those that answer, by address."""
    from publisher.sources import asic_library
    from publisher.sources.asic import hashes
    from publisher.sources.reading import SourceError

    found: list[Asic] = []
    for miner in asic_library.scan(network, _SEARCH):
        try:
            data = asic_library.data_of(miner, _READ)
        except SourceError:
            continue
        about = data.device_info
        found.append(
            Asic(
                address=str(miner.ip),
                make=str(about.make),
                model=str(about.model),
                mac=(data.mac or "").lower(),
                hashrate=hashes(data.hashrate),
                firmware=data.firmware_version or "",
            )
        )
    return sorted(found, key=lambda each: tuple(int(part) for part in each.address.split(".")))


def _added(call: Invocation, found: Sequence[Asic], site: str) -> list[str]:
    """The nodes that were made; one whose MAC or address the file names already is left as it is."""
    path = call.home.publisher_toml
    text = path.read_text("utf-8") if path.exists() else ""
    nodes = read_toml(path).get("nodes", []) if text else []
    sources = [source for node in nodes for source in node.get("sources", []) if source.get("kind") == "asic"]
    known = {str(source.get(key, "")).lower() for source in sources for key in ("mac", "address")}
    made: list[str] = []
    for each in found:
        if each.address in known or (each.mac and each.mac in known):
            continue
        table = _table(call, each, NodeId(site, each.node), nodes)
        longer = append_table(text, table)
        if longer is None:
            raise SettingsError(
                f"{path}: is written in a way that nothing can be added to; add this yourself:\n\n{table}"
            )
        text = longer
        made.append(str(NodeId(site, each.node)))
    if made:
        call.home.prepare()
        write_private(path, text)
    return made


def _table(call: Invocation, asic: Asic, node: NodeId, nodes: Sequence[dict[str, Any]]) -> str:
    keys: dict[str, Any] = {"name": f"{asic.make} {asic.model} {asic.mac[-5:]}".strip(), **_access(call, node, nodes)}
    source = {"kind": "asic", "address": asic.address, **({"mac": asic.mac} if asic.mac else {})}
    lines = ["[[nodes]]", *(f"{key} = {toml_value(value)}" for key, value in keys.items())]
    lines += ["", "[[nodes.sources]]", *(f"{key} = {toml_value(value)}" for key, value in source.items())]
    return "\n".join(lines) + "\n"


def _access(call: Invocation, node: NodeId, nodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How the node is known to its server: by a token of this machine's own, or the passphrase that the others use."""
    if call.home.server_toml.exists():
        settings = call.server()
        return {"token": join_token(call, settings, node, url=local_broker_url(settings.broker))}
    for each in nodes:
        if each.get("passphrase") or each.get("passphrase_file"):
            shared = ("server", "ca_file", "passphrase", "passphrase_file")
            return {"node": node.node, "site": node.site, **{key: each[key] for key in shared if key in each}}
    raise SettingsError(
        f"{call.home.publisher_toml}: nodes can be made where the server is, or where a node has a passphrase;"
        f" else 'rigwatch enroll {node.node}' on the server prints a token for each"
    )
