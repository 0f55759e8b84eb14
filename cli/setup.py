"""`init`: a home with fresh secrets, and the dashboard's first user. `prepare` is what `up` does when there is none."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cli.invocation import Invocation, app, invocation
from cli.nodes import join_token
from cli.sources import announce, source_table
from rigwatch.address import local_broker_url, web_url
from rigwatch.errors import RigwatchError, TopicError
from rigwatch.home import write_private
from rigwatch.keys import MasterKey
from rigwatch.settings import ServerSettings
from rigwatch.settings.loader import SettingPlace, build, overlay
from rigwatch.topics import NodeId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.detection import Found

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

PUBLISHER_TOML = """\
# What this machine publishes. config/publisher.example.toml explains every setting and kind of source.

[[nodes]]
token = "{token}"

{found}[[nodes.sources]]
kind = "host"

# What is started later is found by 'rigwatch sources', and added here by 'rigwatch sources --write'; or name it:
# [[nodes.sources]]
# kind = "xmrig"
# url = "http://127.0.0.1:44444"
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
    node = NodeId("main", own_name())
    if not call.home.publisher_toml.exists():
        token = join_token(call, settings, node, url=local_broker_url(settings.broker))
        write_private(call.home.publisher_toml, publisher_toml(token, look_around(call)))
    return node


def publisher_toml(token: str, found: "Sequence[Found]") -> str:
    """The first `publisher.toml` of a machine, with a source for each thing that was found on it.

    They come before the host, so that the node's temperature is the hottest card's.
    """
    tables = [f"{source_table(dict(each.settings), f'found on {each.where}')}\n\n" for each in found]
    return PUBLISHER_TOML.format(token=token, found="".join(tables))


def look_around(call: Invocation) -> "list[Found]":
    """What can be read on this machine, said in a line each; milliseconds where there is nothing."""
    from publisher.detection import detect, usual_candidates

    found = detect(usual_candidates(), call.clock)
    announce(found)
    return found


def own_name() -> str:
    """This machine's host name, in the letters that names may have."""
    host = socket.gethostname().split(".")[0].lower()
    name = "".join(
        notification if notification.isascii() and notification.isalnum() else "-" for notification in host
    ).strip("-")[:64]
    try:
        return NodeId("main", name).node
    except TopicError:
        return "server"
