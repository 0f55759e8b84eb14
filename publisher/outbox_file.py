"""The SQLite file behind one node's outbox: opening, locking, reading, writing. What to keep is decided in `outbox`."""

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from rigwatch.clock import Millis, as_datetime
from rigwatch.errors import RigwatchError
from rigwatch.topics import NodeId

VERSION: Final = 1
_SCHEMA: Final = f"""
    CREATE TABLE sample (n INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    PRAGMA user_version = {VERSION};
"""
# A publisher that is being restarted may still hold the file for a moment.
_BUSY_SECONDS: Final = 1.0
_VARIABLES_MAX: Final = 500
# Windows knows no quota by this name.
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class OutboxBusyError(RigwatchError):
    """Another process has the file: two publishers of one node would throw each other out without end."""


class OutboxUnusableError(RigwatchError):
    """The file cannot be opened for a reason that waiting does not mend: rights, a newer format."""


class DiskRefusedError(RigwatchError):
    """The disk did not take a change or give a row; the file itself is in order, and the change may be tried again."""


class FileDamagedError(RigwatchError):
    """The file is not, or no longer, a sound database."""


@dataclass(slots=True)
class Changes:
    """What is to be written in one transaction."""

    new: dict[int, bytes] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    counters: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.counters)


class OutboxFile:
    """An open file; it is this process's alone until `close`. A change is on the disk when `write` has returned."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Opens or creates the file, in memory when there is no path; checks it whole (about 10 ms a MB).

        Raises OutboxBusyError, OutboxUnusableError, FileDamagedError, or DiskRefusedError (a full disk, say).
        """
        where = ":memory:" if path is None else str(path)
        if path is not None:
            _make_private(path)
        with _translated(where):
            connection = sqlite3.connect(where, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with _translated(where):
                _prepare(connection, where)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def sizes(self) -> dict[int, int]:
        """Bytes of each sample, by n, oldest first."""
        with _translated("outbox"):
            # One flipped bit makes a text or a number of what was bytes, and SQLite calls the file sound.
            rows = self._connection.execute("SELECT n, length(CAST(body AS BLOB)) FROM sample ORDER BY n")
            return dict(rows.fetchall())

    def counters(self) -> dict[str, int]:
        """What is no number any more counts as 0."""
        with _translated("outbox"):
            return dict(self._connection.execute("SELECT name, CAST(value AS INTEGER) FROM counter").fetchall())

    def read(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The bodies of these samples, as far as they are there."""
        found: dict[int, bytes] = {}
        for start in range(0, len(numbers), _VARIABLES_MAX):
            some = numbers[start : start + _VARIABLES_MAX]
            marks = ",".join("?" * len(some))
            with _translated("outbox"):
                asked = f"SELECT n, CAST(body AS BLOB) FROM sample WHERE n IN ({marks})"  # noqa: S608 - only question marks
                found.update(self._connection.execute(asked, some).fetchall())
        return found

    def write(self, changes: Changes) -> None:
        """All of it or nothing. Raises DiskRefusedError or FileDamagedError."""
        with _translated("outbox"), self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO sample VALUES (?, ?)", changes.new.items())
            self._connection.executemany("DELETE FROM sample WHERE n = ?", [(n,) for n in changes.gone])
            self._connection.executemany("INSERT OR REPLACE INTO counter VALUES (?, ?)", changes.counters.items())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk ends the transaction by itself, sometimes; a second ROLLBACK would hide the first error.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise


def set_aside(path: Path, now: Millis) -> Path:
    """Renames a damaged file and what SQLite keeps beside it; raises OSError."""
    stamp = as_datetime(now).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    return aside


def path_of(folder: Path, node: NodeId) -> Path:
    """Where a node's outbox is: no dot can be in either name, so no two nodes share one."""
    return folder / f"{node.site}.{node.node}.db"


def move(path: Path, successor: Path) -> None:
    """Gives what waits in one file to another node's name; nothing where there is none, or where that has one already.

    Raises OutboxBusyError while a publisher uses it, and what `OutboxFile.open` and the disk raise.
    """
    if not path.exists() or successor.exists():
        return
    # Opening takes the lock, closing writes everything into the one file.
    OutboxFile.open(path).close()
    path.replace(successor)


def _prepare(connection: sqlite3.Connection, where: str) -> None:
    # EXCLUSIVE before WAL: the lock is then held from the first access to the last, and no shared memory is needed.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 256")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise FileDamagedError(str(verdict))
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
    elif version > VERSION:
        raise OutboxUnusableError(f"{where}: was written by a newer rigwatch; install that one again, or move the file")


def _make_private(path: Path) -> None:
    """SQLite would make the file readable by everybody, and whoever can read it can lock it.

    A file that is there is not opened: closing it again would let go of the lock that this process may have on it.
    What the disk refuses here it refuses SQLite as well, which says it better.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _takes_no_file(path: Path) -> bool:
    """Whether the disk is full, or the user's part of it, for files beside this one that are not there yet."""
    probe = path.with_name(f"{path.name}.room")
    try:
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as exc:
        return exc.errno in _FULL
    return False


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as exc:
        name = getattr(exc, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise OutboxBusyError(f"{where}: another process has it") from exc
        # A disk without room for another file is full like any other, though SQLite only says that it cannot open one.
        if name.startswith("SQLITE_CANTOPEN") and _takes_no_file(Path(where)):
            raise DiskRefusedError("no room for another file") from exc
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
            raise OutboxUnusableError(f"{where}: cannot be opened for writing ({exc})") from exc
        raise DiskRefusedError(str(exc)) from exc
    except sqlite3.DatabaseError as exc:
        raise FileDamagedError(str(exc)) from exc
