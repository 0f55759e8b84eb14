"""A whole installation as its owner has it: a home, its ports, `rigwatch up`, and what page and store say."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.e2e.page import Page, fetch, read_page
from tests.homes import MadeHome
from tests.ports import free_ports
from tests.processes import Program, Rigwatch
from tests.waiting import eventually

PARTS = ("broker", "subscribe", "web", "publish")
"""In the order in which `up` starts them."""

# The machines that run the tests are small and shared; a start that takes longer than this is a failure anywhere.
START_S = 60.0


@dataclass(slots=True)
class Station:
    """A home that `rigwatch init` made. Its rigs are homes of their own beside it."""

    rigwatch: Rigwatch
    port: int
    plain_port: int
    web_port: int
    url: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def home(self) -> Path:
        return self.rigwatch.home

    def init(self) -> None:
        made = self.rigwatch.run("init", "--json")
        assert made.returncode == 0, made.stderr
        access = json.loads(made.stdout)
        self.url, self.user, self.password = access["url"], access["user"], access["password"]

    def up(self, *options: str) -> Program:
        """`rigwatch up`, once all its parts run."""
        program = self.rigwatch.start(*options, "up")
        program.wait_for("rigwatch is running", timeout=START_S)
        eventually(lambda: set(parts_of(program)) == set(PARTS), timeout=START_S, what="all parts run")
        program.wait_for(r"connected to the broker", timeout=START_S)
        return program

    def page(self, path: str = "") -> Page:
        """The overview now; an AssertionError where there is none."""
        try:
            status, html = fetch(self.url + path, self.user, self.password)
        except OSError as exc:
            raise AssertionError(f"the dashboard does not answer: {exc}") from exc
        assert status == 200, html
        return read_page(html)

    def wait_for_status(self, node: str, wanted: str, *, timeout: float = START_S) -> None:
        eventually(lambda: self.page().status(node) == wanted, timeout=timeout, what=f"{node} is {wanted}")

    def token(self, node: str, *options: str) -> str:
        """What `rigwatch enroll` prints."""
        enrolled = self.rigwatch.run("enroll", node, *options)
        assert enrolled.returncode == 0, enrolled.stderr
        return enrolled.stdout.strip()

    def rig(self, name: str) -> Path:
        """Where another machine's home will be; nothing is there yet."""
        return self.rigwatch.folder / name

    def rig_with(self, name: str, settings: str) -> Path:
        """Another machine's home with this `publisher.toml`."""
        home = self.rig(name)
        home.mkdir(mode=0o700)
        (home / "publisher.toml").write_text(settings, encoding="utf-8")
        return home

    def samples(self) -> dict[str, set[int]]:
        """The numbers of all samples in the store, by "site/node"."""
        with reading(self.home / "rigwatch.db") as store:
            return samples_in(store)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The store, beside whoever is writing to it; nothing can be changed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as store:
        yield store


def samples_in(store: sqlite3.Connection) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for site, node, n in store.execute("SELECT site, node, n FROM sample s JOIN node ON node.id = s.node_id"):
        found.setdefault(f"{site}/{node}", set()).add(n)
    return found


def parts_of(up: Program) -> dict[str, psutil.Process]:
    """The processes that a supervisor keeps now, by the command that each is."""
    found = {}
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(up.pid).children():
            # One that has just died has no command line any more.
            if command := _command(child):
                found[command[-1]] = child
    return found


def is_dead(process: psutil.Process) -> bool:
    """Whether it runs no more, be it that its parent has noticed or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def bare_station(rigwatch: Rigwatch) -> Station:
    """Ports are chosen, nothing is made yet."""
    port, plain_port, web_port = free_ports(3)
    rigwatch.environment.update(
        RIGWATCH_BROKER__PORT=str(port), RIGWATCH_BROKER__PLAIN_PORT=str(plain_port), RIGWATCH_WEB__PORT=str(web_port)
    )
    return Station(rigwatch, port, plain_port, web_port)


@pytest.fixture
def station(bare_station: Station, made_home: MadeHome) -> Station:
    """Set up, not started."""
    made_home.copy_to(bare_station.home)
    bare_station.url = f"http://127.0.0.1:{bare_station.web_port}/"
    bare_station.user, bare_station.password = made_home.user, made_home.password
    return bare_station
