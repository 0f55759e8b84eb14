"""Locks between processes on one machine, as files that nobody else on it may open."""

import stat
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

PRIVATE = 0o600


def private_lock(path: Path, *, timeout: float, thread_local: bool = True) -> FileLock:
    """A lock of mode 0600 whatever the umask, also where the file is there already; raises as `FileLock` does.

    Any user who may open the file, be it for reading, could hold the lock, and with it off every revocation. A link is
    no lock, and what it leads to keeps its mode: root locks homes of others, to take them along.
    """
    with suppress(OSError):
        found = path.lstat().st_mode
        if stat.S_ISREG(found) and found & 0o077:
            path.chmod(PRIVATE)
    return FileLock(path, timeout=timeout, mode=PRIVATE, thread_local=thread_local)
