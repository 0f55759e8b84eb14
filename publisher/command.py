"""`rigwatch-agent`: the publisher as a program of its own, without the command line of the server.

Only what a rig is asked to do; each command imports what it needs.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import rigwatch
from rigwatch import interrupt


@dataclass(frozen=True, slots=True)
class _Command:
    """`module` has `arguments(parser)` and `run(options)`, and is imported only for this command."""

    module: str
    told: str


_COMMANDS: Final = {
    "publish": _Command("publisher.commands.publish", "publish this machine's nodes"),
    "install": _Command("publisher.commands.install", "install this file as a service, joined by a one-time code"),
    "join": _Command("publisher.commands.join", "exchange a code for this machine's token, without a service"),
    "uninstall": _Command("publisher.commands.uninstall", "stop the service and remove all of it"),
    "sources": _Command("publisher.commands.sources", "read every source of publisher.toml once"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what the process's arguments name; Ctrl-C ends it without a word, also while it is still being loaded."""
    try:
        interrupt.repeat_until_heard()
        _main(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        sys.exit(interrupt.INTERRUPTED)
    finally:
        interrupt.over()


def _main(arguments: Sequence[str]) -> None:
    if list(arguments) == ["--version"]:
        sys.stdout.write(f"rigwatch-agent {rigwatch.__version__}\n")
        return
    options = _parser(arguments).parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = import_module(_COMMANDS[options.command].module).run
    from rigwatch import program  # noqa: PLC0415 - not for what is only asked for its version

    program.run(lambda: run(options), lambda: bool(options.debug))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("rigwatch-agent", description="The agent of rigwatch on a mining host.")
    version = f"rigwatch-agent {rigwatch.__version__}"
    parser.add_argument("--version", action="version", version=version, help="show the version")
    parser.add_argument("--home", help="directory of settings, keys and data [default: $RIGWATCH_HOME, else user data]")
    parser.add_argument("--debug", action="store_true", help="show tracebacks and more log lines")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        child = commands.add_parser(name, help=command.told, description=command.told.capitalize() + ".")
        if name in arguments:
            import_module(command.module).arguments(child)
    return parser


if __name__ == "__main__":
    if not sys.flags.safe_path and not sys.flags.isolated:
        sys.path[:] = [each for each in sys.path if each not in ("", os.getcwd())]  # noqa: PTH109 - pathlib is not loaded
    main()
