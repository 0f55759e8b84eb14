"""`server.toml`: the settings of broker, subscriber and dashboard. `config/server.example.toml` documents each."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rigwatch.endpoint import Endpoint, is_host
from rigwatch.errors import SettingsError
from rigwatch.figures import Celsius
from rigwatch.home import Home
from rigwatch.keys import PASSPHRASE_MIN
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.loader import Secret, SettingPlace, between, build, overlay, read_toml
from rigwatch.topics import PREFIX

PUBLISHER_SECTIONS = frozenset({"nodes", "outbox"})
"""Sections of `publisher.toml`, whose overrides may stand in the same environment."""

Port = Annotated[int, Meta(ge=0, le=65535)]

# As browsers write it: no path, small letters, and no port where it is the usual one.
_ORIGIN = re.compile(
    r"\*|(?:http(?!://[^/]*:80$)|https(?!://[^/]*:443$))://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
_PREFIX = re.compile(r"[^/#+$\s\x00-\x1f\x7f]+(?:/[^/#+\s\x00-\x1f\x7f]+){0,9}")
_PREFIX_MAX = 200
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
# What clients, and proxies about the connection, say of their own.
_NOT_A_NAME = frozenset(
    {"host", "cookie", "authorization", "origin", "referer", "user-agent", "accept", "accept-language", "via"}
    | {"content-type", "content-length", "forwarded", "x-real-ip", "if-none-match", "connection"}
    | {f"x-forwarded-{each}" for each in ("for", "proto", "host", "port", "prefix")}
)


class BrokerLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """What one client, one address and all together may take of the embedded broker. `docs/security.md` tells what
    happens at each limit."""

    connect_timeout: Annotated[timedelta, between(timedelta(seconds=1), timedelta(minutes=5))] = timedelta(seconds=10)
    packet_size: Annotated[int, Meta(ge=256 * 1024, le=268_435_455)] = 2 * 1024 * 1024
    node_packet_size: Annotated[int, Meta(ge=256 * 1024, le=268_435_455)] = 1024 * 1024
    connections: Annotated[int, Meta(ge=1)] = 20_000
    connections_per_address: Annotated[int, Meta(ge=1)] = 5_000
    pending: Annotated[int, Meta(ge=1)] = 1_000
    messages_per_second: Annotated[int, Meta(ge=1)] = 1_000
    # Two days of a rig with eight cards, a sample a minute, are some five megabytes.
    bytes_per_second: Annotated[int, Meta(ge=16 * 1024)] = 256 * 1024
    logins_per_minute: Annotated[int, Meta(ge=1)] = 60
    # More than a fleet sends at once: a queue behind a full window does not drain while everybody publishes on.
    inflight: Annotated[int, Meta(ge=1, le=60_000)] = 1_000
    queue_messages: Annotated[int, Meta(ge=1)] = 100_000
    queue_bytes: Annotated[int, Meta(ge=1024)] = 32 * 1024 * 1024
    subscriptions: Annotated[int, Meta(ge=1)] = 1_000
    retained: Annotated[int, Meta(ge=1)] = 50_000
    retained_bytes: Annotated[int, Meta(ge=1024 * 1024)] = 128 * 1024 * 1024
    sessions_per_account: Annotated[int, Meta(ge=1)] = 50
    session_expiry: Annotated[timedelta, between(timedelta(minutes=1), timedelta(days=365))] = timedelta(hours=24)


class BrokerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where MQTT is spoken. A port of 0 is off. `advertise` is the name or address that join tokens carry.

    `tls_certificate` and `tls_key` are PEM files to use instead of the certificate made here, relative to the home;
    `tls_ca` is what clients have to trust then (empty: the system's authorities do).
    """

    mode: Literal["embedded", "external"] = "embedded"
    url: Secret = Secret()
    host: str = "0.0.0.0"  # noqa: S104 - rigs connect from elsewhere; this listener is TLS with a password
    port: Port = 8883
    plain_host: str = "127.0.0.1"
    plain_port: Port = 1883
    websocket_port: Port = 0
    websocket_tls: bool = True
    metrics_port: Port = 0
    shared: bool = False
    advertise: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    limits: BrokerLimits = BrokerLimits()

    def __post_init__(self) -> None:
        if self.mode == "external" and not self.url:
            raise ValueError("mode 'external' needs url, such as 'mqtts://user:password@broker.example:8883'")
        if self.mode == "embedded" and not (self.port or self.plain_port):
            raise ValueError("port and plain_port are both 0, so nobody could connect; set one of them")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together; set both or none")
        if self.advertise and not is_host(self.advertise):
            raise ValueError(
                f"advertise: {self.advertise[:100]!r} is no name or address of a machine; write it without a scheme "
                "and a port, such as 'monitor.example' or '10.0.0.5'"
            )


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may appear as a node. With a passphrase the master key is stretched from it, else it is `secret.key`."""

    enrollment: Literal["closed", "open"] = "closed"
    passphrase: Secret = Secret()

    def __post_init__(self) -> None:
        if self.passphrase and len(self.passphrase) < PASSPHRASE_MIN:
            raise ValueError(f"passphrase has {len(self.passphrase)} characters; at least {PASSPHRASE_MIN} are needed")
        if self.enrollment == "open" and not self.passphrase:
            raise ValueError("enrollment 'open' needs a passphrase: it is what new nodes are known by")


class DatabaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The store, how long samples are kept, and how much of one node is taken a day (UTC): samples, and bytes."""

    url: Secret = Secret("sqlite:///rigwatch.db")
    keep: Annotated[timedelta, between(timedelta(hours=1), timedelta(days=36500))] = timedelta(hours=48)
    daily_samples: Annotated[int, Meta(ge=1000)] = 1_000_000
    daily_bytes: Annotated[int, Meta(ge=1024 * 1024)] = 1024 * 1024 * 1024


class WebColours(Struct, frozen=True, forbid_unknown_fields=True):
    """Borders of the overview's colours: the last value that still has the colour named."""

    hashrate_green: Annotated[float, Meta(ge=0)] = 1.0
    peers_green: Annotated[int, Meta(ge=0)] = 20
    peers_yellow: Annotated[int, Meta(ge=0)] = 10
    peers_orange: Annotated[int, Meta(ge=0)] = 3
    lag_green: Annotated[int, Meta(ge=0)] = 2
    lag_yellow: Annotated[int, Meta(ge=0)] = 4
    temperature_green: Celsius = 70
    temperature_yellow: Celsius = 78
    temperature_orange: Celsius = 85
    memory_green: Celsius = 90
    memory_yellow: Celsius = 98
    memory_orange: Celsius = 104
    age_green: Annotated[timedelta, between(timedelta(0), timedelta(days=365))] = timedelta(minutes=3)
    age_yellow: Annotated[timedelta, between(timedelta(0), timedelta(days=365))] = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if not self.peers_green >= self.peers_yellow >= self.peers_orange:
            raise ValueError("peers_green, peers_yellow and peers_orange should fall in this order")
        if self.lag_green > self.lag_yellow:
            raise ValueError("lag_green should not be above lag_yellow")
        if not self.temperature_green <= self.temperature_yellow <= self.temperature_orange:
            raise ValueError("temperature_green, temperature_yellow and temperature_orange should rise in this order")
        if not self.memory_green <= self.memory_yellow <= self.memory_orange:
            raise ValueError("memory_green, memory_yellow and memory_orange should rise in this order")
        if self.age_green > self.age_yellow:
            raise ValueError("age_green should not be above age_yellow")


class WebSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The dashboard. Any host but loopback is served over TLS unless `tls` is switched off in so many words.

    `tls_certificate` and `tls_key` are PEM files to use instead of the certificate made here, relative to the home.
    `trusted_proxies` are addresses or networks whose word on whom they speak for is taken (`X-Forwarded-…`).
    `cors_origins` are the pages of others whose scripts may ask the API; "*" is every page. Who has logged in is out
    after `session_idle` without a request and after `session_max` in any case; "stay logged in" lasts `stay`, 0 = not
    offered. `sso_header` is a header in which the trusted proxies say who has logged in there, a user's name;
    `sso_create`: one who is not known yet becomes a viewer.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8081
    tls: Literal["auto", "off"] = "auto"
    tls_certificate: str = ""
    tls_key: str = ""
    trusted_proxies: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    cors_origins: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    session_idle: Annotated[timedelta, between(timedelta(minutes=1), timedelta(days=365))] = timedelta(hours=12)
    session_max: Annotated[timedelta, between(timedelta(minutes=1), timedelta(days=365))] = timedelta(days=7)
    stay: Annotated[timedelta, between(timedelta(0), timedelta(days=365))] = timedelta(days=30)
    sso_header: str = ""
    sso_create: bool = False
    timezone: str = "UTC"
    colours: WebColours = WebColours()

    def __post_init__(self) -> None:
        self._check_sso()
        if self.session_idle > self.session_max:
            raise ValueError("session_idle should not be above session_max; set session_max as well")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together; set both or none")
        for each in self.trusted_proxies:
            try:
                ipaddress.ip_network(each)
            except ValueError as exc:
                raise ValueError(f"trusted_proxies: {exc}; write addresses or networks, such as '10.0.0.0/8'") from None
        for each in self.cors_origins:
            if not _ORIGIN.fullmatch(each):
                raise ValueError(f"cors_origins: {each!r} is no origin; write it as 'https://page.example', or '*'")

    def _check_sso(self) -> None:
        if self.sso_create and not self.sso_header:
            raise ValueError("sso_create needs sso_header, such as 'X-Forwarded-User'")
        if not self.sso_header:
            return
        if not _HEADER.fullmatch(self.sso_header) or self.sso_header.lower() in _NOT_A_NAME:
            raise ValueError(f"sso_header: {self.sso_header[:70]!r} says no user; write it as 'X-Forwarded-User'")
        if not self.trusted_proxies:
            raise ValueError("sso_header needs trusted_proxies: of anybody else it would be believed as well")


Discovery = Literal["device", "component"]


class FeedSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What third parties may read on the broker, in plain: the state tree, and Home Assistant's discovery of it.

    `broker` is another one that gets the same, below prefixes of its own; `broker_ca` the authority to trust there
    (PEM, relative to the home), the system's where it is empty.
    """

    state: bool = False
    homeassistant: bool = False
    discovery: Discovery = "device"
    broker: Secret = Secret()
    broker_ca: str = ""
    topic_prefix: str = PREFIX
    discovery_prefix: str = "homeassistant"

    def __post_init__(self) -> None:
        if self.homeassistant and not self.state:
            raise ValueError("homeassistant shows the state tree, so it needs state = true as well")
        if self.broker and not self.state:
            raise ValueError("broker gets the state tree, so it needs state = true as well")
        for key, prefix in (("topic_prefix", self.topic_prefix), ("discovery_prefix", self.discovery_prefix)):
            if len(prefix) > _PREFIX_MAX or not _PREFIX.fullmatch(prefix):
                raise ValueError(f"{key}: {prefix[:100]!r} cannot begin a topic; write it as 'farm/rigwatch'")
        if f"{self.topic_prefix}/".startswith(f"{self.discovery_prefix}/"):
            # What others keep there, such as Home Assistant's statestream, would be taken for the tree and cleared.
            raise ValueError("topic_prefix: should not be, or be below, discovery_prefix; write it as 'farm/rigwatch'")
        if self.broker:
            try:
                Endpoint.parse(self.broker)
            except SettingsError:
                raise ValueError("broker should look like 'mqtts://user:password@broker.example:8883'") from None


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `server.toml`; every setting has a default."""

    broker: BrokerSettings = BrokerSettings()
    security: SecuritySettings = SecuritySettings()
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    alerts: AlertSettings = AlertSettings()
    feed: FeedSettings = FeedSettings()

    def __post_init__(self) -> None:
        external = self.broker.url if self.broker.mode == "external" else ""
        if self.feed.broker and self.feed.topic_prefix == PREFIX and _is_one_broker(external, self.feed.broker):
            raise ValueError("feed.broker is broker.url, where the state tree is already; take feed.broker out")


def _is_one_broker(url: str, other: str) -> bool:
    try:
        return bool(url) and Endpoint.parse(url) == Endpoint.parse(other)
    except SettingsError:
        # Said where it is used.
        return False


def load_server(home: Home, environ: Mapping[str, str]) -> ServerSettings:
    """Reads `server.toml` and the environment; raises `SettingsError`, also when there is no file yet."""
    if not home.server_toml.exists():
        raise SettingsError(f"{home.server_toml}: not there; run 'rigwatch init' to make it, or name another --home")
    raw = overlay(ServerSettings, read_toml(home.server_toml), environ, elsewhere=PUBLISHER_SECTIONS)
    return build(ServerSettings, raw, SettingPlace(str(home.server_toml)))
