"""`publisher.toml`: the nodes that one machine publishes. `config/publisher.example.toml` documents each setting."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct

from rigwatch.errors import SettingsError, TopicError
from rigwatch.home import Home
from rigwatch.keys import PASSPHRASE_MIN
from rigwatch.settings.loader import Secret, SettingPlace, between, build, overlay, read_toml
from rigwatch.topics import check_name

SERVER_SECTIONS = frozenset({"broker", "security", "database", "web", "alerts", "feed"})
"""Sections of `server.toml`, whose overrides may stand in the same environment."""

KEEPALIVE_MAX = timedelta(seconds=65535)
"""MQTT 3.1.1 §3.1.2.10: the keep-alive is a 16-bit number of seconds."""


class NodeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One node. It is known to its server by a token, or by `server` and the `passphrase` all machines share.

    `sources` stay as the file has them: which settings a kind of source knows is the publisher's business.
    """

    node: str = ""
    site: str = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    token: Secret = Secret()
    token_file: str = ""
    server: str = ""
    ca_file: str = ""
    passphrase: Secret = Secret()
    passphrase_file: str = ""
    interval: Annotated[timedelta, between(timedelta(seconds=1), timedelta(hours=24))] = timedelta(seconds=60)
    keepalive: Annotated[timedelta, between(timedelta(seconds=1), KEEPALIVE_MAX)] = timedelta(seconds=10)
    tags: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=32)] = ()
    sources: Annotated[tuple[dict[str, Any], ...], Meta(max_length=32)] = ()

    def __post_init__(self) -> None:
        if bool(self.token or self.token_file) == bool(self.passphrase or self.passphrase_file):
            raise ValueError("needs either token (from 'rigwatch enroll'), or server and passphrase")
        if self.passphrase and len(self.passphrase) < PASSPHRASE_MIN:
            raise ValueError(f"passphrase has {len(self.passphrase)} characters; at least {PASSPHRASE_MIN} are needed")
        if (self.passphrase or self.passphrase_file) and not (self.server and self.node):
            raise ValueError("with a passphrase, server (such as 'mqtts://monitor.example:8883') and node are needed")
        try:
            for text, what in ((self.node, "node"), (self.site, "site")):
                if text:
                    check_name(text, what)
        except TopicError as exc:
            raise ValueError(str(exc)) from None


class OutboxSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What each node keeps on disk while its server is away; beyond it the oldest samples are dropped, and counted.

    The default is 14 days at one sample a minute.
    """

    samples: Annotated[int, Meta(ge=1, le=10_000_000)] = 20_160
    megabytes: Annotated[float, Meta(ge=0.1, le=10_000)] = 16.0


class PublisherSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `publisher.toml`."""

    outbox: OutboxSettings = OutboxSettings()
    nodes: tuple[NodeSettings, ...] = ()


def load_publisher(home: Home, environ: Mapping[str, str]) -> PublisherSettings:
    """Reads `publisher.toml`; raises `SettingsError`, also when there is no file, or no node in it.

    Secrets are kept out of the file by its own `token_file` and `passphrase_file`, or by the environment, where a
    node is counted from 1: `RIGWATCH_NODES__1__TOKEN`.
    """
    path, join = (
        home.publisher_toml,
        "run 'rigwatch publish --join TOKEN' with what the server's 'rigwatch enroll' prints",
    )
    if not path.exists():
        raise SettingsError(f"{path}: not there; {join}, once to make it")
    raw = overlay(PublisherSettings, read_toml(path), environ, elsewhere=SERVER_SECTIONS)
    settings = build(PublisherSettings, raw, SettingPlace(str(path)))
    if not settings.nodes:
        raise SettingsError(f"{path}: names no node; add a [[nodes]] table, or {join}")
    return settings
