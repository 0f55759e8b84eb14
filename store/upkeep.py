"""What an operator does to the whole database: look whether it is sound, tidy it, copy it, bring it up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peewee import Database, SqliteDatabase

from rigwatch.errors import StoreError
from rigwatch.home import Home
from rigwatch.new_file import new_file
from store.copying import copy_sqlite
from store.engine import StoreEngine, connect, single
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


def upgrade(url: str, home: Home, *, copy: bool = True) -> tuple[SchemaStatus, SchemaStatus]:
    """Brings the schema up to date; how far it was, and is. With `copy` an SQLite file is copied first.

    Raises `StoreError` as `open_store` does.
    """
    engine = connect(url, home)
    before = standing(engine)
    migrate(engine, home.backups if copy else None)
    return before, standing(engine)


def schema_of(url: str, home: Home) -> SchemaStatus:
    """How far a database is; nothing is changed. Raises `StoreError`, also where there is none."""
    return standing(connect(url, home))


def backup(url: str, home: Home, target: Path) -> int:
    """Copies an SQLite file as it is at one moment, while others write to it; bytes of the copy, mode 0600.

    The copy has its name only when it is whole and on the disk. Raises `RigwatchError`, also when the name is taken.
    """
    engine = connect(url, home)
    if not isinstance(engine.database, SqliteDatabase):
        raise StoreError(f"database {engine.where}: PostgreSQL has its own tool: pg_dump -Fc -f {target} DATABASE")
    standing(engine)
    with engine.errors(), new_file(target) as copy:
        copy_sqlite(Path(engine.database.database), copy)
    return target.stat().st_size


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
