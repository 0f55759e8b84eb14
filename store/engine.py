"""One database, SQLite or PostgreSQL, as the rest of the store sees it: connections, transactions, errors."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
from peewee import Database, PeeweeException, PostgresqlDatabase, SqliteDatabase
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

from rigwatch.errors import StoreError
from rigwatch.home import Home
from store.faults import DatabaseFault, Unusable, translated
from store.postgres import CONNECT, Guarded, GuardedPool, talking
from store.transaction import POSTGRES, SQLITE, Dialect, Transaction

# How long a transaction waits for another process's before it is given up and tried again by its owner.
BUSY_TIMEOUT_S = 5
_CONNECTIONS = 32
_PRAGMAS = {
    "journal_mode": "wal",
    # An ack promises that the sample survives a power cut; NORMAL would lose the last commits.
    "synchronous": "full",
    "foreign_keys": 1,
    "cache_size": -16_000,  # KiB
    # Pages before the log is copied into the file, 32 MB. A fleet writes to the same pages minute after minute; copying
    # them every tenth time instead of every time saves a third of all writing.
    "wal_autocheckpoint": 8000,
    "journal_size_limit": 64 * 1024 * 1024,
}


class StoreEngine:
    """A pool of connections, one a thread at a time. Every error of the driver leaves it as a `StoreError`."""

    def __init__(self, database: Database, dialect: Dialect, where: str) -> None:
        self.database = database
        self.dialect = dialect
        self.where = where
        self._file: tuple[int, int] | None = None
        self._watch: sqlite3.Connection | None = None
        self._watching = threading.Lock()

    def pin(self) -> None:
        """From now on only this very file will do: one that is removed or replaced takes writes, and loses them."""
        self._file = self._identity()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self.errors(), self._connected():
            yield Transaction(self.database.cursor(), self.dialect)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """All or nothing: committed on leaving, rolled back by an exception."""
        if self._identity() != self._file:
            raise Unusable(
                f"database {self.where}: the file was removed or replaced while in use, nothing is stored; put it back "
                "or restart rigwatch to go on with what is there now",
                DatabaseFault.REMOVED,
            )
        with self.errors(), self._connected(), self.database.atomic(*self.dialect.begin), self._talking():
            yield Transaction(self.database.cursor(), self.dialect)

    def revision(self) -> int | None:
        """Differs after anybody's commit, within this process; None where the database has nothing as cheap (5 µs)."""
        if self.dialect is not SQLITE:
            return None
        with self.errors(), self._watching:
            if self._watch is None:
                self._watch = sqlite3.connect(self.where, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
            # Tells of commits by other connections, and this one makes none.
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """A thread has one connection: whoever reads while it reads or writes already uses the same."""
        if not self.database.is_closed():
            yield
            return
        with self.database.connection_context():
            yield

    def _talking(self) -> AbstractContextManager[None]:
        if self.dialect is SQLITE or self.database.transaction_depth() > 1:
            return nullcontext()
        return talking(self.database.connection())

    def _identity(self) -> tuple[int, int] | None:
        """Which file has the name now; None where there is none, or no file at all."""
        if self.dialect is not SQLITE:
            return None
        try:
            stat = Path(self.where).stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except (PeeweeException, sqlite3.Error, psycopg.Error, OSError, OverflowError, UnicodeError) as exc:
            raise translated(exc, self.where) from exc

    def close(self) -> None:
        """Ends every connection, also those of other threads."""
        with self.errors(), self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
            pool = self.database
            assert isinstance(pool, PooledSqliteDatabase | PooledPostgresqlDatabase)
            pool.close_all()


def connect(url: str, home: Home) -> StoreEngine:
    """The pool behind `[database] url`; nothing is opened yet. Raises `StoreError` for an address it cannot use."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        path = sqlite_path(url, home)
        pool = PooledSqliteDatabase(
            os.fspath(path),
            pragmas=_PRAGMAS,
            timeout=BUSY_TIMEOUT_S,
            max_connections=_CONNECTIONS,
            # The pool hands a connection from thread to thread, never to two at once.
            check_same_thread=False,
        )
        return StoreEngine(pool, SQLITE, os.fspath(path))
    if scheme in {"postgresql", "postgres"}:
        pool = GuardedPool(
            f"postgresql://{rest}",
            max_connections=_CONNECTIONS,
            stale_timeout=300,
            timeout=BUSY_TIMEOUT_S,
            prefer_psycopg3=True,
            connect_timeout=BUSY_TIMEOUT_S,
            **CONNECT,
        )
        return StoreEngine(pool, POSTGRES, without_password(url))
    raise StoreError(f"database {scheme or '(empty)'}: use sqlite:///file or postgresql://user:password@host/database")


def single(engine: StoreEngine) -> Database:
    """A connection of its own to the same database, without foreign keys enforced, for migrations.

    SQLite changes a column by building the table anew; with foreign keys on, dropping the old one would empty others.
    """
    if isinstance(engine.database, SqliteDatabase):
        return SqliteDatabase(engine.database.database, timeout=60, pragmas={"synchronous": "full"})
    assert isinstance(engine.database, PostgresqlDatabase)
    return Guarded(engine.database.database, prefer_psycopg3=True, connect_timeout=BUSY_TIMEOUT_S, **CONNECT)


def sqlite_path(url: str, home: Home) -> Path:
    """The file of a `sqlite:///` address: relative to the home, absolute after a fourth slash or a drive letter."""
    _, slashes, name = url.partition(":///")
    if not slashes or not name or name == ":memory:" or "?" in name:
        raise StoreError(f"database {url}: write sqlite:///file (in the home) or sqlite:////whole/path/file")
    return home.path / unquote(name)


def without_password(url: str) -> str:
    """The address as it may be shown; of several servers all."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"
