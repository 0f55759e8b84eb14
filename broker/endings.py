"""How a connection ended, for whoever wants to know why: the broker's reasons, told apart. Pure."""

from typing import Final

from rigwatch.ending import Ending

KEEP_ALIVE: Final = "keep-alive"
"""The reason of a connection on which nothing came in time."""
CONNECTION_LOST: Final = "connection lost"
"""The reason of a connection that the other side closed."""
# By the other side's system; what the network answers in its place, or nobody, is a machine that cannot be reached.
_CLOSED: Final = frozenset({CONNECTION_LOST, "ConnectionResetError", "BrokenPipeError", "ConnectionAbortedError"})
_UNREACHED: Final = frozenset({KEEP_ALIVE, "TimeoutError", "OSError"})


def ending_of(reason: str) -> Ending:
    """By the reason with which a connection was ended."""
    if reason in _CLOSED:
        return Ending.CLOSED
    return Ending.TIMED_OUT if reason in _UNREACHED else Ending.REFUSED
