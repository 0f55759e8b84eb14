"""How long a farm's old history takes: `rigwatch import-legacy` on a million rows of wtc-miner-monitor.

`python -m benchmarks.legacy [--rows N] [--short] [--write]`: the real command, in a process of its own, with a home of
its own; the second time every row is there already.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from pathlib import Path

from benchmarks.subscribers import Database, postgres, sqlite
from benchmarks.tables import replace_between, table
from rigwatch.clock import SystemClock
from rigwatch.keys import MasterKey
from tests.legacy import Row, write_sqlite

NODES = 10
PART = 10_000
DATABASES: dict[str, Callable[[], AbstractContextManager[Database]]] = {"sqlite": sqlite, "postgres": postgres}
HEAD = ("into", "rows", "s", "rows/s", "again, s", "MB, peak")


def main() -> None:
    options = _options()
    count = 50_000 if options.short else options.rows
    rows = []
    with tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder:
        old = _written(Path(folder) / "hash.db", count)
        for name in DATABASES:
            rows.append(_row(name, old, count))
            print(rows[-1], file=sys.stderr, flush=True)
    text = table(HEAD, rows)
    print(text)
    if options.write:
        replace_between("legacy", text)


def _written(path: Path, count: int) -> Path:
    # A part at a time: what this process has used counts as its children's peak as well.
    history = _history(count // NODES)
    for _ in range(0, count, PART):
        write_sqlite(path, islice(history, PART))
    return path


def _history(minutes: int) -> Iterator[Row]:
    """A row a minute and node until now, in the order in which they came."""
    now = SystemClock().now() // 1000 * 1000
    for back in range(minutes, 0, -1):
        for node in range(1, NODES + 1):
            yield Row(
                node, f"Comp {node}", now - back * 60_000, 8000 + back % 500, 12 + back % 9, 500_000 + minutes - back
            )


def _row(name: str, old: Path, count: int) -> tuple[object, ...]:
    with ExitStack() as stack:
        database = stack.enter_context(DATABASES[name]())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigwatch-bench-")))
        keep = f"{count // NODES // 1440 + 2}d"
        (home / "server.toml").write_text(f'[database]\nurl = "{database.url}"\nkeep = "{keep}"\n')
        MasterKey.random().save(home / "secret.key")
        first, peak = _imported(home, old)
        stored = database.samples(home)
        if stored != count:
            raise SystemExit(f"{stored:,} of {count:,} rows were taken")
        again, _ = _imported(home, old)
        return (
            database.name, f"{count:,}", f"{first:.1f}", f"{count / first:,.0f}", f"{again:.1f}", round(peak / 2**20),
        )  # fmt: skip


def _imported(home: Path, old: Path) -> tuple[float, int]:
    """Seconds, and the most memory that was used (bytes)."""
    command = [sys.executable, "-m", "rigwatch", f"--home={home}", "import-legacy", str(old)]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"import-legacy ended with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss * 1024


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--short", action="store_true", help="a look instead of a record")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
