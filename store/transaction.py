"""SQL that is written once and runs on SQLite and PostgreSQL: what they write differently, and how a statement is run.

Outside this module, `engine` and the migrations nothing knows which of the two it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import msgspec

Row: TypeAlias = tuple[Any, ...]
R = TypeVar("R", bound=tuple[Any, ...])
# The two drivers share a protocol (PEP 249), not a type.
Cursor: TypeAlias = Any
Columns: TypeAlias = tuple[tuple[str, str], ...]
"""Names of the values of a row, each with its PostgreSQL type."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is written differently.

    `pairs` (numbers), `names` (texts) are tables (a, b) made of one JSON parameter, `ids` (numbers) is a table (a).
    `lock` and `share` end a SELECT from one table `n` that others must not change, or not change meanwhile.
    """

    parameter: str
    pairs: str
    names: str
    ids: str
    lock: str
    share: str
    begin: tuple[str, ...]


# SQLite may limit the parameters of a statement to 32,766: a row of a sample has 17.
_PARTS = (64, 16, 4, 1)

_SQLITE_PAIRS = "(SELECT json_extract(value, '$[0]') AS a, json_extract(value, '$[1]') AS b FROM json_each(?))"


SQLITE = Dialect(
    parameter="?",
    pairs=_SQLITE_PAIRS,
    names=_SQLITE_PAIRS,
    ids="(SELECT value AS a FROM json_each(?))",
    # A transaction that writes has the whole file for itself.
    lock="",
    share="",
    # Taken at BEGIN: a reader that wants to write later can be refused at once, whatever the busy timeout.
    begin=("immediate",),
)
POSTGRES = Dialect(
    parameter="%s",
    pairs="(SELECT (value->>0)::bigint AS a, (value->>1)::bigint AS b FROM jsonb_array_elements(?::jsonb))",
    names="(SELECT value->>0 AS a, value->>1 AS b FROM jsonb_array_elements(?::jsonb))",
    ids="(SELECT value::bigint AS a FROM jsonb_array_elements_text(?::jsonb))",
    lock=" FOR UPDATE OF n",
    share=" FOR SHARE OF n",
    begin=(),
)


@cache
def _rendered(sql: str, dialect: Dialect) -> str:
    for part in ("pairs", "names", "ids", "lock", "share"):
        sql = sql.replace(f"{{{part}}}", getattr(dialect, part))
    return sql.replace("?", dialect.parameter)


class Transaction:
    """Statements on one connection: of `StoreEngine.writing` one transaction, of `StoreEngine.reading` each its own.

    SQL is written once for both databases, with `?` for parameters and `{pairs}` and the like of the dialect.
    """

    __slots__ = ("_cursor", "_dialect")

    def __init__(self, cursor: Cursor, dialect: Dialect) -> None:
        self._cursor = cursor
        self._dialect = dialect

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        self._cursor.execute(_rendered(sql, self._dialect), parameters)
        return list(self._cursor.fetchall())

    def typed(self, kind: type[R], sql: str, parameters: Sequence[object] = ()) -> list[R]:
        """As `rows`, each a `kind`, a NamedTuple whose fields are the columns in their order."""
        # Without the Python function that a NamedTuple's own constructor is: a third of the price.
        return list(map(partial(tuple.__new__, kind), self.rows(sql, parameters)))

    def value(self, sql: str, parameters: Sequence[object] = ()) -> Any:  # noqa: ANN401 - as a column of a `Row`
        """The first column of the first row; None where there is no row."""
        self._cursor.execute(_rendered(sql, self._dialect), parameters)
        row = self._cursor.fetchone()
        return None if row is None else row[0]

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """How many rows it changed."""
        self._cursor.execute(_rendered(sql, self._dialect), parameters)
        return int(self._cursor.rowcount)

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """The driver's bulk path: about ten times as fast as building each statement with Peewee."""
        self._cursor.executemany(_rendered(sql, self._dialect), rows)

    def run_rows(self, sql: str, columns: Columns, rows: Sequence[Row]) -> None:
        """As `run_many`, for statements that change a thousand rows at a time: in as few steps as can be.

        In the SQL of an INSERT `{values}` stands where its rows come from; in that of an UPDATE or a SELECT `{from}`
        stands before WHERE, and `{name}` for the row's value of that name.
        """
        if not rows:
            return
        if self._dialect is SQLITE:
            self._run_parts(sql, tuple(name for name, _ in columns), rows)
        else:
            self._cursor.execute(_all_at_once(sql, columns), (_records(columns, rows),))

    def load(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Adds new rows, by COPY where there is one."""
        names = ", ".join(columns)
        if self._dialect is SQLITE:
            self._run_parts(f"INSERT INTO {table} ({names}) {{values}}", tuple(columns), rows)
            return
        with self._cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def _run_parts(self, sql: str, names: tuple[str, ...], rows: Sequence[Row]) -> None:
        """SQLite's way to take many rows in one step; of a few sizes, so that the driver has each statement ready.

        A step for each row, at which another thread may begin to compute and is waited for, takes ten times as long.
        """
        at = 0
        for size in _PARTS:
            while len(rows) - at >= size:
                part = rows[at : at + size]
                self._cursor.execute(_of_rows(sql, names, size), list(chain.from_iterable(part)))
                at += size


@cache
def _of_rows(sql: str, names: tuple[str, ...], count: int) -> str:
    row = f"({', '.join('?' * len(names))})"
    values = f"VALUES {', '.join([row] * count)}"
    for number, name in enumerate(names, start=1):
        sql = sql.replace(f"{{{name}}}", f"r.column{number}")
    return sql.replace("{values}", values).replace("{from}", f"FROM ({values}) AS r")


@cache
def _all_at_once(sql: str, columns: Columns) -> str:
    keys = _keys(len(columns))
    typed = ", ".join(f"{key} {kind}" for key, (_, kind) in zip(keys, columns, strict=True))
    source = f"FROM json_to_recordset(%s::json) AS r({typed})"
    for key, (name, _) in zip(keys, columns, strict=True):
        sql = sql.replace(f"{{{name}}}", f"r.{key}")
    return sql.replace("{values}", f"SELECT {', '.join(keys)} {source}").replace("{from}", source)


def _records(columns: Columns, rows: Sequence[Row]) -> str:
    """One JSON text: the driver would need longer for arrays of parameters than the server for the whole statement."""
    keys = _keys(len(columns))
    return msgspec.json.encode([dict(zip(keys, row, strict=True)) for row in rows]).decode()


@cache
def _keys(count: int) -> tuple[str, ...]:
    # Short, since every row repeats them, and the server reads them all.
    return tuple(f"c{number}" for number in range(count))
