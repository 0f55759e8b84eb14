"""Two subscribers of which the one that speaks freezes: its process is stopped, as a machine that stalls does it."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.mosquitto import Mosquitto
from tests.processes import Program, Rigwatch
from tests.waiting import eventually
from tests.webhook import Webhook, webhook

pytestmark = pytest.mark.timeout(300)

PASSPHRASE = "two servers are better than one"
DRIVES = "drives the alerts"


@dataclass(slots=True)
class Pair:
    """Two homes of subscribers on one database and one broker, and publishers for them."""

    rigwatch: Rigwatch
    mosquitto: Mosquitto
    url: str
    hook: Webhook

    def subscribe(self, name: str) -> Program:
        home = self.rigwatch.folder / name
        home.mkdir(mode=0o700)
        (home / "server.toml").write_text(
            f"[broker]\nmode='external'\nurl='{self.mosquitto.url}'\n"
            f"[security]\nenrollment='open'\npassphrase='{PASSPHRASE}'\n[database]\nurl='{self.url}'\n"
            "[alerts]\nhold='0s'\ngroup_wait='0s'\ngrace='0s'\n"
            f"[alerts.channel.hook]\nurl='{self.hook.url}'\nrate=1000\n"
        )
        program = self.rigwatch.start("subscribe", home=home)
        program.wait_for("connected to the broker", timeout=60)
        return program

    def publish(self, node: str) -> Program:
        home = self.rigwatch.folder / node
        home.mkdir(mode=0o700)
        (home / "publisher.toml").write_text(
            f"[[nodes]]\nnode='{node}'\nserver='{self.mosquitto.url}'\npassphrase='{PASSPHRASE}'\n"
            "interval='1s'\nkeepalive='2s'\n[[nodes.sources]]\nkind='simulated'\nevery='1s'\n"
        )
        return self.rigwatch.start("publish", home=home)

    def states(self) -> dict[str, str]:
        connection = psycopg.connect(self.url) if "postgres" in self.url else sqlite3.connect(self._file, timeout=30)
        with closing(connection) as opened:
            return dict(opened.execute("SELECT node, state FROM node").fetchall())

    def freeze(self, program: Program) -> None:
        """Not in the middle of a transaction on SQLite: whoever freezes there holds the file, and nobody can write."""
        while True:
            os.kill(program.pid, signal.SIGSTOP)
            if "postgres" in self.url:
                return
            opened = closing(sqlite3.connect(self._file, timeout=2, isolation_level=None))
            with suppress(sqlite3.OperationalError), opened as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return
            os.kill(program.pid, signal.SIGCONT)

    @property
    def _file(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest, rigwatch: Rigwatch, mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Pair]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'shared.db'}" if sqlite else str(request.getfixturevalue("postgres_url"))
    with webhook() as hook:
        yield Pair(rigwatch, mosquitto, url, hook)


def test_a_leader_that_freezes_is_replaced_and_tells_nothing_when_it_wakes(pair: Pair) -> None:
    first = pair.subscribe("first")
    first.wait_for(DRIVES)
    second = pair.subscribe("second")
    publishers = {name: pair.publish(name) for name in ("one", "two")}
    eventually(lambda: list(pair.states().values()) == ["online"] * 2, timeout=60, what="all are online")

    pair.freeze(first)
    try:
        publishers["one"].kill()
        second.wait_for(DRIVES, timeout=20)
        eventually(lambda: pair.hook.titles, timeout=20, what="the death is told")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    first.wait_for("another subscriber drives the alerts now", timeout=20)

    # What happens from now on is told once as well.
    publishers["two"].kill()
    eventually(lambda: len(pair.hook.titles) == 2, timeout=20, what="the next death is told")
    assert [title.partition(" lost")[0] for title in pair.hook.titles] == ["CRITICAL: main/one", "CRITICAL: main/two"]
    second.terminate()
    first.wait_for(f"(?s)now.*{DRIVES}", timeout=20)
    assert len(pair.hook.titles) == 2
