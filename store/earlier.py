"""What an SQLite database was before a newer program changed its tables: a copy each, in a folder of the home."""

import logging
import shutil
from pathlib import Path
from typing import Final

from rigwatch.errors import StoreError
from rigwatch.new_file import new_file
from store.copying import copy_sqlite

log = logging.getLogger(__name__)

KEPT: Final = 2
"""Copies; the oldest goes when there is another."""
MARGIN: Final = 100_000_000
"""Bytes that have to be free beside the copy: the change itself wants some."""


def copy_of(folder: Path, version: str) -> Path:
    """Where the copy is of a database that had come to `version`, the name of a migration."""
    return folder / f"rigwatch-{version}.db"


def lacking(database: Path, folder: Path) -> int:
    """How many bytes of room a copy lacks; 0: there is enough."""
    size = database.stat().st_size + _log_of(database)
    above = next(each for each in (folder, *folder.parents) if each.exists())
    return max(0, size + MARGIN - shutil.disk_usage(above).free)


def keep(database: Path, folder: Path, version: str) -> Path:
    """Copies it, and removes the oldest of the copies. Raises `StoreError` where there is no room, or no copy."""
    if lacks := lacking(database, folder):
        raise StoreError(
            f"database {database}: is copied before it is changed, for which {lacks // 1_000_000 + 1} MB more "
            f"have to be free in {folder}; make room, or run 'rigwatch db upgrade --without-copy'"
        )
    target = copy_of(folder, version)
    folder.mkdir(mode=0o700, exist_ok=True)
    target.unlink(missing_ok=True)
    with new_file(target) as made:
        copy_sqlite(database, made)
    others = sorted(
        set(folder.glob("rigwatch-[0-9][0-9][0-9][0-9]_*.db")) - {target}, key=lambda each: each.stat().st_mtime_ns
    )
    for old in others[: max(0, len(others) + 1 - KEPT)]:
        old.unlink(missing_ok=True)
    return target


def how_back(database: Path, copy: Path) -> str:
    """What to do to go on with the program of before; what was stored since is gone then."""
    logs = f"rm -f {database}-wal {database}-shm"
    return f"to go back: stop rigwatch, install the version of before, then: cp {copy} {database}; {logs}"


def _log_of(database: Path) -> int:
    log_file = database.with_name(f"{database.name}-wal")
    return log_file.stat().st_size if log_file.exists() else 0
