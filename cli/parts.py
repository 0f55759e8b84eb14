"""`up`, `serve` and the four parts as processes: `broker`, `subscribe`, `web`, `publish`."""

import os
from typing import Annotated

import typer

from cli import part, supervise
from cli.invocation import Invocation, app, invocation
from cli.setup import FirstLogin, Opened, default_settings, how_rigs_join, prepare, prepare_publisher
from cli.supervise import PlannedPart, Supervision
from rigwatch import address
from rigwatch.errors import SettingsError
from rigwatch.listening import check_free
from rigwatch.settings import ServerSettings


@app.command()
def up(context: typer.Context, opened: Opened = False) -> None:
    """Run everything on this machine, set up if need be.

    Broker, subscriber, dashboard and a publisher for this machine; a part that dies is started again.
    """
    call = invocation(context)
    access = None
    if not call.home.is_set_up:
        # Before anything is made: a password that is shown only once must not be lost to a start that fails.
        is_first = not call.home.server_toml.exists()
        unset = default_settings() if is_first else call.server()
        check_free(unset.broker, unset.web, is_first=is_first)
        access = prepare(call, opened=opened)
    elif opened:
        raise SettingsError(f"--open: this home is set up already; run '{call.command} open', then this again")
    settings = call.server()
    with supervise.alone(call.home):
        check_free(settings.broker, settings.web)
        _check_database(call, settings)
        prepare_publisher(call, settings)
        web = _part(call, "web", settings.web.host, settings.web.port)
        parts = [*_service(call, settings), web, _part(call, "publish")]
        greeting = _greeting(call, settings, access)
    unseen = str(call.home.unseen_login)
    supervise.become(Supervision(str(call.home.path), call.debug, parts, greeting, unseen))


@app.command()
def serve(context: typer.Context) -> None:
    """Run broker and subscriber."""
    call = invocation(context)
    settings = call.server()
    with supervise.alone(call.home):
        check_free(settings.broker)
        _check_database(call, settings)
    greeting = f"broker    {address.broker_url(settings.broker)}"
    supervise.become(Supervision(str(call.home.path), call.debug, _service(call, settings), greeting, ""))


@app.command()
def broker(context: typer.Context) -> None:
    """Run the embedded broker."""
    _run(context, part.broker)


@app.command()
def subscribe(context: typer.Context) -> None:
    """Run the subscriber: opens the reports and stores them."""
    _run(context, part.subscribe)


@app.command()
def web(context: typer.Context) -> None:
    """Run the dashboard."""
    _run(context, part.web)


@app.command()
def publish(
    context: typer.Context,
    join: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Join token, a file that holds it, or '-' for standard input; stored."),
    ] = None,
) -> None:
    """Publish this machine's nodes."""
    call = invocation(context)
    if join is not None:
        from publisher.joining import read_token, store_token

        node = store_token(call.home, read_token(join), os.environ, call.clock)
        typer.echo(f"rigwatch: joined as {node}; from now on '{call.command} publish' is enough", err=True)
    part.publish(call.home, call.debug)


def _run(context: typer.Context, run: part.Part) -> None:
    call = invocation(context)
    # Says what is missing where there are no settings.
    call.server()
    run(call.home, call.debug)


def _service(call: Invocation, settings: ServerSettings) -> list[PlannedPart]:
    if settings.broker.mode == "external":
        return [_part(call, "subscribe")]
    broker = settings.broker
    host, port = (broker.plain_host, broker.plain_port) if broker.plain_port else (broker.host, broker.port)
    return [_part(call, "broker", host, port), _part(call, "subscribe")]


def _part(call: Invocation, name: str, host: str = "", port: int = 0) -> PlannedPart:
    command = part.command(call.home, name, debug=call.debug)
    return PlannedPart(name, command, address.reachable(host), port)


def _check_database(call: Invocation, settings: ServerSettings) -> None:
    """Once and before any part, so that a database nobody can use is one line, and is brought up to date by one."""
    from store import open_store

    open_store(settings.database.url, call.home).close()


def _greeting(call: Invocation, settings: ServerSettings, access: FirstLogin | None) -> str:
    login = (
        [f"  user      {access.user}", f"  password  {access.password}   (shown once)"]
        if access
        else [f"  user      as before ('{call.command} user password admin' prints a new password)"]
    )
    return "\n".join(
        [
            "",
            "rigwatch is running; Ctrl-C stops it.",
            "",
            f"  address   {address.web_url(settings.web, advertise=settings.broker.advertise)}",
            *login,
            "",
            f"  next rig  {call.command} enroll NAME   prints one line for it, and its token",
            *(f"            {line}" for line in how_rigs_join(call, settings)),
            "",
        ]
    )
