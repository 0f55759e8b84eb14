"""What a row costs SQLite's driver by how many go in one statement, alone and beside a thread that computes.

`python -m benchmarks.steps [--short] [--write]`: rows as wide as a sample's, 1024 a transaction, in a throwaway
file that waits for no disk.
"""

import argparse
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from statistics import median

from benchmarks.tables import replace_between, table
from store.rows import COLUMNS

BATCH = 1024
SIZES = (1, 16, 64, 256)
# As the subscriber sets it.
SWITCH_S = 0.0005
HEAD = ("rows a step", "alone: µs a row", "beside a computing thread: µs a row")


def main() -> None:
    options = _options()
    sys.setswitchinterval(SWITCH_S)
    runs = 3 if options.short else 15
    rows = []
    for size in SIZES:
        alone = _measured(size, runs)
        with _computing():
            beside = _measured(size, runs)
        rows.append((size, f"{alone:.1f}", f"{beside:.1f}"))
    text = table(HEAD, rows)
    print(text)
    if options.write:
        replace_between("steps", text)


def _measured(size: int, runs: int) -> float:
    """µs a row, the median of the batches."""
    chance = random.Random(size)  # noqa: S311 - no secret
    with (
        tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder,
        closing(sqlite3.connect(Path(folder) / "steps.db", isolation_level=None)) as database,
    ):
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA synchronous = off")
        names = ", ".join(COLUMNS)
        database.execute(f"CREATE TABLE sample ({names}, PRIMARY KEY (node_id, n)) WITHOUT ROWID")
        return 1e6 * median(_insert(database, size, _batch(n, chance)) for n in range(runs)) / BATCH


def _batch(n: int, chance: random.Random) -> list[Sequence[int]]:
    return [(node, n, *(chance.randrange(10**6) for _ in COLUMNS[2:])) for node in range(BATCH)]


def _insert(database: sqlite3.Connection, size: int, rows: list[Sequence[int]]) -> float:
    """Seconds."""
    row = f"({', '.join('?' * len(COLUMNS))})"
    statement = f"INSERT INTO sample VALUES {', '.join([row] * size)}"  # noqa: S608 - question marks
    begun = time.perf_counter()
    database.execute("BEGIN IMMEDIATE")
    if size == 1:
        database.executemany(statement, rows)
    else:
        for at in range(0, BATCH, size):
            database.execute(statement, list(chain.from_iterable(rows[at : at + size])))
    database.execute("COMMIT")
    return time.perf_counter() - begun


@contextmanager
def _computing() -> Iterator[None]:
    """A thread that always wants to go on, as the one that receives does under load."""
    ended = threading.Event()

    def compute() -> None:
        count = 0
        while not ended.is_set():
            count += 1

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a look instead of a record")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
