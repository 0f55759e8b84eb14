"""Tools of the system: run, and what they say against it in one line."""

import shlex
import subprocess
from collections.abc import Sequence

from rigwatch.errors import RigwatchError


def call(command: Sequence[str], *, fed: str = "") -> str:
    """Runs a tool of the system, for what it writes, byte for byte with `surrogateescape`; raises `RigwatchError` with
    the last line of what it said."""
    try:
        done = subprocess.run(command, input=fed.encode(errors="surrogateescape"), capture_output=True, check=False)
    except OSError as exc:
        raise RigwatchError(f"{command[0]}: cannot be run ({exc.strerror or exc})") from exc
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).rpartition(b"\n")[2].decode(errors="replace")
        raise RigwatchError(f"'{shlex.join(command)}' failed: {said or f'exit code {done.returncode}'}")
    return done.stdout.decode(errors="surrogateescape")
