"""The agent's one file in tests: that of `make agent`, where it is there, and one that runs from the sources."""

import sys
from pathlib import Path

import pytest

from web.agent.files import BUILT

needs_built = pytest.mark.skipif(not BUILT.exists(), reason="'make agent' has not built it here")
"""Also in CI, which builds it where the interpreter is in its cache."""


def file_from_sources(path: Path) -> Path:
    """A file that does all that the built one does, with this Python."""
    path.write_text(
        "#!/bin/sh\nid=sources\n"
        'case $0 in */*) self=$0 ;; *) self=$(command -v "$0") ;; esac\n'
        f'RIGWATCH_AGENT_FILE=$self exec {sys.executable} -P -m publisher.command "$@"\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path
