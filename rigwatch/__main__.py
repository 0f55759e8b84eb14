"""The `rigwatch` command, also as `python -m rigwatch`, which is how the supervisor starts its parts.

`python -m` looks for every module in the folder one stands in first, and what is called rigwatch there runs before this
line: whoever types it writes `python -P -m rigwatch`. Everything else is looked for only where it is installed.
"""

import os
import sys
from importlib import import_module

import rigwatch
from rigwatch import interrupt


def main() -> None:
    """Runs the command line; Ctrl-C ends it without a word, also while it is still being loaded."""
    try:
        interrupt.repeat_until_heard()
        # By its name: nothing here knows the command line. And not before Ctrl-C can be answered.
        import_module("cli").main()
    except KeyboardInterrupt:
        sys.exit(interrupt.INTERRUPTED)
    finally:
        interrupt.over()


def _leave_current_folder() -> None:
    """Unless it is where rigwatch itself is, which then was meant to be run from there."""
    sources = os.path.dirname(os.path.dirname(os.path.realpath(rigwatch.__file__)))  # noqa: PTH120 - pathlib is not
    if not sys.flags.safe_path and os.path.realpath(sys.path[0]) != sources:  # loaded yet, and could be another's
        del sys.path[0]


if __name__ == "__main__":
    _leave_current_folder()
    main()
