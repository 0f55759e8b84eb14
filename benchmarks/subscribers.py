"""The subscriber as a process with a home of its own, the databases it stores in, and what both use of the machine."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.brokers import PASSPHRASE, Measured
from rigwatch.home import Home
from store import open_store
from tests.postgres import postgres_running
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class Database:
    """An empty one. `server` is the process behind it, None for SQLite."""

    name: str
    url: str
    server: psutil.Process | None = None

    def cpu(self) -> float:
        """Seconds of all the server's processes."""
        return cpu(self.server, *self.server.children()) if self.server else 0.0

    def samples(self, home: Path) -> int:
        """Rows stored."""
        with contextlib.closing(open_store(self.url, Home(home))) as store, store.read() as tx:
            return int(tx.rows("SELECT count(*) FROM sample")[0][0])


@contextmanager
def sqlite() -> Iterator[Database]:
    """A file in the subscriber's home."""
    yield Database("SQLite", "sqlite:///rigwatch.db")


@contextmanager
def postgres() -> Iterator[Database]:
    """A server for this run alone, which waits for its disk as one in earnest does."""
    with postgres_running("fsync=on") as server:
        yield Database("PostgreSQL", server.create_database(), psutil.Process(server.process.pid))


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A running one, connected to its broker."""

    home: Path
    process: psutil.Process
    log: Path

    def peak(self) -> int:
        """The most bytes that were resident at any time; elsewhere than on Linux, those of now."""
        status = Path(f"/proc/{self.process.pid}/status")
        if status.exists():
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            return int(line.split()[1]) * 1024
        return int(self.process.memory_info().rss)


@contextmanager
def subscribing(broker: Measured, database: Database, *, more: str = "") -> Iterator[Subscriber]:
    """`rigwatch subscribe` on that broker and that database; `more` are further settings."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigwatch-bench-")))
        (home / "server.toml").write_text(
            f'[broker]\nmode = "external"\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
            f'[security]\nenrollment = "open"\npassphrase = "{PASSPHRASE}"\n[database]\nurl = "{database.url}"\n{more}'
        )
        log = home / "subscriber.log"
        command = [sys.executable, "-m", "rigwatch", f"--home={home}", "subscribe"]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stderr=out)
        try:
            eventually(lambda: "connected to the broker" in log.read_text(), timeout=60, what="a subscriber")
            yield Subscriber(home, psutil.Process(process.pid), log)
        finally:
            process.terminate()
            process.wait(30)


def cpu(*processes: psutil.Process) -> float:
    """Seconds used so far."""
    times = [each.cpu_times() for each in processes]
    return float(sum(each.user + each.system for each in times))
