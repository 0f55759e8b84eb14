"""The store alone: reports stored a second, bytes a sample, and the three tables at two lengths of history.

`python -m benchmarks.store [--short] [--databases sqlite,postgres] [--write]`

The shorter history arrives as it would, a minute after the other; the longer one as rigs catch up after an outage.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from alerts.ingest import ReceivedMessage
from benchmarks.subscribers import Database, postgres, sqlite
from benchmarks.tables import replace_between, table
from rigwatch.clock import Millis
from rigwatch.home import Home
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.messages import NodeState, Report, Sample, Status
from rigwatch.topics import NodeId
from store import Store, open_store, reader
from store.transaction import Transaction
from tests.waiting import eventually

DATABASES: dict[str, Callable[[], AbstractContextManager[Database]]] = {"sqlite": sqlite, "postgres": postgres}
MINUTE: Millis = 60_000
START: Millis = 1_760_000_400_000  # a full hour
BATCH = 1000
LOOKS = 50
FOREVER = timedelta(days=3650)
HEAD = (
    "database", "nodes", "history", "samples", "three tables ms", "nodes", "averages", "totals", "bytes a sample",
    "stored/s", "forgetting an hour",
)  # fmt: skip
_REPORTS_A_WRITE = 8
_VACUUMING = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"


@dataclass(frozen=True, slots=True)
class Size:
    """A fleet and its history: `hours` as it comes, then up to `later` hours as an outage leaves it."""

    nodes: int
    hours: int
    later: int = 0


LONG = (Size(10, 10), Size(1000, 24, 7 * 24))
SHORT = (Size(10, 10), Size(200, 2, 12))


@dataclass(slots=True)
class Rig:
    """A simulated rig: its figures wander a little, its counters grow."""

    id: NodeId
    key: NodeKey
    phase: Millis
    hashrate: float
    accepted: int = 0
    rejected: int = 0

    def sample(self, minute: int, chance: random.Random) -> Sample:
        at = START + minute * MINUTE + self.phase
        self.accepted += chance.randrange(3)
        self.rejected += chance.random() < 0.01
        return Sample(
            n=at,
            at=at - chance.randrange(40),
            hashrate=round(self.hashrate * chance.uniform(0.97, 1.03), 3),
            peers=chance.randrange(10, 40),
            block=500_000 + 2 * minute,
            accepted=self.accepted,
            rejected=self.rejected,
            temperature=round(chance.uniform(50, 65), 1),
            power=round(chance.uniform(100, 130), 1),
            fan=float(chance.randrange(30, 70)),
        )


def main() -> None:
    options = _options()
    rows: list[tuple[object, ...]] = []
    for name in options.databases.split(","):
        for size in SHORT if options.short else LONG:
            with ExitStack() as stack:
                database = stack.enter_context(DATABASES[name]())
                home = Home(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigwatch-bench-"))))
                store = open_store(database.url, home)
                stack.callback(store.close)
                for row in _measured(store, size):
                    rows.append((database.name, *row))
                    print(rows[-1], file=sys.stderr, flush=True)
    text = table(HEAD, rows)
    print(text)
    if options.write:
        replace_between("store", text)


def _measured(store: Store, size: Size) -> Iterator[tuple[object, ...]]:
    empty = _bytes(store)
    rigs = rigs_of(size.nodes)
    store.take([ReceivedMessage(rig.id, Status(NodeState.ONLINE, 1, host=rig.id.node), rig.key, START) for rig in rigs])
    done = size.hours * 60
    spent = _live(store, rigs, range(done))
    yield *_row(store, size.nodes, size.hours, empty), f"{done * size.nodes / spent:,.0f}, one a report", ""
    if size.later:
        begun = time.perf_counter()
        fill(store, rigs, range(done, size.later * 60))
        filled = (size.later * 60 - done) * size.nodes / (time.perf_counter() - begun)
        row = _row(store, size.nodes, size.later, empty)
        yield *row, f"{filled:,.0f}, 500 a report, making them included", _forgetting(store, size.later * 60)


def _row(store: Store, nodes: int, hours: int, empty: int) -> tuple[object, ...]:
    _rested(store)
    looks = _looks(store, hours, hours * 60)
    samples = hours * 60 * nodes
    return (
        nodes, f"{hours / 24:g} d" if hours >= 24 else f"{hours} h", f"{samples:,}",
        *(f"{1000 * seconds:.2f}" for seconds in (sum(looks), *looks)), f"{(_bytes(store) - empty) / samples:.1f}",
    )  # fmt: skip


def _rested(store: Store) -> None:
    """Until PostgreSQL has looked through what a week at once has left it: that takes a processor meanwhile."""
    if not _is_postgres(store):
        return

    def is_idle() -> bool:
        with store.read() as tx:
            return not tx.rows(_VACUUMING)[0][0]

    eventually(is_idle, timeout=300, what="a server that is not vacuuming")


def _is_postgres(store: Store) -> bool:
    return store._engine.where.startswith("postgres")  # noqa: SLF001 - there is no question for this


def _forgetting(store: Store, minutes: int) -> str:
    """One hour's worth, as it happens each hour."""
    _forget(store, minutes, FOREVER)
    steps, rows = _forget(store, minutes, timedelta(minutes=minutes - 60))
    return f"{rows:,} rows in {sum(steps):.2f} s, {len(steps)} steps, the longest {1000 * max(steps, default=0):.0f} ms"


def _live(store: Store, rigs: list[Rig], minutes: range) -> float:
    """Every rig reports once a minute, in an order of its own; returns the seconds spent in the store."""
    chance = random.Random(1)  # noqa: S311 - no secret
    spent = 0.0
    for minute in minutes:
        chance.shuffle(rigs)
        heard = [report_of(rig, [rig.sample(minute, chance)]) for rig in rigs]
        for start in range(0, len(heard), BATCH):
            begun = time.perf_counter()
            store.take(heard[start : start + BATCH])
            spent += time.perf_counter() - begun
        if minute % 60 == 59:
            _forget(store, minute, FOREVER)
    return spent


def fill(store: Store, rigs: list[Rig], minutes: range) -> None:
    """As rigs catch up after an outage: many samples a report, some reports at once."""
    chance = random.Random(2)  # noqa: S311 - no secret
    _forget(store, minutes.stop, FOREVER)
    waiting: list[ReceivedMessage] = []
    for rig in rigs:
        for start in range(minutes.start, minutes.stop, 500):
            part = range(start, min(start + 500, minutes.stop))
            waiting.append(report_of(rig, [rig.sample(minute, chance) for minute in part]))
            if len(waiting) == _REPORTS_A_WRITE:
                store.take(waiting)
                waiting = []
    store.take(waiting)


def report_of(rig: Rig, samples: list[Sample]) -> ReceivedMessage:
    now = samples[-1].n
    return ReceivedMessage(rig.id, Report(1, now, tuple(samples)), rig.key, now)


def _looks(store: Store, hours: int, minutes: int) -> list[float]:
    """Seconds for nodes, averages and totals; that of the server's sign of life is in the first.

    The best of many: reading costs the processor only, and whatever else runs can only add to it.
    """
    now = START + minutes * MINUTE
    looks: list[Callable[[Transaction], object]] = [
        lambda tx: (reader.nodes(tx), reader.server(tx)),
        lambda tx: reader.averages(tx, now - hours * 60 * MINUTE),
        lambda tx: reader.totals(tx, 10, now),
    ]
    return [min(_timed(store, look)) for look in looks]


def _timed(store: Store, look: Callable[[Transaction], object]) -> Iterator[float]:
    for _ in range(LOOKS + 1):
        begun = time.perf_counter()
        with store.read() as tx:
            look(tx)
        yield time.perf_counter() - begun


def _bytes(store: Store) -> int:
    """All tables and indexes; SQLite's log is not counted, it is emptied again and again."""
    asked = "pg_database_size(current_database())" if _is_postgres(store) else "page_count * page_size"
    source = "" if _is_postgres(store) else " FROM pragma_page_count(), pragma_page_size()"
    with store.read() as tx:
        return int(tx.rows(f"SELECT {asked}{source}")[0][0])


def _forget(store: Store, minute: int, keep: timedelta) -> tuple[list[float], int]:
    """How long each step took, and how many rows went."""
    spent, rows = [], 0
    begun = time.perf_counter()
    for deleted in store.prune(keep, START + minute * MINUTE):
        spent.append(time.perf_counter() - begun)
        rows += deleted
        begun = time.perf_counter()
    return spent, rows


def rigs_of(count: int) -> list[Rig]:
    chance = random.Random(0)  # noqa: S311 - no secret
    master = MasterKey.random()
    ids = [NodeId("bench", f"rig{number:05}") for number in range(count)]
    return [Rig(each, master.node_key(each), chance.randrange(MINUTE), chance.uniform(2e7, 3.5e7)) for each in ids]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--short", action="store_true", help="a look instead of a record: 200 nodes, 2 h and 12 h")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
