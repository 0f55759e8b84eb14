"""Ctrl-C before a part takes it into its own hands: it ends the program without a word, wherever it comes.

Python ignores an exception that is raised in some places of its own, such as the end of an import, and says so on
standard error; the program would then go on as if nobody had asked it to stop.
"""

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

INTERRUPTED: Final = 130
"""What shells say of a program that Ctrl-C ended."""
_AGAIN_S: Final = 0.3
"""What has not ended by then is asked once more; closing a database takes less."""


def repeat_until_heard() -> None:
    """From now on; only the main thread may ask for it."""
    sys.unraisablehook = _told
    signal.signal(signal.SIGINT, _interrupt)
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, _interrupt)


def over() -> None:
    """The program ends, for this reason or another; nothing is repeated into its last moments."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
    raise KeyboardInterrupt


def _told(ignored: "UnraisableHookArgs") -> None:
    if ignored.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(ignored)
