"""The dashboard over HTTP, with its password, from a real `rigwatch web`: the whole overview, polls, and its memory.

`python -m benchmarks.web [--database sqlite|postgres] [--nodes 1000] [--days 7] [--short|--large] [--write]`

Each history ends now and was stored as reports are; the longer one is the shorter one with its days before added.
"""

import argparse
import base64
import contextlib
import gzip
import math
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import psutil

from alerts.facts import User, UserRole
from alerts.ingest import ReceivedMessage
from benchmarks.generator import generating, line
from benchmarks.page_load import Answer, Order
from benchmarks.store import MINUTE, START, Rig, fill, report_of, rigs_of
from benchmarks.subscribers import Database, postgres, sqlite
from benchmarks.tables import replace_between, table
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.messages import NodeState, Report, Status
from store import Store, housekeeping, open_store, users
from tests.ports import free_port, is_listening
from tests.waiting import eventually
from web.access.passwords import hash_password

PASSWORD = "a password of the benchmark"  # noqa: S105 - it opens nothing else
LOGIN = "Basic " + base64.b64encode(f"bench:{PASSWORD}".encode()).decode()
VIEWERS = 25
BEAT_MS = 2000
_ELEMENT = re.compile(r"<[a-z]")
HEAD = (
    "nodes, history",
    "database",
    "first page p50, p99 ms",
    "kB, elements",
    "first page after all nodes changed: p50, longest ms",
    "unchanged poll p50, p99 ms",
    "a change of one node: bytes",
    "/metrics p50, longest ms",
    f"{VIEWERS} viewers, a poll a second each: polls/s, p50, p99 ms, of a core",
    "polls answered/s at most",
    "memory MB",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    rows: tuple[tuple[int, int], ...]  # nodes, hours
    pages: int = 200
    anew: int = 20
    polls: int = 1000
    seconds: float = 30.0
    scrapes: int = 10


@dataclass(slots=True)
class Fleet:
    """Rigs whose history is in the store, and who go on reporting once a minute each while `reporting`."""

    store: Store
    rigs: list[Rig]
    connected_at: int = field(default_factory=lambda: SystemClock().now() - 3_600_000)

    def begin(self) -> None:
        now = _minute()
        births = [Status(NodeState.ONLINE, 1, host=f"host{number // 8}") for number in range(len(self.rigs))]
        at = START + now * MINUTE
        self.store.take(
            [ReceivedMessage(rig.id, birth, rig.key, at) for rig, birth in zip(self.rigs, births, strict=True)]
        )

    def remember(self, hours: range) -> None:
        """The history from so many hours back to so many, as rigs catch up after an outage."""
        now = _minute()
        fill(self.store, self.rigs, range(now - hours.stop * 60, now - hours.start * 60))

    def catch_up(self) -> None:
        """Every node reports, and its figures are others than before."""
        now = SystemClock().now()
        chance = random.Random(now)  # noqa: S311 - no secret
        heard = [msgspec.structs.replace(rig.sample(_minute(), chance), n=now, at=now) for rig in self.rigs]
        pairs = zip(self.rigs, heard, strict=True)
        self.store.take([ReceivedMessage(rig.id, Report(1, now, (sample,)), rig.key, now) for rig, sample in pairs])
        with self.store.write() as tx:
            housekeeping.beat(tx, "bench", now=now, connected_at=self.connected_at)

    def one_reports(self) -> None:
        """The first of the list, with another hashrate than it has."""
        now = SystemClock().now()
        rig = self.rigs[0]
        made = msgspec.structs.replace(rig.sample(_minute(), random.Random(now)), n=now, at=now)  # noqa: S311 - no secret
        self.store.take([ReceivedMessage(rig.id, Report(1, now, (made,)), rig.key, now)])

    @contextmanager
    def living(self, *, reporting: bool) -> Iterator[None]:
        """Meanwhile the subscriber gives signs of life, and every rig reports when its turn in the minute has come."""
        stop = threading.Event()
        thread = threading.Thread(target=self._live, args=(stop,), kwargs={"reporting": reporting})
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _live(self, stop: threading.Event, *, reporting: bool) -> None:
        chance, clock = random.Random(4), SystemClock()  # noqa: S311 - no secret
        since, beaten = clock.now(), 0
        while not stop.wait(0.02):
            now = clock.now()
            if now - beaten >= BEAT_MS:
                with self.store.write() as tx:
                    housekeeping.beat(tx, "bench", now=now, connected_at=self.connected_at)
                beaten = now
            due = [rig for rig in self.rigs if _turn(rig, since) < _turn(rig, now)] if reporting else []
            if due:
                self.store.take([report_of(rig, [rig.sample(_turn(rig, now), chance)]) for rig in due])
            since = now


def _turn(rig: Rig, now: int) -> int:
    """The minute of the rig's latest report that is due."""
    return (now - START - rig.phase) // MINUTE


def _minute() -> int:
    return (SystemClock().now() - START) // MINUTE


@contextmanager
def _dashboard(home: Path, database: Database) -> Iterator[tuple[int, psutil.Process]]:
    """A real one, in a process of its own."""
    port = free_port()
    (home / "server.toml").write_text(f'[web]\nport = {port}\n[database]\nurl = "{database.url}"\nkeep = "200h"\n')
    command = [sys.executable, "-m", "rigwatch", "--home", str(home), "web"]
    with (home / "web.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: is_listening(port) or process.poll() is not None, timeout=60, what="the dashboard listens")
        if process.poll() is not None:
            raise SystemExit((home / "web.log").read_text("utf-8")[-2000:])
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _asked(port: int, what: str, path: str, **more: float) -> Answer:
    order = Order(what, port, LOGIN, path, **more)  # type: ignore[arg-type] # counts are whole
    with generating("page_load", msgspec.to_builtins(order)) as process:
        return msgspec.json.decode(line(process), type=Answer)


def _row(fleet: Fleet, home: Path, database: Database, size: Size) -> list[str]:
    """Measured with a dashboard that has just been started."""
    fleet.catch_up()
    with _dashboard(home, database) as (port, process):
        with fleet.living(reporting=True):
            # Checks the password once, imports the last modules, and is no page that anybody waits for again.
            _asked(port, "pages", "/")
            first = _asked(port, "pages", "/", count=size.pages)
            used = _cpu(process)
            scraped = [_seen(port, "/metrics").took_ms for _ in range(size.scrapes)]
            whole = _seen(port, "/")
            watched = _asked(port, "viewers", "/live", viewers=VIEWERS, seconds=size.seconds)
            used = _cpu(process) - used
        with fleet.living(reporting=False):
            anew = [_opened_after_a_while(fleet, port) for _ in range(size.anew)]
            polled = _asked(port, "polls", "/live", count=size.polls)
            changed = [_change_of_one(fleet, port) for _ in range(5)]
            flooded = _asked(port, "flood", "/live", viewers=VIEWERS, seconds=size.seconds / 3)
        memory = process.memory_info().rss
    for answer in (first, watched, polled, flooded):
        _check(answer)
    rate = len(watched.times_ms) / watched.took_s
    return [
        database.name,
        _quantiles(first),
        f"{whole.sent / 1000:.1f}, {len(_ELEMENT.findall(whole.text)):,}",
        f"{statistics.median(anew):.0f}, {max(anew):.0f}",
        _quantiles(polled),
        f"{max(changed):,}",
        f"{statistics.median(scraped):.0f}, {max(scraped):.0f}",
        f"{rate:.0f}, {_quantiles(watched)}, {used / watched.took_s:.0%}",
        f"{len(flooded.times_ms) / flooded.took_s:,.0f}",
        f"{memory / 1e6:.0f}",
    ]


def _opened_after_a_while(fleet: Fleet, port: int) -> float:
    """Milliseconds of a page none of whose rows is known: every node has reported since anybody looked."""
    fleet.catch_up()
    (took,) = _asked(port, "pages", "/").times_ms
    return took


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer: its bytes on the wire with its head, and its text."""

    sent: int
    text: str
    etag: str
    took_ms: float


def _seen(port: int, path: str, etag: str = "") -> Seen:
    begun = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    known = {"If-None-Match": etag} if etag else {}
    connection.request("GET", path, headers={"Authorization": LOGIN, "Accept-Encoding": "gzip", **known})
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - begun) * 1000
    connection.close()
    head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders()) + len("HTTP/1.1 200 OK\r\n\r\n")
    text = (gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body).decode()
    return Seen(head + len(body), text, answer.getheader("ETag", ""), took)


def _change_of_one(fleet: Fleet, port: int) -> int:
    """Bytes that a page in a browser is sent when one node that it shows has reported."""
    etag = _seen(port, "/live").etag
    fleet.one_reports()
    # A fleet of thousands is read anew in the background.
    return eventually(
        lambda: answer.sent if (answer := _seen(port, "/live", etag)).text else 0, what="a change is sent"
    )


def _check(answer: Answer) -> None:
    if set(answer.statuses) - {"200", "304"}:
        raise SystemExit(f"the dashboard answered {answer.statuses}")


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def _quantiles(answer: Answer) -> str:
    times = sorted(answer.times_ms)
    return f"{statistics.median(times):.1f}, {times[math.ceil(len(times) * 0.99) - 1]:.1f}"


def _measured(database: Database, size: Size) -> list[list[str]]:
    """A row for each of the sizes that follow one another with as many nodes; the store is shared by them."""
    found: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder:
        home = Path(folder)
        with contextlib.closing(open_store(database.url, Home(home))) as store:
            with store.write() as tx:
                users.add(tx, User("bench", UserRole.VIEWER, hash_password(PASSWORD)), 0)
            known = 0
            fleet = Fleet(store, rigs_of(size.rows[0][0]))
            fleet.begin()
            for nodes, hours in size.rows:
                begun = time.perf_counter()
                fleet.remember(range(known, hours))
                known = hours
                print(f"# {nodes} nodes: {hours} h stored, {time.perf_counter() - begun:.0f} s", flush=True)
                found.append([f"{nodes:,}, {_span(hours)}", *_row(fleet, home, database, size)])
                print(" | ".join(found[-1]), flush=True)
    return found


def _span(hours: int) -> str:
    return f"{hours // 24} d" if hours > 24 and hours % 24 == 0 else f"{hours} h"


def _sizes(options: argparse.Namespace) -> Sequence[Size]:
    if options.short:
        return (Size(rows=((200, 2), (200, 12)), pages=50, anew=5, polls=200, seconds=6.0),)
    nodes = options.nodes
    if options.large:
        return (Size(rows=((10_000, 1),), pages=100, anew=3, polls=200, seconds=10.0, scrapes=5),)
    return (Size(rows=((10, 10),)), Size(rows=((nodes, 24), (nodes, options.days * 24))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="both by default")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--days", type=int, default=7, help="the longer history")
    parser.add_argument("--large", action="store_true", help="10,000 nodes and an hour, whatever else is said")
    parser.add_argument("--short", action="store_true", help="200 nodes, 2 h and 12 h, whatever else is said")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    return parser.parse_args()


def main() -> None:
    options = _options()
    databases = {"sqlite": sqlite, "postgres": postgres}
    chosen = [options.database] if options.database else list(databases)
    rows = []
    for size in _sizes(options):
        for name in chosen:
            with databases[name]() as database:
                rows += _measured(database, size)
    text = table(HEAD, rows)
    print(text)
    if options.write:
        machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
        replace_between("web", f"{machine}; dashboard, database, rigs and browsers share them.\n\n{text}")


if __name__ == "__main__":
    main()
