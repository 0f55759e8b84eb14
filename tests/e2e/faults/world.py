"""A whole installation for faults to happen to: broker, subscriber, dashboard, publishers, database, disks and cables.

The harness takes the place of the service manager: a part that ends by itself is started again.
"""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rigwatch.keys import MasterKey
from rigwatch.topics import NodeId
from tests.clocked import set_by
from tests.e2e.faults.database import Postgres, Sqlite, postgres, standing, state_of
from tests.e2e.faults.disk import SmallDisk, small_disk
from tests.e2e.faults.doomed import PREFIX, Doomed
from tests.e2e.faults.ledger import Ledger
from tests.e2e.faults.part import Part
from tests.e2e.page import fetch, read_page
from tests.network import Cable, cable
from tests.ports import free_ports
from tests.processes import ROOT, Rigwatch
from tests.waiting import eventually
from tests.webhook import Webhook, webhook

PASSPHRASE = "a garage full of rigs that fail"
_START_S = 120.0
_ALERTS = """
[alerts]
channels = ["{url}"]
grace = "{grace}"
hold = "1s"
group_wait = "1s"
offline = {{ enabled = false }}
clock_off = {{ enabled = false }}
"""
# A node's outbox keeps a log of 1 MB before it is copied into its file.
_OUTBOX_MB_NODE = 2
_SQLITE_MB = 96
_POSTGRES_MB = 320


@dataclass(frozen=True, slots=True)
class Size:
    """How many publishers there are, and how many nodes each has. The first stands beside the server, with its outbox
    on a small disk; the others are behind a cable."""

    publishers: int = 5
    nodes_each: int = 10

    @property
    def nodes(self) -> int:
        return self.publishers * self.nodes_each


@dataclass(slots=True)
class World:
    folder: Path
    size: Size
    database: Sqlite | Postgres
    outbox_disk: SmallDisk
    rigs_cable: Cable
    server_cable: Cable | None
    channel: Webhook
    grace: str
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    broker: Part = field(init=False)
    subscriber: Part = field(init=False)
    web: Part = field(init=False)
    standby: Part = field(init=False)
    publishers: list[Part] = field(init=False)
    ledger: Ledger = field(init=False)
    doomed: Doomed = field(init=False)
    server_clock: Path = field(init=False)
    rig_clock: Path = field(init=False)
    left_behind: list[Path] = field(default_factory=list)
    """Outboxes of machines that are no more: what is in them waits for ever, and is not lost."""
    _login: tuple[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.folder / "copies")
        self.doomed = Doomed(MasterKey.from_passphrase(PASSPHRASE), self.ports[0])
        self.server_clock, self.rig_clock = self.folder / "server.clock", self.folder / "rigs.clock"
        for clock in (self.server_clock, self.rig_clock):
            set_by(clock, 0)
        home = self.folder / "home"
        self.broker = Part(("broker",), self._rigwatch(home))
        self.web = Part(("web",), self._rigwatch(home))
        if self.server_cable is None:
            self.subscriber = Part(("subscribe",), self._rigwatch(home, clock=self.server_clock))
        else:
            elsewhere = self._rigwatch(home, self.server_cable, clock=self.server_clock)
            elsewhere.environment |= {
                "RIGWATCH_BROKER__MODE": "external",
                "RIGWATCH_BROKER__SHARED": "true",
                "RIGWATCH_BROKER__URL": f"mqtt://{self.server_cable.here}:{self.ports[0]}",
                "RIGWATCH_DATABASE__URL": self.database.url(self.server_cable.here),
            }
            self.subscriber = Part(("subscribe",), elsewhere)
        beside = self._rigwatch(home)
        beside.environment["RIGWATCH_BROKER__SHARED"] = "true"
        self.standby = Part(("subscribe",), beside)
        self.publishers = [self._publisher(number) for number in range(self.size.publishers)]

    def start(self) -> None:
        """Returns when every node is online on the page."""
        made = self.web.rigwatch.run("init", "--json")
        assert made.returncode == 0, made.stderr
        access = json.loads(made.stdout)
        self._login = access["user"], access["password"]
        with (self.broker.home / "server.toml").open("a", encoding="utf-8") as settings:
            settings.write(_ALERTS.format(url=self.channel.url, grace=self.grace))
        self.doomed.start()
        self.broker.start()
        self.subscriber.start()
        self.web.start()
        for publisher in self.publishers:
            self.start_publisher(publisher)
        self.wait_until_well(self.now(), timeout=_START_S)

    def start_publisher(self, publisher: Part) -> None:
        publisher.start()
        assert publisher.program is not None
        self.ledger.watch(publisher.program)

    def tend(self) -> None:
        """Starts again what has ended by itself, as a service manager would."""
        for part in (self.broker, self.subscriber, self.web):
            if part.has_ended():
                part.start()
        for publisher in self.publishers:
            if publisher.has_ended():
                self.ledger.read_outboxes(publisher.home / "outbox")
                self.start_publisher(publisher)

    def let_pass(self, seconds: float) -> None:
        """Time, in which the parts are tended."""
        until = time.monotonic() + seconds

        def look() -> bool:
            self.tend()
            return time.monotonic() >= until

        eventually(look, timeout=seconds + 60, what="time passes")

    def is_well(self, since: int) -> bool:
        """Whether every node has reported since then and is online, stored so and shown so, and alerts are driven."""
        self.tend()
        found = standing(self.database)
        late = [node for node, (state, last) in found.items() if state != "online" or last <= since]
        assert len(found) == self.size.nodes, f"{len(found)} nodes of {self.size.nodes}"
        assert not late, f"not back: {', '.join(sorted(late)[:5])} of {len(late)}"
        shown = self.shown()
        wrong = {node: status for node, status in shown.items() if status != "online"}
        assert len(shown) == self.size.nodes
        assert not wrong, f"on the page: {sorted(wrong.items())[:5]}"
        assert self.subscriber.program is not None
        assert "drives the alerts" in self.subscriber.program.text(), "nobody drives the alerts"
        return True

    def wait_until_well(self, since: int, *, timeout: float) -> float:
        """Seconds until it was; an AssertionError when it never is."""
        began = time.monotonic()
        eventually(lambda: self.is_well(since), timeout=timeout, what="every node reports and is online")
        return time.monotonic() - began

    def state_of(self, node: NodeId) -> str:
        self.tend()
        return state_of(self.database, node)

    def shown(self) -> dict[str, str]:
        """Each node's status on the pages of the list, those left out that are there to die."""
        found: dict[str, str] = {}
        for number in itertools.count(1):
            try:
                answer, html = fetch(f"http://127.0.0.1:{self.ports[1]}/?page={number}", *self._login)
            except OSError as exc:
                raise AssertionError(f"the dashboard does not answer: {exc}") from exc
            assert answer == 200, html[:500]
            page = read_page(html)
            if page.rows.keys() <= found.keys():
                break
            found |= {node: page.status(node) for node in page.rows}
        return {node: status for node, status in found.items() if PREFIX not in node}

    @staticmethod
    def now() -> int:
        return time.time_ns() // 1_000_000

    def nodes_of(self, *publishers: Part) -> frozenset[str]:
        """Their names."""
        numbers = [self.publishers.index(each) for each in publishers]
        each = self.size.nodes_each
        return frozenset(f"rig{number * each + at + 1:02}" for number in numbers for at in range(each))

    def end(self) -> None:
        self.doomed.stop()
        for part in (*self.publishers, self.web, self.standby, self.subscriber, self.broker):
            for program in part.rigwatch.started:
                if program.is_running():
                    program.kill()

    def rig(self, home: Path, *, near: bool, clocked: bool) -> Rigwatch:
        """Beside the server, or on the rigs' side of the cable; `clocked`: with the clock that is set."""
        clock = _clocked(self.rig_clock) if clocked else ()
        return Rigwatch(self.folder, home, {}, (*(() if near else self.rigs_cable.wrapper), *clock))

    def _rigwatch(self, home: Path, behind: Cable | None = None, *, clock: Path | None = None) -> Rigwatch:
        environment = {
            "RIGWATCH_BROKER__PORT": "0",
            "RIGWATCH_BROKER__PLAIN_HOST": "0.0.0.0",
            "RIGWATCH_BROKER__PLAIN_PORT": str(self.ports[0]),
            "RIGWATCH_WEB__PORT": str(self.ports[1]),
            "RIGWATCH_DATABASE__URL": self.database.url("127.0.0.1"),
            "RIGWATCH_SECURITY__PASSPHRASE": PASSPHRASE,
            "RIGWATCH_SECURITY__ENROLLMENT": "open",
        }
        wrapper = (*(behind.wrapper if behind else ()), *(_clocked(clock) if clock else ()))
        return Rigwatch(self.folder, home, environment, wrapper)

    def _publisher(self, number: int) -> Part:
        near = number == 0
        home = self.outbox_disk.place if near else self.folder / f"rigs{number}"
        home.mkdir(exist_ok=True, mode=0o700)
        server = "127.0.0.1" if near else self.rigs_cable.here
        first = number * self.size.nodes_each
        nodes = [_node(first + at + 1, f"mqtt://{server}:{self.ports[0]}") for at in range(self.size.nodes_each)]
        (home / "publisher.toml").write_text("\n".join(nodes), encoding="utf-8")
        # The last one is cloned: two that go on from one number of a clock that was ahead would use each other's.
        rigwatch = self.rig(home, near=near, clocked=number < self.size.publishers - 1)
        return Part(("--debug", "publish"), rigwatch)


def _clocked(file: Path) -> tuple[str, ...]:
    return (sys.executable, str(ROOT / "tests" / "clocked.py"), str(file))


def _node(number: int, server: str) -> str:
    return (
        f"[[nodes]]\nnode = 'rig{number:02}'\nserver = '{server}'\npassphrase = '{PASSPHRASE}'\n"
        "interval = '1s'\nkeepalive = '2s'\n[[nodes.sources]]\nkind = 'simulated'\nevery = '1s'\n"
    )


@contextmanager
def world(folder: Path, kind: Literal["sqlite", "postgres"], size: Size, *, grace: str = "90s") -> Iterator[World]:
    """Made, not started; everything is gone at the end."""
    with ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        outbox_disk = stack.enter_context(small_disk(folder / "rigs0", size.nodes_each * _OUTBOX_MB_NODE))
        outbox_disk.place.chmod(0o700)
        rigs = stack.enter_context(cable())
        database: Sqlite | Postgres
        if kind == "sqlite":
            database = Sqlite(stack.enter_context(small_disk(folder / "database", _SQLITE_MB)))
            server = None
        else:
            disk = stack.enter_context(small_disk(folder / "database", _POSTGRES_MB))
            database = stack.enter_context(postgres(disk, folder / "server"))
            server = stack.enter_context(cable())
        channel = stack.enter_context(webhook(host=server.here if server else "127.0.0.1"))
        made_world = World(folder, size, database, outbox_disk, rigs, server, channel, grace)
        stack.callback(made_world.end)
        yield made_world
