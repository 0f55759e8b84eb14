"""Whose turn it is to drive the alerts: a lock that ends with its holder, however that ends."""

from pathlib import Path
from typing import Protocol

import psycopg
from filelock import FileLock, Timeout
from peewee import SqliteDatabase

from rigwatch.errors import StoreError
from subscriber.store.engine import Engine
from subscriber.store.postgres import CONNECT, guard

# Any number will do that nothing else in the database locks: "rigalert" in hexadecimal.
_ADVISORY_LOCK = 0x7269_6761_6C65_7274
_TIMEOUT_S = 5


class Turn(Protocol):
    """Not to be shared by threads."""

    def holds(self) -> bool:
        """Whether it is ours, taking it where it is free. Raises `StoreError` when nobody can say."""
        ...

    def release(self) -> None:
        """Lets another have it."""
        ...


def turn_of(engine: Engine) -> Turn:
    if isinstance(engine.database, SqliteDatabase):
        return _FileTurn(Path(engine.database.database))
    return _AdvisoryTurn(engine.database.database)


class _FileTurn:
    """A lock on a file beside the database: the system gives it back when the process is gone."""

    def __init__(self, database: Path) -> None:
        self._lock = FileLock(database.with_name(f"{database.name}.alerts.lock"), timeout=0, thread_local=False)

    def holds(self) -> bool:
        if self._lock.is_locked:
            return True
        try:
            self._lock.acquire()
        except Timeout:
            return False
        except OSError as exc:
            raise StoreError(f"{self._lock.lock_file}: cannot be locked ({exc.strerror or exc})") from exc
        return True

    def release(self) -> None:
        self._lock.release()


class _AdvisoryTurn:
    """PostgreSQL's advisory lock of a session, on a connection of its own: it ends when the connection does."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: psycopg.Connection | None = None

    def holds(self) -> bool:
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return True
            connection = psycopg.connect(self._address, autocommit=True, connect_timeout=_TIMEOUT_S, **CONNECT)
            guard(connection)
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_ADVISORY_LOCK,)).fetchone()
        except psycopg.Error as exc:
            self.release()
            raise StoreError(f"alerts: the database does not say whose turn it is ({exc.__class__.__name__})") from exc
        if row and row[0]:
            self._connection = connection
            return True
        connection.close()
        return False

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
