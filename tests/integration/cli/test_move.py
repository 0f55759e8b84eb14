"""`move`: what it announces, what it says, and what it notes."""

from contextlib import closing

from rigwatch import servers
from rigwatch.home import Home
from store import open_store
from tests.processes import Rigwatch


def test_addresses_are_announced_shown_and_taken_back(at_home: Rigwatch) -> None:
    home = Home(at_home.home)
    assert at_home.run("move").stdout == "no other address was announced\n"
    done = at_home.run("move", "10.0.0.9", "monitor.example:9000", "10.0.0.9:8883", "--by", "ann")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "mqtts://10.0.0.9:8883\nmqtts://monitor.example:9000\n"
    assert servers.read(home.servers_json) == ("mqtts://10.0.0.9:8883", "mqtts://monitor.example:9000")
    assert at_home.run("move").stdout.endswith("\nno subscriber is running, so nobody is told\n")
    for wrong in (["move", "https://x"], ["move", "--nowhere", "x"], ["move", *(f"a{at}" for at in range(9))]):
        refused = at_home.run(*wrong)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1), refused.stderr
    assert len(servers.read(home.servers_json) or ()) == 2
    assert at_home.run("move", "--nowhere").returncode == 0
    assert servers.read(home.servers_json) == ()
    with closing(open_store("sqlite:///rigwatch.db", home)) as store, store.read() as tx:
        noted = tx.rows("SELECT who, subject FROM audit WHERE action = 'server.move' ORDER BY id")
    assert noted[0] == ("ann (command line)", "mqtts://10.0.0.9:8883, mqtts://monitor.example:9000")
    assert noted[1][1] == "nowhere"
