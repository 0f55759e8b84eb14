"""The door of every command line: what fails is one line and an exit code, only a defect has a traceback."""

import os
import sys
import traceback
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from rigwatch.errors import RigwatchError
from rigwatch.process import code_of_failure
from rigwatch.texts import visible


def run(body: Callable[[], object], wants_debug: Callable[[], bool]) -> None:
    """Runs `body`; a failure ends the process with 1, or with 2 for wrong usage or settings.

    `ModuleNotFoundError` passes: what to install, the command line knows.
    """
    # Nothing that rigwatch makes is for others, whatever files its libraries make.
    os.umask(0o077)
    _hold_streams()
    try:
        _flushed(body)
    except* RigwatchError as group:
        # A part's tasks fail as a group; the first failure is the cause, the others follow from it.
        sys.exit(code_of_failure(say(group, wants_debug())))
    except* BrokenPipeError:
        # The reader of our output has gone (`rigwatch export | head`): there is nobody left to tell.
        _forget_output()
        sys.exit(1)
    except* ModuleNotFoundError:
        raise
    except* OSError as group:
        # What nobody translated on the way: a disk that is full or read-only, a file that may not be read.
        _forget_output()
        sys.exit(code_of_failure(say(group, wants_debug())))
    except* Exception as group:  # noqa: BLE001 - a defect, with all that is known of it
        _trace(group.exceptions[0] if len(group.exceptions) == 1 else group)
        sys.exit(code_of_failure(1))


def say(error: BaseException, debug: bool) -> int:  # noqa: FBT001 - asked for in so many words
    """One line on standard error, with a traceback before it where that is wanted; gives the exit code."""
    if debug:
        _trace(error)
    cause = first_leaf(error)
    text = _of_system(cause) if isinstance(cause, OSError) else str(cause)
    # A value that is wrong may be others' words.
    sys.stderr.write(f"rigwatch: {visible(text)}\n")
    return cause.exit_code if isinstance(cause, RigwatchError) else 1


def first_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _flushed(body: Callable[[], object]) -> None:
    try:
        body()
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


def _of_system(error: OSError) -> str:
    why = error.strerror or str(error)
    return f"{error.filename}: {why}" if error.filename else f"the system refused: {why}"
