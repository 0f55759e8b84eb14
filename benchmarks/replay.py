"""What rigs kept while nobody listened, sent again: samples stored a second, and how long until all are live again.

`python -m benchmarks.replay [--short] [--write]`: real publishers with real outboxes on disk, a broker, the real
subscriber, a database. Time runs from the start of the publisher's process; all share the machine.

CPU is counted from that start as well, less what the same rigs take with one sample each: where a thousand come back,
opening an outbox and a connection goes on beside the sending, and would count as that of samples by chance.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import psutil

from benchmarks.brokers import PASSPHRASE, Measured, now_ms
from benchmarks.ingest import BROKERS, DATABASES
from benchmarks.report_load import sample
from benchmarks.subscribers import Database, Subscriber, cpu, subscribing
from benchmarks.tables import replace_between, table
from publisher.outbox_file import Changes, OutboxFile
from rigwatch.home import Home
from store import Store, open_store
from tests.waiting import eventually

HEAD = (
    "who returns", "broker", "database", "samples", "all live again after s", "first to last sample s", "samples/s",
    "CPU µs a sample: publisher", "broker", "subscriber", "database", "subscriber MB, peak",
)  # fmt: skip
_INTERVAL = 60_000


@dataclass(frozen=True, slots=True)
class Return:
    """Rigs that were away for so many samples each, at one in `every` ms."""

    name: str
    rigs: int
    samples: int
    every: int = _INTERVAL


LONG = (
    Return("1 rig after 24 h, a sample a minute", 1, 1440),
    Return("1 rig after 24 h, a sample in 5 s", 1, 17_280, 5_000),
    Return("1000 rigs after 1 h", 1000, 60),
)
SHORT = (Return("1 rig after 24 h, a sample in 5 s", 1, 17_280, 5_000), Return("200 rigs after 1 h", 200, 60))


@dataclass(slots=True)
class Seen:
    """What was in the store when, in seconds since the start of the publisher."""

    first: float = 0.0
    last: float = 0.0
    live: float = 0.0

    def look(self, store: Store, wanted: Return, began: float) -> bool:
        """True when everything is there."""
        with store.read() as tx:
            ((stored, live),) = tx.rows(_PROGRESS)
        now = time.perf_counter() - began
        if stored and not self.first:
            self.first = now
        if live == wanted.rigs and not self.live:
            self.live = now
        self.last = now
        return bool(stored >= wanted.rigs * wanted.samples and self.live)


@dataclass(frozen=True, slots=True)
class Returned:
    """How a return went: seconds of CPU of publisher, broker, subscriber and database, and the subscriber's peak in
    bytes."""

    seen: Seen
    used: tuple[float, ...]
    database: str
    peak: int


_PROGRESS = "SELECT coalesce(sum(kept_samples), 0), count(last_report_at) FROM node"


def main() -> None:
    options = _options()
    rows = []
    for wanted in SHORT if options.short else LONG:
        for broker in options.brokers.split(","):
            for database in options.databases.split(","):
                rows.append(_row(wanted, broker, database))
                print(rows[-1], file=sys.stderr, flush=True)
    text = table(HEAD, rows)
    print(text)
    if options.write:
        replace_between("replay", text)


def _row(wanted: Return, broker_name: str, database_name: str) -> tuple[object, ...]:
    alone = _returned(replace(wanted, samples=1), broker_name, database_name)
    whole = _returned(wanted, broker_name, database_name)
    samples, more = wanted.rigs * wanted.samples, wanted.rigs * (wanted.samples - 1)
    seen = whole.seen
    return (
        wanted.name, broker_name, whole.database, f"{samples:,}", f"{seen.live:.1f}",
        f"{seen.last - seen.first:.1f}", f"{samples / (seen.last - seen.first):,.0f}",
        *(round(1e6 * (all_of_it - start) / more) for all_of_it, start in zip(whole.used, alone.used, strict=True)),
        round(whole.peak / 2**20),
    )  # fmt: skip


def _returned(wanted: Return, broker_name: str, database_name: str) -> Returned:
    with ExitStack() as stack:
        broker = stack.enter_context(BROKERS[broker_name]())
        database = stack.enter_context(DATABASES[database_name]())
        subscriber = stack.enter_context(subscribing(broker, database))
        store = open_store(database.url, Home(subscriber.home))
        stack.callback(store.close)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigwatch-bench-")))
        _away(home, broker, wanted)
        before = _used(broker, subscriber, database)
        seen, began = Seen(), time.perf_counter()
        with _publishing(home) as publisher:
            eventually(lambda: seen.look(store, wanted, began), timeout=300, what=wanted.name)
            after = _used(broker, subscriber, database)
            used = cpu(publisher), *(now - first for now, first in zip(after, before, strict=True))
        return Returned(seen, used, database.name, subscriber.peak())


def _used(broker: Measured, subscriber: Subscriber, database: Database) -> tuple[float, ...]:
    return broker.cpu(), cpu(subscriber.process), database.cpu()


def _away(home: Path, broker: Measured, wanted: Return) -> None:
    """The home of a publisher whose nodes have kept their samples since it lost its server."""
    source = '[[nodes.sources]]\nkind = "simulated"\nevery = "60s"\n'
    names = [f"rig{number:05}" for number in range(wanted.rigs)]
    nodes = [
        f'[[nodes]]\nsite = "bench"\nnode = "{name}"\nserver = "mqtt://127.0.0.1:{broker.port}"\n'
        f'passphrase = "{PASSPHRASE}"\n{source}'
        for name in names
    ]
    (home / "publisher.toml").write_text("".join(nodes))
    outboxes = Home(home).outbox
    outboxes.mkdir()
    # The last one is of just before the return, and still a live one when it arrives.
    last = now_ms() - 1000
    encoder = msgspec.json.Encoder()
    chance = random.Random(1)  # noqa: S311 - no secret
    for name in names:
        shift = last - chance.randrange(wanted.every // 4)
        numbers = [shift - wanted.every * back for back in range(wanted.samples)]
        new = {n: encoder.encode(sample(n, number)) for number, n in enumerate(reversed(numbers))}
        file = OutboxFile.open(outboxes / f"bench.{name}.db")
        file.write(Changes(new={n: new[n] for n in sorted(new)}, counters={"n": max(new)}))
        file.close()


@contextmanager
def _publishing(home: Path) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "rigwatch", f"--home={home}", "publish"]
    with (home / "publisher.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a look instead of a record")
    parser.add_argument("--brokers", default="embedded")
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
