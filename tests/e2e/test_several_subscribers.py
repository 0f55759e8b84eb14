"""Two subscribers, on one Mosquitto and one PostgreSQL, as an owner has them who cannot do without one of the two."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.e2e.faults.database import Stored, stored
from tests.e2e.faults.judge import Account, count, less
from tests.e2e.faults.ledger import Ledger
from tests.mosquitto import Mosquitto
from tests.processes import Program, Rigwatch
from tests.waiting import eventually
from tests.webhook import Webhook, webhook

NODES = 10
PASSPHRASE = "two servers are better than one"
SENT = re.compile(r"Sending PUBLISH to (subscriber\S+) .*'rigwatch/v1/[^']*/report'")
DRIVES = "drives the alerts"


@dataclass(slots=True)
class Pair:
    """Two homes of subscribers that know the same nodes, and publishers for them."""

    rigwatch: Rigwatch
    mosquitto: Mosquitto
    url: str
    hook: Webhook
    ledger: Ledger
    subscribers: dict[str, Program] = field(default_factory=dict)

    def subscribe(self, name: str) -> Program:
        home = self.rigwatch.folder / name
        if not home.exists():
            home.mkdir(mode=0o700)
            (home / "server.toml").write_text(
                f"[broker]\nmode='external'\nurl='{self.mosquitto.url}'\nshared=true\n"
                f"[security]\nenrollment='open'\npassphrase='{PASSPHRASE}'\n[database]\nurl='{self.url}'\n"
                "[alerts]\nhold='0s'\ngroup_wait='0s'\ngrace='0s'\n"
                f"[alerts.channel.hook]\nurl='{self.hook.url}'\nrate=1000\n"
            )
        program = self.rigwatch.start("subscribe", home=home)
        program.wait_for("connected to the broker", timeout=30)
        self.subscribers[name] = program
        return program

    def publish(self, name: str, *nodes: str) -> Program:
        home = self.rigwatch.folder / name
        if not home.exists():
            home.mkdir(mode=0o700)
            (home / "publisher.toml").write_text("".join(self._node(node) for node in nodes))
        program = self.rigwatch.start("--debug", "publish", home=home)
        self.ledger.watch(program)
        return program

    def driver(self) -> str:
        """Who drives the alerts, of those that are alive."""
        return next(name for name, each in self.subscribers.items() if each.is_running() and DRIVES in each.text())

    def stored(self) -> Stored:
        with closing(psycopg.connect(self.url, autocommit=True)) as connection:
            return stored(connection)

    def states(self) -> dict[str, str]:
        with closing(psycopg.connect(self.url)) as connection:
            return dict(connection.execute("SELECT node, state FROM node").fetchall())

    def shares(self) -> Counter[str]:
        """How many reports Mosquitto has sent to each subscriber."""
        return Counter(SENT.findall(self.mosquitto.log()))

    def _node(self, name: str) -> str:
        return (
            f"[[nodes]]\nnode='{name}'\nserver='{self.mosquitto.url}'\npassphrase='{PASSPHRASE}'\n"
            "interval='1s'\nkeepalive='2s'\n[[nodes.sources]]\nkind='simulated'\nevery='1s'\n"
        )


@pytest.fixture
def pair(rigwatch: Rigwatch, mosquitto: Mosquitto, postgres_url: str, tmp_path: Path) -> Iterator[Pair]:
    with webhook() as hook:
        yield Pair(rigwatch, mosquitto, postgres_url, hook, Ledger(tmp_path / "copies"))


def _all_online(pair: Pair, nodes: int) -> bool:
    states = pair.states()
    return len(states) == nodes and set(states.values()) == {"online"}


def _both_get(pair: Pair, reports: int) -> bool:
    shares = pair.shares()
    return len(shares) == 2 and min(shares.values()) > reports


def test_they_share_the_reports_store_each_once_and_the_death_of_the_one_that_alerts_is_made_up_for(
    pair: Pair,
) -> None:
    first = pair.subscribe("first")
    first.wait_for(DRIVES)
    pair.subscribe("second")
    many = pair.publish("many", *(f"rig{number}" for number in range(NODES - 1)))
    single = pair.publish("single", "single")
    eventually(lambda: _all_online(pair, NODES), timeout=30, what="all are online")
    eventually(lambda: _both_get(pair, 2 * NODES), timeout=30, what="both get reports")
    assert pair.driver() == "first"

    # The one that alerts dies, with reports on their way to it; and then a node does.
    first.kill()
    killed = time.monotonic()
    single.kill()
    pair.ledger.read_outboxes(pair.rigwatch.folder / "single" / "outbox")
    eventually(lambda: any("single lost" in title for title in pair.hook.titles), timeout=15, what="the alert comes")
    took = time.monotonic() - killed
    assert took < 10
    assert pair.driver() == "second"
    pair.subscribe("first")
    again = pair.publish("single")
    eventually(lambda: _all_online(pair, NODES), timeout=30, what="all are online again")
    eventually(lambda: any("single" in title and "lost" not in title for title in pair.hook.titles), timeout=15)

    # Sent again at once to whoever is there; otherwise what the dead one had been given would come after 20 s.
    many.terminate()
    many = pair.publish("many")
    # One that is still starting ends by the signal itself.
    many.wait_for("node is online", timeout=30)
    due, *_ = pair.ledger.totals()
    eventually(lambda: not less(due, pair.stored().numbers), timeout=30, what="all that was accepted is stored")
    for publisher in (many, again):
        assert publisher.terminate() == 0
    eventually(lambda: set(pair.states().values()) == {"offline"}, timeout=15, what="all said goodbye")
    waiting: dict[str, AbstractSet[int]] = {}
    for name in ("many", "single"):
        waiting |= pair.ledger.read_outboxes(pair.rigwatch.folder / name / "outbox")
    for subscriber in pair.subscribers.values():
        subscriber.terminate()
    found = pair.stored()
    accepted, refused, _ = pair.ledger.totals()
    assert count(found.numbers) > 5 * NODES
    assert Account(accepted, refused, found.numbers, waiting, found.counted).complaints() == []
    assert found.fleet == found.fleet_of_samples
    assert len([title for title in pair.hook.titles if "single lost" in title]) == 1
