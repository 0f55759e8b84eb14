"""Locks between processes on one machine, as files that nobody else on it may open."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock

PRIVATE = 0o600


def private_lock(path: Path, *, timeout: float, thread_local: bool = True) -> FileLock:
    """A lock of mode 0600 whatever the umask, also where the file is there already; raises as `FileLock` does.

    Any user who may open the file, be it for reading, could hold the lock, and with it off every revocation.
    """
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE)
    return FileLock(path, timeout=timeout, mode=PRIVATE, thread_local=thread_local)
