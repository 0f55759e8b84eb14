"""A copy of an SQLite database, taken while others write to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from rigwatch.errors import StoreError
from store.faults import first_line


def let_go(path: Path) -> None:
    """Makes one file of a database that nobody has open, so that it can be moved; raises `StoreError` where somebody
    has."""
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as database:
            if database.execute("PRAGMA journal_mode = delete").fetchone()[0] == "delete":
                return
    except sqlite3.Error as exc:
        if "locked" not in str(exc):
            # Damaged, or no database at all: nobody works with it.
            return
    raise StoreError(f"database {path}: is in use; stop rigwatch first")


def copy_sqlite(source: Path, target: Path) -> None:
    """The file as it is at one moment, also while others write to it; checked. Raises `StoreError`."""
    try:
        with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
            # In one step: between two steps others could write, and the copy would begin anew each time. They can
            # write during it as well: a reader of a database in WAL mode keeps nobody out.
            here.backup(there, pages=-1)
            # One file that can be read anywhere, also where no -wal can be made beside it.
            there.execute("PRAGMA journal_mode = delete")
            faults = there.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as exc:
        raise StoreError(f"database {source}: cannot be copied to {target.parent} ({first_line(exc)})") from exc
    if faults != "ok":
        raise StoreError(f"database {source}: is damaged, and so would be its copy ({faults}); see 'rigwatch db check'")
