from pathlib import Path

import pytest

from publisher.addresses import Addresses, path_of
from rigwatch.mqtt import Endpoint
from rigwatch.topics import NodeId

NODE = NodeId("main", "rig7")
OLD = Endpoint("old.example", 8883, tls=True, ca="the fleet's")
NEW = Endpoint("10.0.0.9", 8884, tls=True, ca="the fleet's")


def tried(addresses: Addresses, count: int) -> list[str]:
    """Where it looks, when it never gets in."""
    found = []
    for _ in range(count):
        found.append(addresses.current.host)
        addresses.failed()
    return found


def test_with_nothing_announced_there_is_one_place_and_it_is_always_the_last() -> None:
    addresses = Addresses(NODE, OLD)
    assert addresses.is_last
    assert tried(addresses, 3) == ["old.example"] * 3


def test_each_address_has_its_turn_and_trusts_the_same_authority() -> None:
    addresses = Addresses(NODE, OLD)
    addresses.learn(["mqtts://10.0.0.9:8884", "mqtts://third.example"])
    assert tried(addresses, 4) == ["old.example", "10.0.0.9", "third.example", "old.example"]
    assert addresses.current == NEW


def test_an_authority_that_is_known_by_its_key_is_the_one_at_each_address() -> None:
    addresses = Addresses(NODE, Endpoint("old.example", 8883, tls=True, pin="sha256//x"))
    addresses.learn(["mqtts://10.0.0.9:8884"])
    addresses.failed()
    assert addresses.current == Endpoint("10.0.0.9", 8884, tls=True, pin="sha256//x")


def test_the_one_that_is_connected_stays_the_current_one() -> None:
    addresses = Addresses(NODE, OLD)
    addresses.learn(["mqtts://10.0.0.9:8884"])
    addresses.failed()
    addresses.learn(["mqtts://third.example", "mqtts://10.0.0.9:8884"])
    assert addresses.current == NEW
    addresses.learn(["mqtts://third.example"])
    assert addresses.current == OLD


def test_what_was_announced_is_kept_on_disk_until_it_is_taken_back(tmp_path: Path) -> None:
    path = path_of(tmp_path, NODE)
    Addresses(NODE, OLD, path).learn(["mqtts://10.0.0.9:8884"])
    assert path.stat().st_mode & 0o077 == 0
    again = Addresses(NODE, OLD, path)
    assert tried(again, 2) == ["old.example", "10.0.0.9"]
    again.learn([])
    assert Addresses(NODE, OLD, path).is_last


def test_a_node_that_joined_another_server_forgets_what_the_first_announced(tmp_path: Path) -> None:
    path = path_of(tmp_path, NODE)
    Addresses(NODE, OLD, path).learn(["mqtts://10.0.0.9:8884"])
    assert tried(Addresses(NODE, Endpoint("another.example", 8883, tls=True), path), 2) == ["another.example"] * 2


def test_a_node_never_leaves_tls_and_passes_over_what_is_no_address() -> None:
    addresses = Addresses(NODE, OLD)
    addresses.learn(["mqtt://10.0.0.9:1883", "nonsense", "mqtts://old.example:8883", "https://a", "mqtts://b.example"])
    assert tried(addresses, 3) == ["old.example", "b.example", "old.example"]
    plain = Addresses(NODE, Endpoint("127.0.0.1", 1883))
    plain.learn(["mqtt://10.0.0.9:1883"])
    assert tried(plain, 2) == ["127.0.0.1", "10.0.0.9"]


@pytest.mark.parametrize("kept", ["", "[", '{"a": 1}', "[1, 2]", "\0", "[]"])
def test_a_damaged_file_costs_what_was_announced_and_no_more(tmp_path: Path, kept: str) -> None:
    path = path_of(tmp_path, NODE)
    path.write_text(kept)
    assert Addresses(NODE, OLD, path).is_last


def test_a_disk_that_refuses_does_not_keep_it_from_being_used(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file in the way")
    addresses = Addresses(NODE, OLD, path_of(tmp_path / "outbox", NODE))
    addresses.learn(["mqtts://10.0.0.9:8884"])
    assert tried(addresses, 2) == ["old.example", "10.0.0.9"]
