"""`init`: a home with fresh secrets, and the dashboard's first user. `prepare` is what `up` does when there is none."""

import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Final

import typer

from cli.invocation import Invocation, app, invocation
from cli.nodes import join_token
from rigwatch.address import broker_url, is_loopback, local_broker_url, web_url
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.home import write_private
from rigwatch.keys import MasterKey
from rigwatch.settings import ServerSettings
from rigwatch.settings.loader import SettingPlace, build, overlay
from rigwatch.settings.writing import Setting, add_settings, replace_setting
from rigwatch.topics import NodeId, name_of_host

ADMIN = "admin"
ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - in so many words, over TLS and with a password
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "broker": ("host", "port", "plain_host", "plain_port", "websocket_port", "advertise"),
    "web": ("host", "port"),
}
"""Settings by which others find this server."""

Opened = Annotated[bool, typer.Option("--open", help="Let other machines open the dashboard, over TLS.")]
PASSWORD_BYTES = 15
"""120 bits, 20 characters of base64url."""

SERVER_TOML = """\
# rigwatch's server: broker, subscriber and dashboard. Every setting has a default; write here what should differ.
# docs/operations.md and config/server.example.toml explain each one. Times are written 90s, 5m, 48h.

[broker]

[security]

[database]

[web]
"""


@dataclass(frozen=True, slots=True)
class FirstLogin:
    """How to open the dashboard. The password is known only now: the store keeps a hash."""

    url: str
    user: str
    password: str


@app.command()
def init(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print url, user and password as one JSON object.")] = False,
    opened: Opened = False,
) -> None:
    """Make settings and fresh secrets.

    Prints the dashboard's address, user and password once.
    """
    call = invocation(context)
    if call.home.is_set_up:
        raise RigwatchError(f"home {call.home.path}: is set up already, nothing was changed; 'rigwatch up' starts it")
    access = prepare(call, opened=opened)
    if as_json:
        typer.echo(json.dumps(asdict(access)))
    else:
        typer.echo(f"address   {access.url}\nuser      {access.user}\npassword  {access.password}")
    shown(call)
    if not as_json:
        typer.echo("\n".join(["", *how_rigs_join(call, call.server())]), err=True)


def prepare(call: Invocation, *, opened: bool = False) -> FirstLogin:
    """Sets the home up, also one where that was interrupted; `shown` ends it, once the password stands on the screen.

    What the environment says of addresses and ports is kept in `server.toml`: whoever enrols a node has it not.
    """
    from cli.accounts import set_first_user

    home = call.home
    home.prepare()
    write_private(home.unseen_login, "")
    if not home.secret_key.exists():
        MasterKey.random().save(home.secret_key)
    if not home.server_toml.exists():
        settings = default_settings()
        write_private(home.server_toml, _first_toml(settings, opened=opened))
    settings = call.server()
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    set_first_user(call, settings, ADMIN, password)
    return FirstLogin(web_url(settings.web, advertise=settings.broker.advertise), ADMIN, password)


def shown(call: Invocation) -> None:
    """The first password has been told, and is not made again."""
    sys.stdout.flush()
    call.home.unseen_login.unlink(missing_ok=True)


def how_rigs_join(call: Invocation, settings: ServerSettings) -> list[str]:
    """What a newcomer has to know of this server's addresses, a line each."""
    lines = [f"rigs connect to {broker_url(settings.broker)}"]
    if is_loopback(settings.web.host):
        lines += [
            "the dashboard is for this machine only, so rigs cannot fetch the agent from it;",
            f"'{call.command} open' opens both to your network, over TLS and with a password",
        ]
    return lines


def _first_toml(settings: ServerSettings, *, opened: bool) -> str:
    """`server.toml`, with the addresses and ports that differ from the defaults."""
    usual, wanted = ServerSettings(), []
    for section, keys in _PLACES.items():
        for key in keys:
            value = getattr(getattr(settings, section), key)
            if value != getattr(getattr(usual, section), key):
                wanted.append(Setting((section,), key, value))
    text = add_settings(SERVER_TOML, wanted)
    assert text is not None, "it is ours, and can take settings"
    return _opened(text, settings) if opened and is_loopback(settings.web.host) else text


def _opened(text: str, settings: ServerSettings) -> str:
    """The file's text with a dashboard for other machines; raises `RigwatchError` where a person has to write it."""
    if settings.web.tls == "off":
        raise SettingsError('[web] tls is "off": the dashboard is not opened without TLS; take it out of server.toml')
    host = Setting(("web",), "host", ANY_ADDRESS)
    if (after := replace_setting(text, host)) is None:
        raise RigwatchError(f"server.toml: cannot be changed by itself; write into it: {host.name} = {host.value!r}")
    return after


@app.command("open")
def open_dashboard(context: typer.Context) -> None:
    """Open the dashboard to other machines, over TLS.

    Then rigs can join by one line. To undo it, take 'host' out of [web] in server.toml.
    """
    call = invocation(context)
    settings, path = call.server(), call.home.server_toml
    if is_loopback(settings.web.host):
        if "RIGWATCH_WEB__HOST" in os.environ:
            raise SettingsError("RIGWATCH_WEB__HOST in the environment says otherwise, and goes before server.toml")
        write_private(path, _opened(path.read_text("utf-8"), settings))
        settings = call.server()
        typer.echo("the dashboard is for other machines from the next start of rigwatch on", err=True)
    typer.echo(web_url(settings.web, advertise=settings.broker.advertise))


def default_settings() -> ServerSettings:
    """What a server without a file has: the defaults, and the environment over them."""
    overrides = overlay(ServerSettings, {}, os.environ, elsewhere=frozenset({"nodes"}))
    return build(ServerSettings, overrides, SettingPlace("environment"))


def prepare_publisher(call: Invocation, settings: ServerSettings) -> NodeId:
    """Makes this machine a node of its own server, unless it has a `publisher.toml` already."""
    from publisher.joining import look_around, publisher_toml

    node = NodeId("main", own_name())
    if not call.home.publisher_toml.exists():
        token = join_token(call, settings, node, url=local_broker_url(settings.broker))
        write_private(call.home.publisher_toml, publisher_toml(token, look_around(call.clock)))
    return node


def own_name() -> str:
    """This machine's host name, in the letters that names may have."""
    return name_of_host(socket.gethostname(), "server")
