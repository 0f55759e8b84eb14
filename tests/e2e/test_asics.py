"""ASICs of six families in a network: found, made nodes of, one unplugged, one at another address."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.asics import FAMILIES
from tests.e2e.station import Station
from tests.processes import ROOT, clean_environment
from tests.requirements import program
from tests.waiting import eventually

_PATIENCE_S = 90.0


class Farm:
    """A network of its own with a machine for each family; `net` is the first three bytes of its addresses."""

    def __init__(self, name: str, net: str) -> None:
        self.name = name
        self.net = net
        self.macs = {family: f"02:00:00:00:01:{at:02x}" for at, family in enumerate(FAMILIES, start=1)}
        self.addresses = {family: f"{net}.{at + 10}" for at, family in enumerate(FAMILIES, start=1)}

    def build(self) -> None:
        ip(f"netns add {self.name}")
        ip(f"link add {self.name} type veth peer name eth0 netns {self.name}")
        ip(f"addr add {self.net}.1/24 dev {self.name}")
        ip(f"link set {self.name} up")
        self.there("link set lo up")
        self.there("link set eth0 up")
        for family, address in self.addresses.items():
            self.there(f"link add {family} link eth0 type macvlan mode bridge")
            self.there(f"link set {family} address {self.macs[family]}")
            self.there(f"addr add {address}/24 dev {family}")
            self.there(f"link set {family} up")
        # Each answers for its own address only, as machines of their own would.
        for key in ("arp_ignore=1", "arp_announce=2"):
            subprocess.run([*self.inside, "sysctl", "-qw", f"net.ipv4.conf.all.{key}"], check=True)

    @property
    def inside(self) -> tuple[str, ...]:
        return (program("nsenter"), f"--net=/run/netns/{self.name}")

    def there(self, arguments: str) -> None:
        ip(arguments, *self.inside)

    def unplug(self, family: str) -> None:
        self.there(f"link set {family} down")

    def give_another_address(self, family: str, last: int) -> str:
        """As a router does after a power cut."""
        address = f"{self.net}.{last}"
        self.there(f"addr flush dev {family}")
        self.there(f"addr add {address}/24 dev {family}")
        return address


def ip(arguments: str, *wrapper: str) -> None:
    subprocess.run([*wrapper, program("ip"), *arguments.split()], check=True, capture_output=True)


@contextmanager
def _farm() -> Iterator[tuple[Farm, "subprocess.Popen[str]"]]:
    farm = Farm(f"rwa{os.getpid()}", f"10.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 100 + 150}")
    try:
        farm.build()
        command = [*farm.inside, sys.executable, "-m", "tests.asics"]
        with subprocess.Popen(
            command, cwd=ROOT, env=clean_environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            try:
                serve(process, [f"{family} {farm.addresses[family]} {farm.macs[family]}" for family in FAMILIES])
                yield farm, process
            finally:
                process.kill()
    finally:
        for arguments in (f"link del {farm.name}", f"netns del {farm.name}"):
            subprocess.run([program("ip"), *arguments.split()], check=False, capture_output=True)


def serve(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n".join([*lines, "", ""]))
    process.stdin.flush()
    assert process.stdout.readline() == "all there\n"


def _nodes(home: Path) -> dict[str, tuple[str, str, float | None]]:
    """State, reason and last hashrate of each node."""
    with closing(sqlite3.connect(home / "rigwatch.db")) as database:
        rows = database.execute("SELECT node, state, reason, latest FROM node").fetchall()
    return {
        node: (state, reason, json.loads(latest).get("hashrate") if latest else None)
        for node, state, reason, latest in rows
    }


def _reported(home: Path) -> dict[str, int]:
    """When each node's latest figures with a hashrate were taken, in ms."""
    with closing(sqlite3.connect(home / "rigwatch.db")) as database:
        rows = database.execute(
            "SELECT node.node, max(s.n + s.lag) FROM sample s JOIN node ON node.id = s.node_id "
            "WHERE s.hashrate IS NOT NULL GROUP BY node.node"
        ).fetchall()
    return dict(rows)


@pytest.mark.timeout(400)
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can make a network of its own")
def test_asics_are_found_watched_and_known_again(bare_station: Station) -> None:
    home = bare_station.home
    with _farm() as (farm, process):
        bare_station.init()
        listed = bare_station.rigwatch.run("discover", f"{farm.net}.8/29", "--json", timeout=60)
        assert listed.returncode == 0, listed.stderr
        added = bare_station.rigwatch.run("discover", f"{farm.net}.0/27", "--add", "--site", "farm", timeout=60)
        assert added.returncode == 0, added.stderr
        names = dict(re.findall(r"^(\S+)\s+is the node farm/(\S+)$", added.stdout, re.MULTILINE))
        assert set(names) == set(farm.addresses.values()), added.stdout
        names = {family: names[address] for family, address in farm.addresses.items()}
        again = bare_station.rigwatch.run("discover", f"{farm.net}.0/27", "--add", "--site", "farm", timeout=60)
        assert "nothing new to add" in again.stdout

        settings = home / "publisher.toml"
        text = settings.read_text("utf-8").replace(
            "[[nodes.sources]]\n", 'interval = "5s"\n[[nodes.sources]]\nevery = "5s"\ntimeout = "3s"\n'
        )
        settings.write_text(text, "utf-8")
        bare_station.rigwatch.start("serve").wait_for("connected to the broker", timeout=_PATIENCE_S)
        bare_station.rigwatch.start("publish")
        rates = {
            "antminer": 109_247.48e9, "whatsminer": 76_690_808.44e6, "bosminer": None, "blackminer": None,
            "bitaxe": 1187.6e9, "nerdqaxe": 4756.3e9,
        }  # fmt: skip

        def all_report() -> bool:
            told = _nodes(home)
            return all(name in told and told[name][0] == "online" and told[name][2] for name in names.values())

        eventually(all_report, timeout=_PATIENCE_S, what="each ASIC is online with a hashrate")
        told = _nodes(home)
        for family, rate in rates.items():
            assert rate is None or told[names[family]][2] == pytest.approx(rate, rel=1e-3), family

        farm.unplug("antminer")
        eventually(lambda: _nodes(home)[names["antminer"]][0] == "lost", timeout=_PATIENCE_S, what="it is lost")
        assert farm.addresses["antminer"] in _nodes(home)[names["antminer"]][1]
        assert _nodes(home)[names["nerdqaxe"]][0] == "online"

        address = farm.give_another_address("bitaxe", 25)
        serve(process, [f"bitaxe {address} {farm.macs['bitaxe']}"])
        other = farm.give_another_address("nerdqaxe", 26)
        serve(process, [f"nerdqaxe {other} {farm.macs['nerdqaxe']}"])
        moved = [names["bitaxe"], names["nerdqaxe"]]
        since = _reported(home)
        eventually(
            lambda: all(_reported(home)[name] > since[name] + 10_000 for name in moved),
            timeout=_PATIENCE_S,
            what="both report from their new addresses",
        )
        assert [_nodes(home)[name][0] for name in moved] == ["online", "online"]
