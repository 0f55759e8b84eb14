"""The command line: the only place that knows every part, and it imports each only when its command is called."""

import sys
import traceback

from rigwatch.cli import (
    accounts,
    alerts,
    db,
    doctor,
    export,
    legacy,
    nodes,
    parts,
    quiet,
    setup,
    show,
    simulate,
    tokens,
    watch,
)
from rigwatch.cli.invocation import app, wants_debug
from rigwatch.errors import RigwatchError

__all__ = [
    "accounts",
    "alerts",
    "app",
    "db",
    "doctor",
    "export",
    "legacy",
    "main",
    "nodes",
    "parts",
    "quiet",
    "setup",
    "show",
    "simulate",
    "tokens",
    "watch",
]


def main() -> None:
    """Runs the command that the process's arguments name.

    Ends with 0 done, 1 failed, 2 wrong usage or settings. An error of ours is one line; only a defect has a traceback.
    """
    try:
        app()
    except* RigwatchError as group:
        # A part's tasks fail as a group; the first failure is the cause, the others follow from it.
        sys.exit(_say(group))
    except* BrokenPipeError:
        # The reader of our output has gone (`rigwatch export | head`): there is nobody left to tell.
        sys.stderr.close()
        sys.exit(1)


def _say(group: BaseException) -> int:
    if wants_debug():
        traceback.print_exception(group)
    error = _first_leaf(group)
    sys.stderr.write(f"rigwatch: {error}\n")
    return error.exit_code if isinstance(error, RigwatchError) else 1


def _first_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
