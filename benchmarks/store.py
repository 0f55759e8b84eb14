"""The store alone: reports stored a second, bytes a sample, and how long the three tables take.

`python -m benchmarks.store [--url postgresql://…] [--nodes 1000] [--hours 24] [--days 7] [--short] [--write]`

The shorter history arrives as it would, a minute after the other; the longer one as rigs catch up after an outage.
"""

import argparse
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.tables import replace_between
from rigwatch.clock import Millis
from rigwatch.home import Home
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.messages import NodeState, Report, Sample, Status
from rigwatch.topics import NodeId
from subscriber.ingest import Heard
from subscriber.store import Store, open_store

MINUTE: Millis = 60_000
START: Millis = 1_760_000_400_000  # a full hour
BATCH = 1000
LOOKS = 50
FOREVER = timedelta(days=3650)


@dataclass(slots=True)
class Results:
    """What is printed, kept for the page."""

    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)


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
    results = Results()
    with tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder:
        home = Home(Path(folder))
        store = open_store(options.url, home)
        _measure(store, home, options, results)
        store.close()
    if options.write:
        replace_between("store", _block(options, results))


def _measure(store: Store, home: Home, options: argparse.Namespace, results: Results) -> None:
    rigs = rigs_of(options.nodes)
    store.write([Heard(rig.id, Status(NodeState.ONLINE, 1, host=rig.id.node), rig.key, START) for rig in rigs])
    done = options.hours * 60
    _tell_rate(results, "reports of one sample", done * len(rigs), lambda: _live(store, rigs, range(done)))
    first = _tell_tables(results, store, options.hours, done)
    _tell_size(results, home, len(rigs) * done)
    if options.later > options.hours:
        done = options.later * 60
        fill(store, rigs, range(options.hours * 60, done))
        second = _tell_tables(results, store, options.later, done)
        results.say(f"tables, longer history over shorter: {second / first:.2f}")
        _tell_size(results, home, len(rigs) * done)
    _tell_forgetting(results, store, done)


def _block(options: argparse.Namespace, results: Results) -> str:
    """The results under the command and the machine they are of; without the address, which may have a password."""
    given = f"--nodes {options.nodes} --hours {options.hours} --days {options.later / 24:g}"
    size = "--short" if options.short else given
    database = "SQLite" if options.url.startswith("sqlite") else "PostgreSQL, by --url"
    machine = f"{database}; Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    return "\n".join(["```", f"$ python -m benchmarks.store {size} --write", f"# {machine}", *results.lines, "```"])


def _live(store: Store, rigs: list[Rig], minutes: range) -> float:
    """Every rig reports once a minute, in an order of its own; returns the seconds spent in the store."""
    chance = random.Random(1)  # noqa: S311 - no secret
    spent = 0.0
    for minute in minutes:
        chance.shuffle(rigs)
        heard = [report_of(rig, [rig.sample(minute, chance)]) for rig in rigs]
        for start in range(0, len(heard), BATCH):
            begun = time.perf_counter()
            store.write(heard[start : start + BATCH])
            spent += time.perf_counter() - begun
        if minute % 60 == 59:
            _forget(store, minute, FOREVER)
    return spent


def fill(store: Store, rigs: list[Rig], minutes: range) -> None:
    """As rigs catch up after an outage: many samples a report."""
    chance = random.Random(2)  # noqa: S311 - no secret
    _forget(store, minutes.stop, FOREVER)
    for rig in rigs:
        for start in range(minutes.start, minutes.stop, 500):
            part = minutes[start - minutes.start : start - minutes.start + 500]
            if part:
                store.write([report_of(rig, [rig.sample(minute, chance) for minute in part])])


def report_of(rig: Rig, samples: list[Sample]) -> Heard:
    now = samples[-1].n
    return Heard(rig.id, Report(1, now, tuple(samples)), rig.key, now)


def _tell_rate(results: Results, what: str, count: int, work: Callable[[], float]) -> None:
    processor = time.process_time()
    spent = work()
    processor = time.process_time() - processor
    results.say(
        f"{what}: {count / spent:,.0f}/s ({count} in {spent:.1f} s; "
        f"{1e6 * processor / count:.0f} µs of processor each, making them included)"
    )


def _tell_tables(results: Results, store: Store, hours: int, minutes: int) -> float:
    now = START + minutes * MINUTE
    looks: dict[str, Callable[[], object]] = {
        "nodes": store.nodes,
        "server": store.server,
        "averages": lambda: store.averages(now - hours * 60 * MINUTE),
        "totals": lambda: store.totals(10, now),
    }
    # The best of many: reading costs the processor only, and whatever else runs can only add to it.
    best = {name: min(_timed(look)) for name, look in looks.items()}
    parts = ", ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in best.items())
    results.say(f"three tables, {hours} h: {1000 * sum(best.values()):.1f} ms, best of {LOOKS} ({parts})")
    return sum(best.values())


def _timed(look: Callable[[], object]) -> Iterator[float]:
    look()
    for _ in range(LOOKS):
        begun = time.perf_counter()
        look()
        yield time.perf_counter() - begun


def _tell_size(results: Results, home: Home, samples: int) -> None:
    if home.database.exists():
        results.say(
            f"file: {home.database.stat().st_size / samples:.1f} bytes a sample, all tables ({samples} samples)"
        )


def _tell_forgetting(results: Results, store: Store, minutes: int) -> None:
    """One hour's worth, as it happens each hour."""
    _forget(store, minutes, FOREVER)
    spent, rows = _forget(store, minutes, timedelta(minutes=minutes - 60))
    longest, total = 1000 * max(spent, default=0), sum(spent)
    results.say(f"forgetting an hour: {rows} rows in {total:.2f} s, {len(spent)} steps, the longest {longest:.0f} ms")


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
    parser.add_argument("--url", default="sqlite:///rigwatch.db", help="an empty database")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--hours", type=int, default=24, help="the shorter history")
    parser.add_argument("--days", type=int, default=7, help="the longer history")
    parser.add_argument("--short", action="store_true", help="200 nodes, 2 h and 12 h, whatever else is said")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    options = parser.parse_args()
    options.later = options.days * 24
    if options.short:
        options.nodes, options.hours, options.later = 200, 2, 12
    return options


if __name__ == "__main__":
    main()
