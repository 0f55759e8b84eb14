"""The databases of the fault runs, each on a small disk of its own: what can be done to them, and what is in them."""

import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg

from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from tests import reckoning
from tests.e2e.faults.disk import SmallDisk
from tests.e2e.faults.doomed import PREFIX
from tests.e2e.faults.judge import Numbers
from tests.ports import free_port
from tests.postgres import initialise, server_account, server_programs
from tests.reckoning import Came, Said, Taken
from tests.waiting import eventually

_STORED = "SELECT site, node, n FROM sample s JOIN node ON node.id = s.node_id"
_COUNTED = "SELECT site, node, sum(h.samples) FROM node_hour h JOIN node ON node.id = h.node_id GROUP BY site, node"
_STANDING = "SELECT site, node, state, last_report_at FROM node"
_ANY = f"""
SELECT node_id, min(n) FROM sample WHERE node_id IN (SELECT id FROM node WHERE node NOT LIKE '{PREFIX}%')
GROUP BY node_id LIMIT 1
"""  # noqa: S608 - a constant
_FLEET = """
SELECT minute, hashrate, nodes FROM fleet_minute WHERE nodes > 0
"""
_NODES = "SELECT id, interval FROM node"
_TAKEN = "SELECT node_id, n + lag, n, hashrate FROM sample"
_CAME = "SELECT node_id, at, state, interval FROM node_change ORDER BY node_id, at"


class Connection(Protocol):
    """What sqlite3 and psycopg have in common."""

    def execute(self, sql: Any, /) -> Any: ...  # noqa: ANN401 - the drivers' own types


@dataclass(frozen=True, slots=True)
class Stored:
    """What a database holds of samples, and how many of them its sums have counted."""

    numbers: Numbers
    counted: dict[str, int]
    fleet: dict[int, tuple[float, int]]
    """The sum of the nodes' figures and how many nodes that are, by minute, as it is kept."""
    fleet_of_samples: dict[int, tuple[float, int]]
    """The same, from the samples."""


class Database(Protocol):
    disk: SmallDisk

    def url(self, host: str) -> str: ...
    def start(self) -> None: ...
    def opened(self) -> Any: ...  # noqa: ANN401 - a context manager of `Connection`


def stored(connection: Connection) -> Stored:
    numbers: dict[str, set[int]] = {}
    for site, node, n in _rigs(connection, _STORED):
        numbers.setdefault(f"{site}/{node}", set()).add(n)
    counted = {f"{site}/{node}": int(total) for site, node, total in _rigs(connection, _COUNTED)}
    fleet = {minute: (float(rate), nodes) for minute, rate, nodes in connection.execute(_FLEET).fetchall()}
    again = reckoning.fleet(_said(connection), 0, ends=False)
    return Stored(numbers, counted, fleet, again)


def _said(connection: Connection) -> list[Said]:
    nodes = {number: Said([], [], interval) for number, interval in connection.execute(_NODES).fetchall()}
    taken: dict[int, list[Taken]] = {number: [] for number in nodes}
    came: dict[int, list[Came]] = {number: [] for number in nodes}
    for number, *sample in connection.execute(_TAKEN).fetchall():
        taken[number].append(Taken(*sample))
    for number, at, state, interval in connection.execute(_CAME).fetchall():
        came[number].append(Came(at, NodeState(state), interval))
    return [Said(taken[number], came[number], each.interval) for number, each in nodes.items()]


def _rigs(connection: Connection, sql: str) -> list[Any]:
    """Rows that begin with a site and a node, without those of nodes that are there to die."""
    return [row for row in connection.execute(sql).fetchall() if not row[1].startswith(PREFIX)]


def state_of(database: Database, node: NodeId) -> str:
    """What it said last; empty while the database does not say."""
    try:
        with database.opened() as connection:
            rows = connection.execute(_STANDING).fetchall()
    except (sqlite3.Error, psycopg.Error):
        return ""
    return next((state or "" for site, name, state, _ in rows if (site, name) == (node.site, node.node)), "")


def standing(database: Database) -> dict[str, tuple[str, int]]:
    """Each node's state and the time of its last report; an AssertionError while the database does not say."""
    try:
        with database.opened() as connection:
            rows = _rigs(connection, _STANDING)
    except (sqlite3.Error, psycopg.Error) as exc:
        raise AssertionError(f"the database does not answer: {exc}") from exc
    return {f"{site}/{node}": (state or "", last or 0) for site, node, state, last in rows}


def without_one(database: Database) -> tuple[str, int, Stored]:
    """What the database would hold had one sample been lost, and which; nothing is changed."""
    with database.opened() as connection:
        connection.execute("BEGIN")
        node_id, n = connection.execute(_ANY).fetchone()
        site, node = connection.execute(f"SELECT site, node FROM node WHERE id = {node_id}").fetchone()  # noqa: S608 - a number
        connection.execute(f"DELETE FROM sample WHERE node_id = {node_id} AND n = {n}")  # noqa: S608 - numbers
        less = stored(connection)
        connection.execute("ROLLBACK")
    return f"{site}/{node}", n, less


class Sqlite:
    """A file; it cannot be stopped, but locked."""

    def __init__(self, disk: SmallDisk) -> None:
        self.disk = disk
        self.path = disk.place / "rigwatch.db"

    def url(self, _host: str) -> str:
        return f"sqlite:///{self.path}"

    def start(self) -> None:
        """There is nothing to start."""

    @contextmanager
    def opened(self) -> Iterator[Connection]:
        with closing(sqlite3.connect(self.path, timeout=5, isolation_level=None)) as connection:
            yield connection

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else can write."""
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def shrink_log(self) -> None:
        """What the log holds goes into the file, so that the next commit needs room on the disk."""
        with self.opened() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@dataclass(slots=True)
class Postgres:
    """A server of the run's own, that can be stopped and crashed, and that other machines reach."""

    disk: SmallDisk
    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None
    _programs: Path = Path()

    def url(self, host: str) -> str:
        return f"postgresql://test@{host}:{self.port}/postgres"

    @property
    def _data(self) -> Path:
        return self.disk.place / "data"

    def create(self) -> None:
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self._programs = server_programs(self.folder)
        initialise(self._programs, self._data)
        # From this machine's own addresses and the cables: nobody else is let in.
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")
        self.start()

    def start(self) -> None:
        """Does nothing where it runs."""
        if self._process is None or self._process.poll() is not None:
            settings = {
                "listen_addresses": "0.0.0.0", "unix_socket_directories": "", "fsync": "off",
                "max_wal_size": "64MB", "min_wal_size": "32MB",
            }  # fmt: skip
            command: list[str | Path] = [self._programs / "postgres", "-D", self._data, "-p", str(self.port)]
            command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            with (self.folder / "postgres.log").open("ab") as log:
                self._process = subprocess.Popen(
                    command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, **server_account()
                )
        eventually(self._is_ready, timeout=60, what="PostgreSQL takes connections")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: ends connections and stops; SIGQUIT: as a crash, to be recovered at the next start."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)

    @contextmanager
    def opened(self) -> Iterator[Connection]:
        with psycopg.connect(self.url("127.0.0.1"), autocommit=True, connect_timeout=2) as connection:
            yield connection

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            # A disk that was full a moment ago.
            raise AssertionError(f"postgres ended with {self._process.returncode}")
        try:
            with self.opened():
                return True
        except psycopg.OperationalError:
            return False


@contextmanager
def postgres(disk: SmallDisk, folder: Path) -> Iterator[Postgres]:
    server = Postgres(disk, folder)
    try:
        server.create()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
