"""Every command, by importing the modules that have them; each imports a part only when its command is called."""

import sys

from cli import (
    accounts,
    alerts,
    backup,
    codes,
    config,
    db,
    devices,
    discover,
    doctor,
    export,
    legacy,
    move,
    nodes,
    parts,
    push,
    rules,
    service,
    setup,
    show,
    silences,
    simulate,
    sources,
    tokens,
    upgrade_check,
    watch,
)
from cli.extras import why_missing
from cli.invocation import app, asked_for, wants_debug
from rigwatch.program import first_leaf, run, say

__all__ = [
    "accounts",
    "alerts",
    "app",
    "backup",
    "codes",
    "config",
    "db",
    "devices",
    "discover",
    "doctor",
    "export",
    "legacy",
    "main",
    "move",
    "nodes",
    "parts",
    "push",
    "rules",
    "service",
    "setup",
    "show",
    "silences",
    "simulate",
    "sources",
    "tokens",
    "upgrade_check",
    "watch",
]


def main() -> None:
    """Runs the command that the process's arguments name.

    Ends with 0 done, 1 failed, 2 wrong usage or settings. An error of ours is one line, and so is what the system
    refuses; only a defect has a traceback.
    """
    try:
        run(app, wants_debug)
    except* ModuleNotFoundError as group:
        missing = first_leaf(group)
        assert isinstance(missing, ModuleNotFoundError)
        why = why_missing(missing, asked_for())
        if why is None:
            raise
        sys.exit(say(why, wants_debug()))
