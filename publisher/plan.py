"""Turns the settings of a node into what running it needs, or into one clear error; nothing is started here."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from publisher.session import NodeAccount
from publisher.sources.registry import build_sources
from publisher.sources.source import Context, Source
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.mqtt import Endpoint
from rigwatch.settings.loader import SettingPlace
from rigwatch.settings.publisher import NodeSettings, PublisherSettings
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId

DEFAULT_SITE: Final = "main"
_DEFAULT_SOURCES: Final[tuple[Mapping[str, Any], ...]] = ({"kind": "host"},)


@dataclass(frozen=True, slots=True)
class Plan:
    """One node, ready to run. `sources` have the label that they carry in errors; their order is their precedence.
    `phase`, from 0 to 1, is the part of a source's `every` that passes before its first read.
    """

    account: NodeAccount
    name: str
    interval: timedelta
    tags: tuple[str, ...]
    sources: tuple[tuple[str, Source], ...]
    phase: float = 0.0

    @property
    def node(self) -> NodeId:
        return self.account.node


def plans_of(settings: PublisherSettings, home: Home, *, clock: Clock) -> tuple[Plan, ...]:
    """All nodes of this machine; raises SettingsError or TokenError for the first that cannot be run.

    Each different passphrase costs about 0.1 s (scrypt), however many nodes share it.
    """
    place = SettingPlace(str(home.publisher_toml))
    master = cache(MasterKey.from_passphrase)
    plans: list[Plan] = []
    for at, node in enumerate(settings.nodes, start=1):
        here = place.key(f"nodes[{at}]")
        account = _account(node, here, home, master)
        if any(plan.node == account.node for plan in plans):
            raise SettingsError(f"{here.key('node')}: {account.node} is named twice; each node needs a name of its own")
        sources = build_sources(node.sources or _DEFAULT_SOURCES, here, Context(account.node, clock))
        name = node.name or account.node.node
        phase = phase_of(account.node) if plans else 0.0
        plans.append(Plan(account, name, node.interval, node.tags, sources, phase))
    return tuple(plans)


def phase_of(node: NodeId) -> float:
    """Where in the time between two reads the node reads: from its name, so that the many nodes of one publisher do
    not all ask at one instant, and each keeps its place over restarts.
    """
    return int.from_bytes(sha256(str(node).encode()).digest()[:4]) / 2**32


def _account(node: NodeSettings, here: SettingPlace, home: Home, master: Callable[[str], MasterKey]) -> NodeAccount:
    keepalive = round(node.keepalive.total_seconds())
    ca = _file(node.ca_file, here.key("ca_file"), home) if node.ca_file else None
    try:
        if node.token or node.token_file:
            token = JoinToken.decode(node.token or _file(node.token_file, here.key("token_file"), home))
            _check_names(node, token.node, here)
            endpoint = _endpoint(node.server or token.url, ca or token.ca, token.pin)
            return NodeAccount(token.node, token.key, endpoint, keepalive)
        passphrase = node.passphrase or _file(node.passphrase_file, here.key("passphrase_file"), home)
        identity = NodeId(node.site or DEFAULT_SITE, node.node)
        return NodeAccount(identity, master(passphrase).node_key(identity), _endpoint(node.server, ca), keepalive)
    except RigwatchError as exc:
        if str(exc).startswith(here.source):
            raise
        raise type(exc)(f"{here}: {exc}") from exc


def _endpoint(url: str, ca: str | None, pin: str = "") -> Endpoint:
    """Where to connect; an authority that is none would otherwise come to light only at the first connection."""
    endpoint = Endpoint.parse(url, ca, pin)
    if endpoint.tls and ca is not None:
        try:
            ssl.create_default_context(cadata=ca)
        except (ssl.SSLError, ValueError):
            raise SettingsError("the certificate authority to trust is not a certificate in PEM") from None
    return endpoint


def _check_names(node: NodeSettings, told: NodeId, here: SettingPlace) -> None:
    for key, named, known in (("node", node.node, told.node), ("site", node.site, told.site)):
        if named and named != known:
            raise SettingsError(
                f"{here.key(key)}: is {named!r}, but the token is for {told}; leave it out, or enroll it"
            )


def _file(path: str, place: SettingPlace, home: Home) -> str:
    """The content of a file that the settings name; a relative path is relative to the home."""
    try:
        return (home.path / Path(path).expanduser()).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{place}: {path} cannot be read ({exc})") from exc
