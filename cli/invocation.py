"""What all commands share: the application, its global options, and the settings they lead to."""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from typer.core import TyperGroup

import rigwatch
from cli import extras
from rigwatch import logs, process
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.layers import LayeredSettings, ServerLayers
from rigwatch.settings import PublisherSettings, ServerSettings, load_publisher, load_server

if TYPE_CHECKING:
    from store import Store

ORDER = (
    *("up", "init", "open", "enroll", "revoke", "rotate", "status", "watch", "doctor"),
    *("incidents", "ack", "silence", "maintenance", "rules", "test-alert", "config"),
    *("backup", "restore", "move", "upgrade-check", "export", "db", "import-legacy"),
    *("service", "serve", "broker", "subscribe", "web", "publish", "code", "user", "token", "account", "simulate"),
)
"""Commands as a newcomer needs them; any that is not named here follows."""


class Commands(TyperGroup):
    """Lists the commands in `ORDER`; on a rig those that work there. The others, called, say what they lack."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # Typer hides its own Context
        place = {name: at for at, name in enumerate(ORDER)}
        names = super().list_commands(ctx) if extras.has_server() else extras.RIG
        return sorted(names, key=lambda name: place.get(name, len(ORDER)))


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=None if extras.has_server() else f"A server has more commands: {extras.how_to_install('server')}",
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """Where this call of a command works, and how talkative it is. The environment is read here and nowhere later."""

    home: Home
    debug: bool
    name: str
    """Of the command, as it is typed: `publish`, `db`."""

    @property
    def clock(self) -> SystemClock:
        return SystemClock()

    def zone(self, store: "Store") -> ZoneInfo:
        """That of the dashboard, by its settings."""
        from alerts.policy import Policy

        settings = self.layered(store).settings
        return Policy(settings.alerts, settings.web.timezone).zone

    def server(self) -> ServerSettings:
        """`server.toml` with the environment over it; raises `SettingsError`."""
        if not self.home.server_toml.exists():
            # Where there are no settings, and nothing to make them with, that is what to say.
            extras.check_server(self.name)
        return load_server(self.home, os.environ)

    @property
    def layers(self) -> ServerLayers:
        """Where the settings come from, but for what was set in the page."""
        return ServerLayers(self.home, os.environ)

    def layered(self, store: "Store") -> LayeredSettings:
        """What counts, what was set in the page included. Raises `RigwatchError`."""
        from store import page_settings

        with store.read() as tx:
            return page_settings.layered(tx, self.layers)

    @contextmanager
    def store(self, settings: ServerSettings | None = None) -> "Iterator[Store]":
        """The database that the settings name, for as long as it is needed. Raises `StoreError`."""
        from store import open_store

        with closing(open_store((settings or self.server()).database.url, self.home)) as store:
            yield store

    def publisher(self) -> PublisherSettings:
        """`publisher.toml` with the environment over it; raises `SettingsError`."""
        return load_publisher(self.home, os.environ)

    def run(
        self,
        part: str,
        main: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
        *,
        loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        """Runs a part as this process until it is told to stop."""
        logs.to_stderr(part, debug=self.debug)
        process.run(main, loop=loop)

    @property
    def command(self) -> str:
        """How to type another command that works in the same place, for advice that can be copied."""
        typed = Path(sys.argv[0])
        name = "rigwatch" if shutil.which("rigwatch") == str(typed.absolute()) else str(typed)
        program = f"{sys.executable} -P -m rigwatch" if typed.name == "__main__.py" else name
        named = self.home != Home.find(None, os.environ)
        return f"{program} --home {shlex.quote(str(self.home.path))}" if named else program

    def arguments(self) -> list[str]:
        """What makes another `rigwatch` process work in the same place."""
        return [f"--home={self.home.path}", *(["--debug"] if self.debug else [])]


@dataclass(slots=True)
class _Asked:
    debug: bool = False
    command: str = ""


_asked = _Asked()
"""What the outermost error handler, which has no context, must know of the command line."""


def wants_debug() -> bool:
    """Whether a traceback is wanted."""
    return _asked.debug


def asked_for() -> str:
    """The command that was typed; "" before that is known."""
    return _asked.command


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(f"rigwatch {rigwatch.__version__}")
        raise typer.Exit


Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and more log lines.")]
Version = Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")]


@app.callback()
def _globals(
    context: typer.Context,
    home: Annotated[
        str | None, typer.Option(help="Directory of settings, keys and data [default: $RIGWATCH_HOME, else user data].")
    ] = None,
    debug: Debug = False,
    _version: Version = False,
) -> None:
    """Watches mining nodes over MQTT."""
    _asked.debug, _asked.command = debug, context.invoked_subcommand or ""
    context.obj = Invocation(Home.find(home, os.environ), debug, _asked.command)


def invocation(context: typer.Context) -> Invocation:
    """The call that a command is part of, once it is clear that it can work here. Raises `RigwatchError`.

    Not before: `--help` of a command is for everybody.
    """
    call = context.obj
    assert isinstance(call, Invocation)
    extras.check_installed(call.name)
    call.home.check_owner()
    call.home.check_access()
    if mended := call.home.close_to_others():
        typer.echo(f"rigwatch: {mended}", err=True)
    return call
