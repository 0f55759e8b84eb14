"""Where a broker listens, as whom one connects, and what is left behind. Nothing here connects."""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from rigwatch.errors import SettingsError

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HOST = re.compile(r"(?=.{1,253}\Z)[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?)*")


def is_host(text: str) -> bool:
    """Whether it can be the name or the address of a machine that others connect to."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return bool(_HOST.fullmatch(text)) and not text.replace(".", "").isdigit()
    return "%" not in text and not address.is_unspecified


def bracketed(host: str) -> str:
    """As an address has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens. With `tls`, `ca` is the PEM to trust instead of the system's authorities; without it,
    `pin` is the public key (`sha256//…`) of an authority whose certificate the broker itself shows."""

    host: str
    port: int
    tls: bool = False
    ca: str | None = None
    pin: str = ""

    @classmethod
    def parse(cls, url: str, ca: str | None = None, pin: str = "") -> Self:
        """Reads `mqtt://host[:port]` or `mqtts://host[:port]`; raises `SettingsError`. A login in it is ignored."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        # An unquoted '#' or '?' of a password ends up behind what then looks like the host.
        rest = parts.path.removeprefix("/") + parts.query + parts.fragment
        if parts.scheme not in _DEFAULT_PORTS or not host or port == 0 or rest:
            raise SettingsError("the server's address should look like mqtts://monitor.example:8883")
        return cls(host, port or _DEFAULT_PORTS[parts.scheme], parts.scheme == "mqtts", ca, pin)

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class MqttLogin:
    """An MQTT account, and the client id to use with it."""

    username: str
    password: str = field(repr=False)
    client_id: str


@dataclass(frozen=True, slots=True)
class LastWill:
    """What the broker publishes, at QoS 1 and retained, when this connection ends without a DISCONNECT."""

    topic: str
    payload: bytes
