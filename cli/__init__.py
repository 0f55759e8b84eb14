"""The command line: the only place that knows every part, and it imports each only when its command is called.

Nothing is loaded here: a part that runs as a process of its own is in this package too, and needs none of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.commands import app, main

__all__ = ["app", "main"]


def __getattr__(name: str) -> object:
    """The application with all its commands, and what runs it."""
    if name in __all__:
        from cli import commands

        return getattr(commands, name)
    raise AttributeError(name)
