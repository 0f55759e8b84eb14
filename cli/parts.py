"""`up`, `serve` and the four parts as processes: `broker`, `subscribe`, `web`, `publish`."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from filelock import Timeout

from cli.invocation import Invocation, app, invocation
from cli.setup import FirstLogin, Opened, default_settings, how_rigs_join, prepare, prepare_publisher, shown
from rigwatch import address, process
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.home import Home
from rigwatch.listening import check_free
from rigwatch.lock import private_lock
from rigwatch.settings import ServerSettings
from rigwatch.supervisor import SupervisedPart, Supervisor, part_command, port_answers


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
    with _alone(call.home):
        check_free(settings.broker, settings.web)
        _check_database(call, settings)
        prepare_publisher(call, settings)
        parts = [*_service(call, settings), _web(call, settings), _part(call, "publish")]
        _supervise(call, parts, _greeting(call, settings, access))


@app.command()
def serve(context: typer.Context) -> None:
    """Run broker and subscriber."""
    call = invocation(context)
    settings = call.server()
    with _alone(call.home):
        check_free(settings.broker)
        _check_database(call, settings)
        _supervise(call, _service(call, settings), f"broker    {address.broker_url(settings.broker)}")


@app.command()
def broker(context: typer.Context) -> None:
    """Run the embedded broker."""
    from broker.service import new_event_loop
    from broker.service import serve as serve_broker

    call = invocation(context)
    settings = call.server()
    if settings.broker.mode != "embedded":
        raise SettingsError(f"{call.home.server_toml}: broker.mode is 'external', so there is no broker to run here")
    call.run(
        "broker",
        lambda stop: serve_broker(call.home, settings, clock=call.clock, stop=stop, ready=lambda _: process.ready()),
        loop=new_event_loop,
    )


@app.command()
def subscribe(context: typer.Context) -> None:
    """Run the subscriber: opens the reports and stores them."""
    from subscriber.service import new_event_loop
    from subscriber.service import subscribe as run_subscriber

    call = invocation(context)
    settings = call.server()
    call.run(
        "subscriber",
        lambda stop: run_subscriber(call.home, settings, clock=call.clock, stop=stop, layers=call.layers),
        loop=new_event_loop,
    )


@app.command()
def web(context: typer.Context) -> None:
    """Run the dashboard."""
    from web.server import serve as serve_web

    call = invocation(context)
    settings = call.server()
    call.run("web", lambda stop: serve_web(call.home, settings, clock=call.clock, stop=stop, layers=call.layers))


@app.command()
def publish(
    context: typer.Context,
    join: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Join token, a file that holds it, or '-' for standard input; stored."),
    ] = None,
) -> None:
    """Publish this machine's nodes."""
    from publisher.agent import publish as run_publisher
    from publisher.joining import read_token, store_token

    call = invocation(context)
    if join is not None:
        node = store_token(call.home, read_token(join), os.environ, call.clock)
        typer.echo(f"rigwatch: joined as {node}; from now on '{call.command} publish' is enough", err=True)
    settings = call.publisher()
    call.run("publisher", lambda stop: run_publisher(call.home, settings, clock=call.clock, stop=stop))


def _service(call: Invocation, settings: ServerSettings) -> list[SupervisedPart]:
    if settings.broker.mode == "external":
        return [_part(call, "subscribe")]
    broker = settings.broker
    host, port = (broker.plain_host, broker.plain_port) if broker.plain_port else (broker.host, broker.port)
    ready = port_answers(address.reachable(host), port, clock=call.clock)
    return [SupervisedPart("broker", part_command(call.arguments(), "broker"), ready), _part(call, "subscribe")]


def _web(call: Invocation, settings: ServerSettings) -> SupervisedPart:
    ready = port_answers(address.reachable(settings.web.host), settings.web.port, clock=call.clock)
    return SupervisedPart("web", part_command(call.arguments(), "web"), ready)


def _part(call: Invocation, name: str) -> SupervisedPart:
    return SupervisedPart(name, part_command(call.arguments(), name))


def _supervise(call: Invocation, parts: list[SupervisedPart], greeting: str) -> None:
    supervisor = Supervisor(parts, clock=call.clock, environ=os.environ)

    def started() -> None:
        typer.echo(greeting)
        shown(call)

    async def main(stop: asyncio.Event) -> None:
        await supervisor.run(stop, started=started)

    call.run("supervisor", main)


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Holds the home for this supervisor: the parts of a second one would take the first one's connections away."""
    home.prepare()
    try:
        with private_lock(home.supervisor_lock, timeout=0):
            yield
    except Timeout:
        advice = "stop it first, or use another --home"
        raise RigwatchError(
            f"home {home.path}: 'rigwatch up' or 'rigwatch serve' runs here already; {advice}"
        ) from None


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
