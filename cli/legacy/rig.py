"""Old clients into `publisher.toml`: each becomes a node with its sources, known by its token or by the passphrase."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cli.invocation import Invocation
from cli.legacy import ids
from cli.legacy.report import ImportReport
from rigwatch import pasted
from rigwatch.errors import SettingsError, TokenError, TopicError
from rigwatch.home import write_private
from rigwatch.keys import PASSPHRASE_MIN
from rigwatch.settings import PublisherSettings
from rigwatch.settings.loader import SettingPlace, build, overlay, read_toml
from rigwatch.settings.publisher import SERVER_SECTIONS
from rigwatch.settings.writing import append_table
from rigwatch.tokens import JoinToken, is_token
from rigwatch.topics import NodeId

if TYPE_CHECKING:
    from legacy.client_config import ClientConfig
    from legacy.found import Installation

_HEAD = "# What this machine publishes. config/publisher.example.toml explains every setting and kind of source.\n"
_CA = "ca.pem"
_TOKEN = re.compile(r"(?=rw[12]\.)")
_PORT = 8883


def tokens_of(joins: Iterable[str]) -> list[JoinToken]:
    """Of arguments, files and standard input, each of which may hold several. Raises `TokenError`."""
    texts = [part for join in joins for part in _TOKEN.split(_read(join)) if part.strip()]
    return [JoinToken.decode(text) for text in texts]


def check(call: Invocation, found: "Installation", tokens: list[JoinToken], *, with_key: bool) -> None:
    """Raises `SettingsError` where no client could become a node."""
    if not (tokens or with_key or call.home.server_toml.exists()):
        raise SettingsError(
            f"{', '.join(map(str, found.clients))}: needs --join TOKEN; on the server 'rigwatch import-legacy' or "
            "'rigwatch enroll NODE' prints it"
        )


def take_clients(
    call: Invocation, report: ImportReport, found: "Installation", tokens: list[JoinToken], *, site: str, with_key: bool
) -> None:
    """Appends a `[[nodes]]` table for each client that is not there; nothing that is there is changed."""
    given = _match(found.clients, tokens)
    names = _names(call, {path: each for path, each in found.clients.items() if path not in given}, site)
    file = _PublisherToml(call)
    for path, client in found.clients.items():
        token = given.get(path)
        node = token.node if token else names[client.number]
        if node in file.nodes:
            report.line("there", f"node {node}", f"is in {file.path} already, nothing is changed")
            continue
        # A token that does not exist yet cannot be asked for without enrolling the node.
        access = (
            {"token": token.encode()} if token else _access(call, path, client, node, with_key=with_key, dry=report.dry)
        )
        file.add(node, client, access)
        report.line("taken", f"node {node}", f"{_sources(client)}, every {client.seconds} s")
    if report.dry:
        return
    file.write()
    if names:
        ids.write(call.home.legacy_json, site, {**_known(call, site), **names})
    report.step("Stop the old client: the miner need not be asked twice.")
    if not call.home.server_toml.exists():
        report.step(f"Start publishing: {call.command} publish")


class _PublisherToml:
    """The file as it will be; what it holds now is kept to the letter."""

    def __init__(self, call: Invocation) -> None:
        self._call = call
        self.path = call.home.publisher_toml
        self._text = _HEAD
        if self.path.exists():
            # What is wrong with it is said now, before anything is made of it.
            read_toml(self.path)
            self._text = self.path.read_bytes().decode("utf-8")
        self.nodes = set(_nodes_in(self.path, self._text))
        self._is_changed = False

    def add(self, node: NodeId, client: "ClientConfig", access: Mapping[str, str]) -> None:
        from legacy.client_config import node_table

        after = append_table(self._text, node_table(client, access))
        if after is None:
            raise SettingsError(
                f"{self.path}: nodes are written in a way that none can be added to; nothing was changed"
            )
        self._text, self._is_changed = after, True
        self.nodes.add(node)

    def write(self) -> None:
        """Only if a publisher can run with it."""
        from publisher.plan import plans_of

        if not self._is_changed:
            return
        raw = overlay(PublisherSettings, tomllib.loads(self._text), os.environ, elsewhere=SERVER_SECTIONS)
        settings = build(PublisherSettings, raw, SettingPlace(f"{self.path} with the old nodes"))
        plans_of(settings, self._call.home, clock=self._call.clock)
        self._call.home.prepare()
        write_private(self.path, self._text)


def _match(clients: Mapping[Path, "ClientConfig"], tokens: list[JoinToken]) -> dict[Path, JoinToken]:
    """Which client a token is for, by the name that the server gave its node. Raises `SettingsError`."""
    if len(clients) == len(tokens) == 1:
        return dict(zip(clients, tokens, strict=True))
    matched: dict[Path, JoinToken] = {}
    numbered = {_names_of(client)[1]: path for path, client in clients.items()}
    # A name with an Id behind it can be one client's only, so these leave fewer for the others.
    for token in sorted(tokens, key=lambda each: each.node.node not in numbered):
        name = token.node.node
        called = [path for path, each in clients.items() if path not in matched and name == _names_of(each)[0]]
        chosen = [numbered[name]] if name in numbered else called
        if len(chosen) != 1:
            many = "several clients here are" if chosen else "no client here is"
            raise SettingsError(f"--join: {many} called {name}; import the folder of its client by itself")
        matched[chosen[0]] = token
    return matched


def _names_of(client: "ClientConfig") -> tuple[str, str]:
    """Its name, and what it is where another has that."""
    from legacy.names import fitting, unique

    name = fitting(client.name, client.number)
    return name, unique(name, client.number, {name})


def _names(call: Invocation, clients: Mapping[Path, "ClientConfig"], site: str) -> dict[int, NodeId]:
    """For those without a token, as on the server."""
    from legacy.names import assign

    numbers = [each.number for each in clients.values()]
    if len(set(numbers)) < len(numbers):
        raise SettingsError(
            f"{' and '.join(map(str, clients))}: have the same Id; import one after the other, with tokens"
        )
    given = assign(site, [(each.number, each.name) for each in clients.values()], ids.read(call.home.legacy_json, site))
    return {number: given[number] for number in numbers}


def _known(call: Invocation, site: str) -> dict[int, NodeId]:
    return {number: NodeId(site, name) for number, name in ids.read(call.home.legacy_json, site).items()}


def _access(
    call: Invocation,
    path: Path,
    client: "ClientConfig",
    node: NodeId,
    *,
    with_key: bool,
    dry: bool,
) -> dict[str, str]:
    from cli.nodes import join_token
    from rigwatch.address import local_broker_url

    if call.home.server_toml.exists():
        # On the server itself the token need not be carried about.
        settings = call.server()
        url = local_broker_url(settings.broker)
        return {"token": "rw2." if dry else join_token(call, settings, node, url=url)}
    if not with_key:
        raise SettingsError(
            f"{path}: no token is for this client; 'rigwatch enroll {node.node}' on the server prints one"
        )
    if not client.passphrase:
        raise SettingsError(
            f"{path}: EncryptionKey has fewer than {PASSPHRASE_MIN} characters; use a token, with --join"
        )
    if not client.host:
        raise SettingsError(f"{path}: Server is missing, so nobody knows where to connect; use a token, with --join")
    if not (call.home.path / _CA).exists():
        raise SettingsError(f"{call.home.path / _CA}: not there; copy tls/{_CA} of the server's home to it first")
    return {
        "node": node.node,
        "site": node.site,
        "server": f"mqtts://{client.host}:{_PORT}",
        "ca_file": _CA,
        "passphrase": client.passphrase,
    }


def _sources(client: "ClientConfig") -> str:
    chain = f"chain client on port {client.rpc_port}"
    return f"hashrate from {client.hashfile}, {chain}" if client.hashfile else chain


def _nodes_in(path: Path, text: str) -> Iterator[NodeId]:
    """Those that the file names; what cannot be read of it, `rigwatch publish` says better."""
    try:
        nodes = tomllib.loads(text).get("nodes", [])
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{path}: is not TOML: {exc}") from None
    for each in nodes if isinstance(nodes, list) else []:
        with suppress(TokenError, TopicError, OSError, UnicodeDecodeError, AttributeError, TypeError):
            if token := each.get("token") or (path.parent / each.get("token_file", "")).read_text("utf-8"):
                yield JoinToken.decode(token).node
                continue
        with suppress(TopicError, AttributeError, TypeError):
            yield NodeId(each.get("site") or "main", each.get("node", ""))


def _read(join: str) -> str:
    if join == "-":
        return pasted.read_tokens()
    if is_token(join):
        return join
    try:
        return Path(join).expanduser().read_text("utf-8")
    except (OSError, ValueError):
        raise TokenError("join token: --join is neither a token (rw2.…), a readable file, nor '-'") from None
