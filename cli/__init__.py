"""The command line: the only place that knows every part, and it imports each only when its command is called."""

import os
import sys
import traceback
from io import TextIOWrapper
from pathlib import Path

from cli import (
    accounts,
    alerts,
    db,
    discover,
    doctor,
    export,
    legacy,
    nodes,
    parts,
    push,
    setup,
    show,
    silences,
    simulate,
    sources,
    tokens,
    watch,
)
from cli.extras import why_missing
from cli.invocation import app, asked_for, wants_debug
from rigwatch.errors import RigwatchError
from rigwatch.process import code_of_failure
from rigwatch.texts import visible

__all__ = [
    "accounts",
    "alerts",
    "app",
    "db",
    "discover",
    "doctor",
    "export",
    "legacy",
    "main",
    "nodes",
    "parts",
    "push",
    "setup",
    "show",
    "silences",
    "simulate",
    "sources",
    "tokens",
    "watch",
]


def main() -> None:
    """Runs the command that the process's arguments name.

    Ends with 0 done, 1 failed, 2 wrong usage or settings. An error of ours is one line, and so is what the system
    refuses; only a defect has a traceback.
    """
    # Nothing that rigwatch makes is for others, whatever files its libraries make.
    os.umask(0o077)
    _hold_streams()
    try:
        _run()
    except* RigwatchError as group:
        # A part's tasks fail as a group; the first failure is the cause, the others follow from it.
        sys.exit(code_of_failure(_say(group)))
    except* BrokenPipeError:
        # The reader of our output has gone (`rigwatch export | head`): there is nobody left to tell.
        _forget_output()
        sys.exit(1)
    except* ModuleNotFoundError as group:
        missing = _first_leaf(group)
        assert isinstance(missing, ModuleNotFoundError)
        why = why_missing(missing, asked_for())
        if why is None:
            raise
        sys.exit(_say(why))
    except* OSError as group:
        # What nobody translated on the way: a disk that is full or read-only, a file that may not be read.
        _forget_output()
        sys.exit(code_of_failure(_say(group)))
    except* Exception as group:  # noqa: BLE001 - a defect, with all that is known of it
        _trace(group.exceptions[0] if len(group.exceptions) == 1 else group)
        sys.exit(code_of_failure(1))


def _run() -> None:
    try:
        app()
    finally:
        # Python would say a failure here at its very end, in its own words and with an exit code of its own.
        if sys.stdout:
            sys.stdout.flush()


def _hold_streams() -> None:
    """A process may be started without standard streams; the next file opened, the database say, would become one."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal of another encoding cannot show every letter that a rig's name may have.
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives


def _forget_output() -> None:
    """What was not written cannot be; Python would try once more at its end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def _trace(error: BaseException) -> None:
    # What an exception says may be others' words as well.
    for line in "".join(traceback.format_exception(error)).splitlines():
        sys.stderr.write(f"{visible(line)}\n")


def _say(error: BaseException) -> int:
    if wants_debug():
        _trace(error)
    cause = _first_leaf(error)
    text = _of_system(cause) if isinstance(cause, OSError) else str(cause)
    # A value that is wrong may be others' words.
    sys.stderr.write(f"rigwatch: {visible(text)}\n")
    return cause.exit_code if isinstance(cause, RigwatchError) else 1


def _of_system(error: OSError) -> str:
    why = error.strerror or str(error)
    return f"{error.filename}: {why}" if error.filename else f"the system refused: {why}"


def _first_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
