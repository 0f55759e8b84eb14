"""Brings a database to the schema of this program, once, whoever comes first; or says in one line why not."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peewee import Database, SqliteDatabase
from playhouse.migrations import Runner

from rigwatch.errors import StoreError
from store import earlier
from store.engine import StoreEngine, single

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
HISTORY = "schema_migration"
_SQLITE_MAGIC = b"SQLite format 3\0"
_ENCODING = "UTF8"
# Any number will do, as long as nothing else in the same PostgreSQL database locks it: "rigwatch" in hexadecimal.
_ADVISORY_LOCK = 0x7269_6777_6174_6368


def migrate(engine: StoreEngine, copies: Path | None = None) -> None:
    """Applies what is missing in one transaction, under a lock that other processes wait for. An SQLite file with
    something in it is copied into `copies` first.

    Raises `StoreError`, and changes nothing, when the database is somebody else's, or newer than this program.
    """
    if isinstance(engine.database, SqliteDatabase):
        _check_file(Path(engine.database.database))
    database = single(engine)
    runner = Runner(database, os.fspath(MIGRATIONS), table_name=HISTORY)
    with engine.errors(), database.connection_context():
        _check_encoding(database, engine.where)
        if _is_current(database, runner, engine.where):
            return
        if isinstance(database, SqliteDatabase):
            # It stays in the file; whoever opens it later has nothing to change.
            database.pragma("journal_mode", "wal")
        with _locked(database):
            if not _is_current(database, runner, engine.where):
                _change(database, runner, copies, engine.where)


def _change(database: Database, runner: Runner, copies: Path | None, where: str) -> None:
    before = [each.name for each in runner.status() if each.applied]
    if not before:
        runner.up()
        return
    copy = None
    if isinstance(database, SqliteDatabase) and copies is not None:
        copy = earlier.keep(Path(database.database), copies, before[-1])
    applied = runner.up()
    log.warning("database was brought up to date where=%s from=%s to=%s", where, before[-1], applied[-1])
    if copy is not None:
        log.warning("database as it was before is kept; %s", earlier.how_back(Path(where), copy))


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Names of the migrations that a database has, and of those that it lacks."""

    applied: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def version(self) -> str:
        """The last one applied; "empty" where there is none."""
        return self.applied[-1] if self.applied else "empty"


def standing(engine: StoreEngine) -> SchemaStatus:
    """How far a database is, which is left as it is. Raises `StoreError` as `migrate` does, and where no file is."""
    if isinstance(engine.database, SqliteDatabase):
        path = Path(engine.database.database)
        if not path.exists():
            raise StoreError(f"database {path}: is not there; 'rigwatch init' or 'rigwatch up' makes one")
        _check_file(path)
    database = single(engine)
    runner = Runner(database, os.fspath(MIGRATIONS), table_name=HISTORY)
    with engine.errors(), database.connection_context():
        _check_encoding(database, engine.where)
        _is_current(database, runner, engine.where)
        status = runner.status()
    return SchemaStatus(
        tuple(each.name for each in status if each.applied), tuple(each.name for each in status if not each.applied)
    )


def known() -> set[str]:
    """Names of the migrations that this program has."""
    return {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}


def _check_encoding(database: Database, where: str) -> None:
    """Before anything is made in it: a database of another encoding has no room for some name, of whichever rig."""
    if isinstance(database, SqliteDatabase):
        return
    encoding = database.execute_sql("SHOW server_encoding").fetchone()[0]
    if encoding != _ENCODING:
        raise StoreError(
            f"database {where}: its encoding is {encoding}, and rigwatch needs {_ENCODING}; make one with "
            f"CREATE DATABASE name ENCODING '{_ENCODING}' TEMPLATE template0"
        )


def _is_current(database: Database, runner: Runner, where: str) -> bool:
    tables = set(database.get_tables())
    if HISTORY not in tables:
        if tables:
            raise StoreError(f"database {where}: belongs to another program; give rigwatch one of its own")
        return False
    status = runner.status()
    newer = [each.name for each in status if each.path is None]
    if newer:
        raise StoreError(f"database {where}: was written by a newer rigwatch (it has {newer[-1]}); update this one")
    return all(each.applied for each in status)


@contextmanager
def _locked(database: Database) -> Iterator[None]:
    if isinstance(database, SqliteDatabase):
        with database.atomic("exclusive"):
            yield
        return
    with database.atomic():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
        yield


_looked_at: set[tuple[int, int]] = set()
"""Files, by device and inode, that this process has opened itself. It must not again: closing a file takes away all
locks that the process has on it (POSIX), also those of SQLite. Another process would then take itself for the last one
and remove the write-ahead log, into which this one goes on writing, for nobody."""


def _check_file(path: Path) -> None:
    """Looks before SQLite does: opening a file in WAL mode would already write to it."""
    try:
        if _identity(path) in _looked_at:
            return
        with path.open("rb") as file:
            magic = file.read(len(_SQLITE_MAGIC))
        _looked_at.add(_identity(path))
    except FileNotFoundError:
        _create(path)
        _looked_at.add(_identity(path))
        return
    except OSError as exc:
        raise StoreError(f"database {path}: cannot be opened ({exc.strerror or exc})") from exc
    if magic and magic != _SQLITE_MAGIC:
        raise StoreError(f"database {path}: is not an SQLite database; move it away or choose another file")


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _create(path: Path) -> None:
    # SQLite would create it readable by everybody; its -wal and -shm files take over the mode.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except FileNotFoundError:
        raise StoreError(f"database {path}: its folder does not exist; create it first") from None
    except OSError as exc:
        raise StoreError(f"database {path}: cannot be created ({exc.strerror or exc})") from exc
