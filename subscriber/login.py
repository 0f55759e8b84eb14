"""How the subscriber reaches the broker and opens what comes: address, account and keys, from the settings."""

import socket
from urllib.parse import unquote, urlsplit

from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.mqtt import Endpoint, Login
from rigwatch.settings.server import ServerSettings

ACCOUNT = "subscriber"
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - mapped away from


def master_key(home: Home, settings: ServerSettings) -> MasterKey:
    """Stretched from the passphrase where one is set, else read; raises `RigwatchError`."""
    passphrase = settings.security.passphrase
    return MasterKey.from_passphrase(passphrase) if passphrase else MasterKey.load(home.secret_key)


def endpoint_of(home: Home, settings: ServerSettings) -> Endpoint:
    """The embedded broker over loopback, in plain where it listens so, else over TLS; or the external one."""
    broker = settings.broker
    if broker.mode == "external":
        return Endpoint.parse(broker.url)
    if broker.plain_port:
        return Endpoint(_ANYWHERE.get(broker.plain_host, broker.plain_host), broker.plain_port)
    from rigwatch.tls import ca_pem  # noqa: PLC0415 - making certificates takes a library that is else not needed here

    return Endpoint(_ANYWHERE.get(broker.host, broker.host), broker.port, tls=True, ca=ca_pem(home))


def login_of(settings: ServerSettings, master: MasterKey) -> Login:
    """The subscriber's own account; an external broker may have given it another name and password in `broker.url`.

    There the client id carries the machine's name: several subscribers may share that broker, and of two with the same
    id each would throw the other out.
    """
    if settings.broker.mode == "embedded":
        return Login(ACCOUNT, master.service_password(ACCOUNT), ACCOUNT)
    parts = urlsplit(settings.broker.url)
    username = unquote(parts.username or ACCOUNT)
    password = unquote(parts.password) if parts.password else master.service_password(ACCOUNT)
    return Login(username, password, f"{username}.{socket.gethostname()}")
