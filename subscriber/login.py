"""How the subscriber reaches the broker: address, trust and account, from the settings."""

import os
import socket
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rigwatch.address import reachable
from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.mqtt import Endpoint, MqttLogin
from rigwatch.settings.server import BrokerSettings, ServerSettings
from rigwatch.tls import ca_pem

ACCOUNT = "subscriber"


def endpoint_of(home: Home, broker: BrokerSettings) -> Endpoint:
    """The embedded broker over loopback, in plain where it listens so, else over TLS; or the external one."""
    if broker.mode == "external":
        return Endpoint.parse(broker.url, _read(home.path / broker.tls_ca) if broker.tls_ca else None)
    if broker.plain_port:
        return Endpoint(reachable(broker.plain_host), broker.plain_port)
    if not broker.tls_certificate:
        return Endpoint(reachable(broker.host), broker.port, tls=True, ca=ca_pem(home))
    # Somebody else's certificate names the server as rigs know it, hardly as 127.0.0.1.
    ca = _read(home.path / broker.tls_ca) if broker.tls_ca else None
    return Endpoint(broker.advertise or reachable(broker.host), broker.port, tls=True, ca=ca)


def login_of(settings: ServerSettings, master: MasterKey, home: Home) -> MqttLogin:
    """The subscriber's own account; an external broker may have given it another name and password in `broker.url`.

    There the client id tells machine and home: several subscribers may share that broker, and of two with the same id
    each would throw the other out.
    """
    if settings.broker.mode == "embedded":
        return MqttLogin(ACCOUNT, master.service_password(ACCOUNT), ACCOUNT)
    parts = urlsplit(settings.broker.url)
    username = unquote(parts.username or ACCOUNT)
    password = unquote(parts.password) if parts.password else master.service_password(ACCOUNT)
    where = sha256(os.fspath(home.path.resolve()).encode()).hexdigest()[:6]
    # A row of the database holds so much of it.
    return MqttLogin(username, password, f"{username[:16]}.{socket.gethostname()[:40]}.{where}")


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"broker.tls_ca: {path} cannot be read as a certificate in PEM ({exc})") from exc
