"""What an operator does to the whole database: look whether it is sound, tidy it, copy it, bring it up to date."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from peewee import Database, SqliteDatabase

from rigwatch.errors import RigwatchError, StoreError
from rigwatch.home import Home
from store.engine import StoreEngine, connect, single
from store.faults import first_line
from store.schema import SchemaStatus, migrate, standing

_FAULTS = 10
"""Lines of SQLite's report that are shown; a broken file has thousands."""
_COUNTED = ("node", "sample", "incident", "account")


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """What `check` found. Empty counts: nothing was counted."""

    where: str
    standing: SchemaStatus
    faults: tuple[str, ...]
    counts: dict[str, int]
    size: int
    enrolled: int = 0
    """Nodes that are known to be enrolled."""


def check(url: str, home: Home) -> DatabaseHealth:
    """Reads all of the database, and changes nothing; some seconds for each GB. Raises `StoreError`."""
    engine = connect(url, home)
    at = standing(engine)
    with _alone(engine) as database:
        faults = tuple(_faults(database)) if isinstance(database, SqliteDatabase) else ()
        # Without its tables there is nothing to count, and a broken one could not be.
        counts = {} if faults or at.missing else {table: _count(database, table) for table in _COUNTED}
        enrolled = _count(database, "node WHERE enrolled_at IS NOT NULL") if counts else 0
        return DatabaseHealth(engine.where, at, faults, counts, _size(database), enrolled)


def vacuum(url: str, home: Home) -> tuple[int, int]:
    """Gives back what forgotten samples took; bytes before and after. Raises `StoreError`.

    SQLite builds the file anew: for that long nobody else can write, and the disk needs room for two more of it.
    PostgreSQL makes the room usable again without stopping anybody.
    """
    engine = connect(url, home)
    standing(engine)
    with _alone(engine) as database:
        before = _size(database)
        if isinstance(database, SqliteDatabase):
            database.execute_sql("VACUUM")
            # The new pages are in the log until then, and the file as large as it was.
            database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            # Only ours: the server's own tables are its administrator's, and it would complain of each.
            database.execute_sql(f"VACUUM (ANALYZE) {', '.join(_tables(database))}")
        return before, _size(database)


def upgrade(url: str, home: Home) -> tuple[SchemaStatus, SchemaStatus]:
    """Brings the schema up to date; how far it was, and is. Raises `StoreError` as `open_store` does."""
    engine = connect(url, home)
    before = standing(engine)
    migrate(engine)
    return before, standing(engine)


def backup(url: str, home: Home, target: Path) -> int:
    """Copies an SQLite file as it is at one moment, while others write to it; bytes of the copy, mode 0600.

    The copy has its name only when it is whole and on the disk. Raises `RigwatchError`, also when the name is taken.
    """
    engine = connect(url, home)
    if not isinstance(engine.database, SqliteDatabase):
        raise StoreError(f"database {engine.where}: PostgreSQL has its own tool: pg_dump -Fc -f {target} DATABASE")
    standing(engine)
    _refuse_taken(target)
    with engine.errors():
        try:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        except OSError as exc:
            raise RigwatchError(f"{target}: cannot be written ({exc.strerror or exc})") from exc
        os.close(handle)
        copy = Path(name)
        try:
            _copy(Path(engine.database.database), copy)
            _flush(copy)
            _give_name(copy, target)
        finally:
            copy.unlink(missing_ok=True)
    _flush_folder(target.parent)
    return target.stat().st_size


def _copy(source: Path, target: Path) -> None:
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


def _refuse_taken(target: Path) -> None:
    if target.is_dir():
        raise RigwatchError(f"{target}: is a folder; name the file that is to be made in it")
    if target.exists() or target.is_symlink():
        raise RigwatchError(f"{target}: is there already, nothing was changed; choose another name or remove it")


def _give_name(copy: Path, target: Path) -> None:
    """Renames without replacing what came there meanwhile, a second backup's copy for instance."""
    try:
        if os.name == "nt":
            copy.rename(target)
        else:
            # `rename` replaces silently there; a second name is refused where there is one.
            os.link(copy, target)
    except FileExistsError:
        _refuse_taken(target)
        raise
    except OSError:
        # A file system without hard links, a memory stick's for instance: all that is left is to look before.
        _refuse_taken(target)
        copy.rename(target)


def _flush(path: Path) -> None:
    # Windows flushes only what is open for writing.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _alone(engine: StoreEngine) -> Iterator[Database]:
    """A connection of its own, each statement its own transaction."""
    database = single(engine)
    with engine.errors(), database.connection_context():
        yield database


def _faults(database: Database) -> Iterator[str]:
    for (line,) in database.execute_sql(f"PRAGMA integrity_check({_FAULTS})").fetchall():
        if line != "ok":
            # Its report of one page is a line each, under a title.
            yield " ".join(str(line).split())
    for table, row, *_ in database.execute_sql("PRAGMA foreign_key_check").fetchmany(_FAULTS):
        yield f"a row of {table} ({row}) belongs to nothing"


def _tables(database: Database) -> list[str]:
    """Without the partitions, which are vacuumed with the table they belong to."""
    parts = {name for (name,) in database.execute_sql("SELECT relname FROM pg_class WHERE relispartition").fetchall()}
    return [table for table in database.get_tables() if table not in parts]


def _count(database: Database, table: str) -> int:
    return int(database.execute_sql(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a constant


def _size(database: Database) -> int:
    """Bytes on the disk; of SQLite with what waits in the log to be copied into the file."""
    if isinstance(database, SqliteDatabase):
        path = Path(database.database)
        log = path.with_name(f"{path.name}-wal")
        return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    return int(database.execute_sql("SELECT pg_database_size(current_database())").fetchone()[0])
