"""A PostgreSQL database as a stream of parts, and back into an empty one: by COPY, with nothing but our own driver.

Taken at one moment (a snapshot) while others write. Loaded, the schema is first built as it was, by the migrations that
the dump names; newer ones follow after it, as at any start.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import psycopg
from peewee import SqliteDatabase
from playhouse.migrations import Runner
from psycopg import sql

from rigwatch.errors import StoreError
from rigwatch.home import Home
from store.engine import BUSY_TIMEOUT_S, StoreEngine, connect, single
from store.partitions import BOUND, REST
from store.postgres import CONNECT
from store.schema import HISTORY, MIGRATIONS, migrate, standing

PART: Final = 4 * 1024 * 1024
"""Bytes of a part, about; it is held in memory."""
Connection: TypeAlias = psycopg.Connection[Any]

_TABLES: Final = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_NEEDS: Final = """
SELECT c.relname, f.relname FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace
"""
_COLUMNS: Final = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
_PARTITIONS: Final = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'sample'::regclass
"""
_SEQUENCES: Final = """
SELECT t.relname, a.attname, s.relname FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.deptype IN ('a', 'i') AND s.relnamespace = current_schema()::regnamespace
"""


class Outline(msgspec.Struct, frozen=True):
    """What has to be there before the rows: the migrations that made the tables, each table's columns in an order in
    which they can be filled, the partitions of the samples with their bounds, and how far columns have counted."""

    applied: tuple[str, ...]
    tables: tuple[tuple[str, tuple[str, ...]], ...]
    partitions: tuple[tuple[str, str], ...]
    counters: tuple[tuple[str, str, int, bool], ...]


class Dump:
    """A database as it was when this was opened."""

    def __init__(self, connection: Connection, applied: Sequence[str]) -> None:
        self._connection = connection
        self.outline = Outline(
            tuple(applied), tuple(_tables(connection)), tuple(_partitions(connection)), tuple(_counters(connection))
        )

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[bytes]:
        """All of the table, as COPY writes it, in parts of about `PART`."""
        what = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(_listed(columns), sql.Identifier(table))
        waiting = bytearray()
        with self._connection.cursor() as cursor, cursor.copy(what) as copy:
            for chunk in copy:
                waiting += chunk
                if len(waiting) >= PART:
                    yield bytes(waiting)
                    waiting.clear()
        if waiting:
            yield bytes(waiting)


@contextmanager
def dumping(url: str, home: Home) -> Iterator[Dump]:
    """Raises `StoreError`, also for a database that is not PostgreSQL."""
    engine = connect(url, home)
    applied = standing(engine).applied
    with engine.errors(), _connection(engine) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield Dump(connection, applied)


@contextmanager
def loading(url: str, home: Home, outline: Outline) -> "Iterator[Loader]":
    """Into an empty database, all or nothing: rows count on leaving, and the tables are those of this program then.

    Raises `StoreError`: for one that is not empty, that cannot be reached, or that has to be of a newer program.
    """
    engine = connect(url, home)
    if isinstance(engine.database, SqliteDatabase):
        raise StoreError(f"database {engine.where}: the backup is of a PostgreSQL database; name one with --database")
    with engine.errors():
        check_empty(engine)
        _build(engine, outline.applied)
        try:
            with _connection(engine) as connection:
                loader = Loader(connection, outline)
                yield loader
                loader.finish()
        except BaseException:
            _clear(engine)
            raise
        with _connection(engine) as connection:
            connection.autocommit = True
            connection.execute("ANALYZE")
    migrate(engine)


class Loader:
    """Takes the rows of one table after the other."""

    def __init__(self, connection: Connection, outline: Outline) -> None:
        self._connection = connection
        self._outline = outline
        self._columns = dict(outline.tables)
        for table in reversed(outline.tables):
            # What migrations put in by themselves is in the dump as well.
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table[0])))
        for name, bound in outline.partitions:
            _attach(connection, name, bound)

    def add(self, table: str, parts: Iterable[bytes]) -> None:
        """Raises `StoreError` for a table that the outline does not name."""
        if table not in self._columns:
            raise StoreError(f"the dump has rows of a table that it does not name ({table[:60]!r})")
        what = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _listed(self._columns[table]))
        with self._connection.cursor() as cursor, cursor.copy(what) as copy:
            for part in parts:
                copy.write(part)

    def finish(self) -> None:
        for table, column, value, is_called in self._outline.counters:
            self._connection.execute(
                "SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)", (table, column, value, is_called)
            )


def check_empty(engine: StoreEngine) -> None:
    """Raises `StoreError` for a database that has tables, whoever's."""
    with _connection(engine) as connection:
        tables = [name for (name,) in connection.execute(_TABLES.encode()).fetchall()]
    if tables:
        raise StoreError(f"database {engine.where}: is not empty; make a new one, or name another with --database")


def _tables(connection: Connection) -> Iterator[tuple[str, tuple[str, ...]]]:
    names = {name for (name,) in connection.execute(_TABLES.encode()).fetchall()} - {HISTORY}
    needs: dict[str, set[str]] = {name: set() for name in sorted(names)}
    for table, needed in connection.execute(_NEEDS.encode()).fetchall():
        if table in names and needed in names and table != needed:
            needs[table].add(needed)
    for table in TopologicalSorter(needs).static_order():
        yield table, tuple(name for (name,) in connection.execute(_COLUMNS.encode(), (table,)).fetchall())


def _partitions(connection: Connection) -> Iterator[tuple[str, str]]:
    return (
        (name, bound) for name, bound in connection.execute(_PARTITIONS.encode()).fetchall() if name != REST and bound
    )


def _counters(connection: Connection) -> Iterator[tuple[str, str, int, bool]]:
    for table, column, sequence in connection.execute(_SEQUENCES.encode()).fetchall():
        what = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(sequence))
        row = connection.execute(what).fetchone()
        assert row is not None
        yield table, column, row[0], row[1]


def _attach(connection: Connection, name: str, bound: str) -> None:
    found = BOUND.search(bound)
    if found is None:
        raise StoreError(f"the dump has a part of the samples whose bounds make no sense ({bound[:60]!r})")
    since = sql.SQL("MINVALUE") if found[1] is None else sql.Literal(int(found[1]))
    table, until = sql.Identifier(name), sql.Literal(int(found[2]))
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE sample INCLUDING ALL)").format(table))
    connection.execute(
        sql.SQL("ALTER TABLE sample ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(table, since, until)
    )


def _build(engine: StoreEngine, applied: Sequence[str]) -> None:
    """The tables as they were: of this program's migrations those that are named, and no others."""
    unknown = [name for name in applied if not (MIGRATIONS / f"{name}.py").is_file()]
    if unknown:
        raise StoreError(f"is of a newer rigwatch (it has {unknown[-1]}); restore it with that version or a later one")
    database = single(engine)
    with tempfile.TemporaryDirectory() as folder:
        for name in applied:
            shutil.copy(MIGRATIONS / f"{name}.py", Path(folder))
        with database.connection_context(), database.atomic():
            Runner(database, folder, table_name=HISTORY).up()


def _clear(engine: StoreEngine) -> None:
    """Back to an empty database, so that it can be tried again."""
    with _connection(engine) as connection:
        for (name,) in connection.execute(_TABLES.encode()).fetchall():
            connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))


def _listed(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


@contextmanager
def _connection(engine: StoreEngine) -> Iterator[Connection]:
    """One transaction. Without the guard of `postgres`: a slow disk at our end is no reason to end it."""
    parameters: Mapping[str, Any] = CONNECT
    with psycopg.connect(engine.database.database, connect_timeout=BUSY_TIMEOUT_S, **parameters) as connection:
        yield connection
