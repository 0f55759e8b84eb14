"""The old tool's `hashlog`, SQLite or PostgreSQL: read page by page, never written to, in nobody's way.

An SQLite file is locked against its writer only while a page is read, some 5 ms, and at the start for 0.3 s a million
rows to see which nodes there are; the old server waits longer than that. On PostgreSQL one read-only transaction sees
the table as it was at the start.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import psycopg

from legacy.rows import LogRow
from rigwatch.errors import StoreError
from store.engine import BUSY_TIMEOUT_S, without_password
from store.faults import first_line
from store.postgres import CONNECT

PAGE: Final = 4000
"""Rows: what is read at once is stored at once, 0.1 s of work, and others have their turn behind it."""

_NAME_MAX: Final = 200
_TABLE = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND lower(name) = 'hashlog'"
_LATEST_NAMES = "SELECT nodeid, nodename, max(rowid) FROM hashlog GROUP BY nodeid"
_COUNT = "SELECT count(*) FROM hashlog"
_PAGE = """
SELECT rowid, nodeid, nodename, ts, hashrate, peercount, blocknumber FROM hashlog WHERE rowid > ? ORDER BY rowid LIMIT ?
"""
_LATEST_NAMES_POSTGRES = "SELECT DISTINCT ON (nodeid) nodeid, nodename FROM hashlog ORDER BY nodeid, id DESC"
_ROWS_POSTGRES = """
SELECT id, nodeid, nodename, extract(epoch FROM ts)::float8, hashrate::float8, peercount::float8, blocknumber::float8
FROM hashlog ORDER BY id
"""


class Hashlog(Protocol):
    """An open old database. Everything raises `StoreError` when it cannot be read."""

    where: str

    def count(self) -> int: ...
    def names(self) -> dict[int, str]:
        """Each node's id, and what it was called last."""
        ...

    def pages(self) -> Iterator[list[LogRow]]: ...


def is_hashlog(path: Path) -> bool:
    """Whether an SQLite file is an old database. Raises `StoreError` when it cannot be read."""
    with _reading(path) as connection:
        return bool(connection.execute(_TABLE).fetchone()[0])


@contextmanager
def open_hashlog(where: Path | str) -> Iterator[Hashlog]:
    """A file, or a `postgresql://` address. Raises `StoreError`."""
    if isinstance(where, Path):
        with _reading(where) as connection:
            yield _File(connection, str(where))
        return
    try:
        shown = without_password(where)
    except ValueError:
        advice = "write postgresql://user:password@host/hashdb, other characters than letters and digits as %40"
        raise StoreError(f"old database: its address cannot be read; {advice}") from None
    with (
        _errors(shown),
        psycopg.connect(
            where, connect_timeout=BUSY_TIMEOUT_S, options="-c default_transaction_read_only=on", **CONNECT
        ) as connection,
    ):
        # One moment's rows for all that is asked; a failure on the way is the connection's end, and changes nothing.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield _Server(connection, shown)


class _File:
    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self.where = where

    def count(self) -> int:
        return int(self._connection.execute(_COUNT).fetchone()[0])

    def names(self) -> dict[int, str]:
        return _names((number, name) for number, name, _ in self._connection.execute(_LATEST_NAMES).fetchall())

    def pages(self) -> Iterator[list[LogRow]]:
        last = -(2**63)
        while rows := self._connection.execute(_PAGE, (last, PAGE)).fetchall():
            last = rows[-1][0]
            yield [LogRow(*row) for row in rows]


class _Server:
    def __init__(self, connection: "psycopg.Connection[Any]", where: str) -> None:
        self._connection = connection
        self.where = where

    def count(self) -> int:
        row = self._connection.execute(_COUNT).fetchone()
        return int(row[0]) if row else 0

    def names(self) -> dict[int, str]:
        return _names(iter(self._connection.execute(_LATEST_NAMES_POSTGRES).fetchall()))

    def pages(self) -> Iterator[list[LogRow]]:
        # A cursor of the server's: the rows stay there until they are asked for.
        with self._connection.cursor(name="hashlog") as cursor:
            cursor.execute(_ROWS_POSTGRES)
            while rows := cursor.fetchmany(PAGE):
                yield [LogRow(*row) for row in rows]


def _names(rows: Iterator[tuple[object, object]]) -> dict[int, str]:
    # SQLite holds no text to the length of its column.
    return {
        number: str(name or "").replace("\0", "")[:_NAME_MAX]
        for number, name in rows
        if type(number) is int and number > 0
    }


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with _errors(str(path)), closing(_connect(path)) as connection:
        # Nobody promised UTF-8.
        connection.text_factory = lambda data: data.decode("utf-8", errors="replace")
        yield connection


def _connect(path: Path) -> sqlite3.Connection:
    """Read-only. A file whose folder takes no `-shm` beside it can be read as it is when nobody has it open."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S)
    try:
        connection.execute(_TABLE)
    except sqlite3.OperationalError:
        connection.close()
        if any(path.with_name(f"{path.name}{tail}").exists() for tail in ("-wal", "-journal")):
            raise
        connection = sqlite3.connect(f"{address}&immutable=1", uri=True)
    return connection


@contextmanager
def _errors(where: str) -> Iterator[None]:
    try:
        yield
    except psycopg.ProgrammingError as exc:
        if exc.sqlstate is None:
            # Of the address itself, which it repeats.
            raise StoreError(f"old database {where}: its address cannot be read") from None
        raise StoreError(f"old database {where}: is not as the old tool left it ({first_line(exc)})") from exc
    except (sqlite3.Error, psycopg.Error) as exc:
        raise StoreError(f"old database {where}: cannot be read ({first_line(exc)})") from exc
