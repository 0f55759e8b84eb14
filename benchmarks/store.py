"""The store alone: reports stored a second, bytes a sample, and how long the three tables take.

`python -m benchmarks.store [--url postgresql://…] [--nodes 1000] [--hours 24] [--days 7]`

The shorter history arrives as it would, a minute after the other; the longer one as rigs catch up after an outage.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

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
    rigs = _rigs(options.nodes)
    with tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder:
        home = Home(Path(folder))
        store = open_store(options.url, home)
        store.write([Heard(rig.id, Status(NodeState.ONLINE, 1, host=rig.id.node), rig.key, START) for rig in rigs])
        done = options.hours * 60
        _print_rate("reports of one sample", done * len(rigs), lambda: _live(store, rigs, range(done)))
        first = _print_tables(store, options.hours, done)
        _print_size(home, len(rigs) * done)
        if options.days * 24 > options.hours:
            done = options.days * 24 * 60
            _fill(store, rigs, range(options.hours * 60, done))
            second = _print_tables(store, options.days * 24, done)
            print(f"tables, longer history over shorter: {second / first:.2f}")
            _print_size(home, len(rigs) * done)
        _print_forgetting(store, done)
        store.close()


def _live(store: Store, rigs: list[Rig], minutes: range) -> float:
    """Every rig reports once a minute, in an order of its own; returns the seconds spent in the store."""
    chance = random.Random(1)  # noqa: S311 - no secret
    spent = 0.0
    for minute in minutes:
        chance.shuffle(rigs)
        heard = [_report(rig, [rig.sample(minute, chance)]) for rig in rigs]
        for start in range(0, len(heard), BATCH):
            begun = time.perf_counter()
            store.write(heard[start : start + BATCH])
            spent += time.perf_counter() - begun
        if minute % 60 == 59:
            _forget(store, minute, FOREVER)
    return spent


def _fill(store: Store, rigs: list[Rig], minutes: range) -> None:
    """As rigs catch up after an outage: many samples a report."""
    chance = random.Random(2)  # noqa: S311 - no secret
    _forget(store, minutes.stop, FOREVER)
    for rig in rigs:
        for start in range(minutes.start, minutes.stop, 500):
            part = minutes[start - minutes.start : start - minutes.start + 500]
            if part:
                store.write([_report(rig, [rig.sample(minute, chance) for minute in part])])


def _report(rig: Rig, samples: list[Sample]) -> Heard:
    now = samples[-1].n
    return Heard(rig.id, Report(1, now, tuple(samples)), rig.key, now)


def _print_rate(what: str, count: int, work: Callable[[], float]) -> None:
    processor = time.process_time()
    spent = work()
    processor = time.process_time() - processor
    print(
        f"{what}: {count / spent:,.0f}/s ({count} in {spent:.1f} s; "
        f"{1e6 * processor / count:.0f} µs of processor each, making them included)"
    )


def _print_tables(store: Store, hours: int, minutes: int) -> float:
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
    print(f"three tables, {hours} h: {1000 * sum(best.values()):.1f} ms, best of {LOOKS} ({parts})")
    return sum(best.values())


def _timed(look: Callable[[], object]) -> Iterator[float]:
    look()
    for _ in range(LOOKS):
        begun = time.perf_counter()
        look()
        yield time.perf_counter() - begun


def _print_size(home: Home, samples: int) -> None:
    if home.database.exists():
        print(f"file: {home.database.stat().st_size / samples:.1f} bytes a sample, all tables ({samples} samples)")


def _print_forgetting(store: Store, minutes: int) -> None:
    """One hour's worth, as it happens each hour."""
    _forget(store, minutes, FOREVER)
    spent, rows = _forget(store, minutes, timedelta(minutes=minutes - 60))
    longest, total = 1000 * max(spent, default=0), sum(spent)
    print(f"forgetting an hour: {rows} rows in {total:.2f} s, {len(spent)} steps, the longest {longest:.0f} ms")


def _forget(store: Store, minute: int, keep: timedelta) -> tuple[list[float], int]:
    """How long each step took, and how many rows went."""
    spent, rows = [], 0
    begun = time.perf_counter()
    for deleted in store.prune(keep, START + minute * MINUTE):
        spent.append(time.perf_counter() - begun)
        rows += deleted
        begun = time.perf_counter()
    return spent, rows


def _rigs(count: int) -> list[Rig]:
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
    return parser.parse_args()


if __name__ == "__main__":
    main()
