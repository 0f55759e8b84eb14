"""`init`: a home with fresh secrets, and the dashboard's first user. `prepare` is what `up` does when there is none."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from cli.invocation import Invocation, app, invocation
from cli.nodes import join_token
from rigwatch.address import local_broker_url, web_url
from rigwatch.errors import RigwatchError, TopicError
from rigwatch.home import write_private
from rigwatch.keys import MasterKey
from rigwatch.settings import ServerSettings
from rigwatch.settings.loader import SettingPlace, build, overlay
from rigwatch.topics import NodeId

ADMIN = "admin"
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
) -> None:
    """Make settings and fresh secrets.

    Prints the dashboard's address, user and password once.
    """
    call = invocation(context)
    if call.home.server_toml.exists():
        raise RigwatchError(f"home {call.home.path}: is set up already, nothing was changed; 'rigwatch up' starts it")
    access = prepare(call)
    if as_json:
        typer.echo(json.dumps(asdict(access)))
    else:
        typer.echo(f"address   {access.url}\nuser      {access.user}\npassword  {access.password}")


def prepare(call: Invocation) -> FirstLogin:
    """Sets the home up. `server.toml` is written last, so that an interrupted run is simply done again."""
    from cli.accounts import set_first_user

    home = call.home
    settings = default_settings()
    home.prepare()
    if not home.secret_key.exists():
        MasterKey.random().save(home.secret_key)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    set_first_user(call, settings, ADMIN, password)
    write_private(home.server_toml, SERVER_TOML)
    return FirstLogin(web_url(settings.web), ADMIN, password)


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
    host = socket.gethostname().split(".")[0].lower()
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in host).strip("-")[:64]
    try:
        return NodeId("main", name).node
    except TopicError:
        return "server"
