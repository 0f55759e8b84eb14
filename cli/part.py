"""One part of the server as a process of its own, `python -P -m cli.part --home=DIR [--debug] NAME`, as the supervisor
starts it: what the command line is made of is not loaded, and of the other parts nothing."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rigwatch import logs, process, program
from rigwatch.clock import SystemClock
from rigwatch.errors import SettingsError
from rigwatch.home import Home

Part = Callable[[Home, bool], None]
"""Runs until it is told to stop; with True it says more. Raises `RigwatchError`."""


def broker(home: Home, debug: bool) -> None:  # noqa: FBT001 - a Part
    from broker.service import new_event_loop, serve
    from rigwatch.settings.server import load_server

    settings, clock = load_server(home, os.environ), SystemClock()
    if settings.broker.mode != "embedded":
        raise SettingsError(f"{home.server_toml}: broker.mode is 'external', so there is no broker to run here")
    logs.to_stderr("broker", debug=debug)
    process.run(
        lambda stop: serve(home, settings, clock=clock, stop=stop, ready=lambda _: process.ready()), loop=new_event_loop
    )


def subscribe(home: Home, debug: bool) -> None:  # noqa: FBT001 - a Part
    from rigwatch.layers import ServerLayers
    from rigwatch.settings.server import load_server
    from subscriber.service import new_event_loop
    from subscriber.service import subscribe as run

    settings, layers, clock = load_server(home, os.environ), ServerLayers(home, os.environ), SystemClock()
    logs.to_stderr("subscriber", debug=debug)
    process.run(lambda stop: run(home, settings, clock=clock, stop=stop, layers=layers), loop=new_event_loop)


def web(home: Home, debug: bool) -> None:  # noqa: FBT001 - a Part
    from rigwatch.layers import ServerLayers
    from rigwatch.settings.server import load_server
    from web.server import serve

    settings, layers, clock = load_server(home, os.environ), ServerLayers(home, os.environ), SystemClock()
    logs.to_stderr("web", debug=debug)
    process.run(lambda stop: serve(home, settings, clock=clock, stop=stop, layers=layers))


def publish(home: Home, debug: bool) -> None:  # noqa: FBT001 - a Part
    from publisher.agent import publish as run
    from rigwatch.settings.publisher import load_publisher

    settings, clock = load_publisher(home, os.environ), SystemClock()
    logs.to_stderr("publisher", debug=debug)
    process.run(lambda stop: run(home, settings, clock=clock, stop=stop))


PARTS: Final[dict[str, Part]] = {"broker": broker, "subscribe": subscribe, "web": web, "publish": publish}


def command(home: Home, name: str, *, debug: bool) -> list[str]:
    """The command line that runs one of `PARTS` with this same Python."""
    return [sys.executable, "-P", "-m", "cli.part", f"--home={home.path}", *(["--debug"] if debug else []), name]


def main(arguments: Sequence[str]) -> None:
    """Runs what `command` has put together."""
    home, debug, name = arguments[0].removeprefix("--home="), "--debug" in arguments[1:-1], arguments[-1]
    program.run(lambda: PARTS[name](Home(Path(home)), debug), lambda: debug)


if __name__ == "__main__":
    main(sys.argv[1:])
