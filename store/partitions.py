"""Samples of PostgreSQL in partitions by `n`, the rig's own milliseconds: made ahead, dropped when all in them is old.

What lies in no partition is in `sample_rest`: of rigs whose clocks are days off, or stored while nobody made any. It is
forgotten row by row, as is `sample_before`, which held everything when partitions came. On SQLite nothing here is used.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import psycopg

from rigwatch.clock import Millis, in_millis
from rigwatch.errors import StoreError
from store.engine import StoreEngine
from store.times import HOUR
from store.transaction import POSTGRES, Transaction

REST = "sample_rest"

_PARTS = 8
"""Of what is kept; so much longer than asked for a sample may be kept."""
_AHEAD = 2
_STRAYS_MAX = 10_000
# Any number will do that nothing else in the database locks: "rigparts" in hexadecimal.
_ADVISORY_LOCK = 0x7269_6770_6172_7473

_ALONE = f"SELECT pg_try_advisory_xact_lock({_ADVISORY_LOCK})"
# A change of the table waits for whoever reads it, a backup say, and everybody else waits for the change.
_NO_QUEUE = "SET LOCAL lock_timeout = '300ms'"
_PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'sample'::regclass
"""
BOUND = re.compile(r"FROM \((?:'(-?\d+)'|MINVALUE)\) TO \('(-?\d+)'\)")
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
_DONE_BY_ANOTHER = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.DuplicateTable,
    psycopg.errors.InvalidObjectDefinition,  # it would overlap
)


@dataclass(frozen=True, slots=True)
class Partition:
    """Holds the samples with `since` <= n < `until`; `since` None: all before."""

    name: str
    since: Millis | None
    until: Millis


def partitions(tx: Transaction) -> list[Partition]:
    """In order, `sample_rest` left out."""
    found = []
    for name, bound in tx.rows(_PARTITIONS):
        # One that is being dropped has no bounds any more.
        if match := BOUND.search(bound or ""):
            since, until = match.groups()
            found.append(Partition(name, None if since is None else int(since), int(until)))
    return sorted(found, key=lambda each: each.until)


def missing(known: list[Partition], keep: Millis, now: Millis) -> Iterator[Partition]:
    """Those that have to be made: from the last one on, or from what is to be kept, until some time ahead. Pure."""
    size = max(HOUR, -(-keep // _PARTS // HOUR) * HOUR)
    since = max((now - keep) // HOUR * HOUR, max((each.until for each in known), default=0))
    while since < now + _AHEAD * size:
        yield Partition(f"sample_{since // HOUR}", since, since + size)
        since += size


def make(engine: StoreEngine, keep: timedelta, now: Millis) -> Iterator[int]:
    """Makes what is missing, a partition a step; each item is 0: nothing is forgotten by it."""
    if engine.dialect is not POSTGRES:
        return
    with engine.reading() as tx:
        wanted = list(missing(partitions(tx), in_millis(keep), now))
    for each in wanted:
        if _alone(engine, partial(_make, new=each)) is None:
            return
        yield 0


def drop(engine: StoreEngine, before: Millis) -> Iterator[int]:
    """Drops what holds nothing younger, a partition a step; each item is about how many samples that were."""
    if engine.dialect is not POSTGRES:
        return
    with engine.reading() as tx:
        old = [each for each in partitions(tx) if each.until <= before]
    for each in old:
        dropped = _alone(engine, partial(_drop, old=each, before=before))
        if dropped is not None:
            yield dropped


def by_rows(engine: StoreEngine) -> list[str]:
    """Tables of which old samples have to be deleted one by one."""
    if engine.dialect is not POSTGRES:
        return ["sample"]
    with engine.reading() as tx:
        return [REST, *(each.name for each in partitions(tx) if each.since is None)]


def _alone(engine: StoreEngine, do: Callable[[Transaction], int]) -> int | None:
    """What `do` gives; None when another subscriber is at it, or somebody reads all of it: it is tried again later."""
    try:
        with engine.writing() as tx:
            if not tx.value(_ALONE):
                return None
            tx.run(_NO_QUEUE)
            return do(tx)
    except StoreError as exc:
        if isinstance(exc.__cause__, (*_BUSY, *_DONE_BY_ANOTHER)):
            return None
        raise


def _make(tx: Transaction, new: Partition) -> int:
    # The new table refers to it. Locked first, as by whoever stores a batch, and against their SELECT … FOR UPDATE: so
    # neither waits for the other in the middle.
    tx.run("LOCK TABLE node IN EXCLUSIVE MODE")
    # Made apart and attached, which locks less than making it in its place; and it takes its rows along.
    tx.run(f"CREATE TABLE {new.name} (LIKE sample INCLUDING ALL)")
    taken = f"WITH taken AS (DELETE FROM {REST} WHERE n >= {new.since} AND n < {new.until} RETURNING *) "  # noqa: S608 - numbers
    moved = tx.run(f"{taken} INSERT INTO {new.name} SELECT * FROM taken")  # noqa: S608 - numbers
    tx.run(f"ALTER TABLE sample ATTACH PARTITION {new.name} FOR VALUES FROM ({new.since}) TO ({new.until})")
    return moved


def _drop(tx: Transaction, old: Partition, before: Millis) -> int:
    """Samples of rigs with slow clocks, that are younger than they say, are put back and go to `sample_rest`."""
    # Nobody can add to it while it is looked through; reading goes on.
    tx.run(f"LOCK TABLE {old.name} IN SHARE MODE")
    count = int(tx.value(f"SELECT reltuples FROM pg_class WHERE oid = '{old.name}'::regclass"))  # noqa: S608 - a number
    younger = f"SELECT * FROM {old.name} WHERE n + lag >= {before}"  # noqa: S608 - numbers
    strays = int(tx.value(f"SELECT count(*) FROM ({younger} LIMIT {_STRAYS_MAX + 1}) AS few"))  # noqa: S608 - numbers
    if strays > _STRAYS_MAX:
        # So many rigs are wrong that it will be old only when they are.
        return 0
    tx.run("LOCK TABLE node IN ACCESS EXCLUSIVE MODE")
    if strays:
        tx.run(f"CREATE TEMPORARY TABLE stray ON COMMIT DROP AS {younger}")
    tx.run(f"DROP TABLE {old.name}")
    if strays:
        tx.run("INSERT INTO sample SELECT * FROM stray")
    return max(count, 0)
