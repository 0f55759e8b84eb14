"""The enrolled nodes: nothing is lost, and who may use which key at which moment."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rigwatch import registry as module
from rigwatch.errors import RigwatchError
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.registry import Enrollment, NodeAccess, Registry
from rigwatch.topics import NodeId
from tests.fake_clock import START
from tests.processes import ROOT

NODE = NodeId("main", "rig1")
OTHER = NodeId("farm-a", "rig1")
MASTER = MasterKey(bytes(range(32)))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "nodes.json")


def key(generation: int, node: NodeId = NODE) -> NodeKey:
    return MASTER.node_key(node, generation)


def keys_at(registry: Registry, now: int = START, *, open_enrollment: bool = False) -> tuple[NodeKey, ...]:
    return NodeAccess(MASTER, registry, open_enrollment=open_enrollment).accepted_keys(NODE, now)


def test_a_registry_without_a_file_is_empty(registry: Registry) -> None:
    assert registry.nodes() == {}
    assert registry.get(NODE) is None


def test_enrolling_twice_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    first = registry.enroll(NODE, START)
    written = (tmp_path / "nodes.json").stat().st_mtime_ns
    assert registry.enroll(NODE, START + 5000) == first == Enrollment(generation=0, enrolled_at=START)
    assert (tmp_path / "nodes.json").stat().st_mtime_ns == written


def test_many_are_enrolled_at_once_and_those_already_there_stay(registry: Registry) -> None:
    registry.enroll(NODE, START)
    both = registry.enroll_all([OTHER, NODE], START + 1)
    assert both == registry.nodes()
    assert (both[NODE].enrolled_at, both[OTHER].enrolled_at) == (START, START + 1)


def test_another_reader_of_the_file_sees_each_change_at_once(registry: Registry, tmp_path: Path) -> None:
    reader = Registry(tmp_path / "nodes.json")
    assert reader.nodes() == {}
    registry.enroll(NODE, START)
    assert set(reader.nodes()) == {NODE}
    registry.enroll(OTHER, START)
    assert set(reader.nodes()) == {NODE, OTHER}
    registry.revoke(NODE, START)
    assert reader.nodes() == registry.nodes()
    (tmp_path / "nodes.json").unlink()
    assert reader.nodes() == {}


def test_the_file_is_private_and_holds_no_key(registry: Registry, tmp_path: Path) -> None:
    registry.enroll(NODE, START)
    path = tmp_path / "nodes.json"
    assert path.read_text() == f'{{\n "main/rig1": {{\n  "generation": 0,\n  "enrolled_at": {START}\n }}\n}}\n'
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_processes_that_enroll_at_once_lose_nothing(registry: Registry, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from rigwatch.registry import Registry; from rigwatch.topics import NodeId\n"
        "registry = Registry(Path(sys.argv[1])); sys.stdin.readline()\n"
        "for number in range(25): registry.enroll(NodeId(sys.argv[2], f'rig{number}'), number)\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "nodes.json"), f"site{racer}"], cwd=ROOT, stdin=subprocess.PIPE
        )
        for racer in range(3)
    ]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write(b"go\n")
        racer.stdin.flush()
    for racer in racers:
        racer.communicate(timeout=60)
        assert racer.returncode == 0
    assert set(registry.nodes()) == {NodeId(f"site{racer}", f"rig{n}") for racer in range(3) for n in range(25)}


DAMAGED = {
    "empty": b"",
    "cut": b'{"main/rig1": {"generation": 0, "enr',
    "list": b"[]",
    "field": b'{"main/rig1": {"generation": "zero", "enrolled_at": 1}}',
    "missing": b'{"main/rig1": {"generation": 0}}',
    "name": b'{"Main": {"generation": 0, "enrolled_at": 1}}',
    "bytes": b"\xff\xfe",
    "text": b'{"main/rig1": {"generation": 0, "enrolled_at": 1}, "\xff": 1}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_one_clear_line_and_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "nodes.json"
    path.write_bytes(content)
    for ask in (lambda: Registry(path).nodes(), lambda: Registry(path).enroll(NODE, START)):
        with pytest.raises(RigwatchError, match="cannot be read as the list of enrolled nodes") as refusal:
            ask()
        assert str(refusal.value).startswith(f"{path}: ")
        assert "\n" not in str(refusal.value)
    assert path.read_bytes() == content


def test_a_file_that_was_damaged_and_mended_is_read_again(registry: Registry, tmp_path: Path) -> None:
    registry.enroll(NODE, START)
    whole = (tmp_path / "nodes.json").read_bytes()
    (tmp_path / "nodes.json").write_bytes(b"{")
    for _ in range(2):
        with pytest.raises(RigwatchError):
            registry.get(NODE)
    (tmp_path / "nodes.json").write_bytes(whole)
    assert registry.get(NODE) == Enrollment(0, START)


@pytest.mark.parametrize("place", ["directory", "below-a-file"])
def test_a_place_that_cannot_be_read_is_one_clear_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "nodes.json").mkdir()
    path = tmp_path / "nodes.json" if place == "directory" else tmp_path / "file" / "nodes.json"
    with pytest.raises(RigwatchError, match=r"nodes\.json: cannot be read"):
        Registry(path).nodes()


def test_an_enrolled_node_may_use_its_first_key(registry: Registry) -> None:
    registry.enroll(NODE, START)
    assert keys_at(registry) == (key(0),)


def test_with_closed_enrolment_a_stranger_may_use_none(registry: Registry) -> None:
    registry.enroll(OTHER, START)
    assert keys_at(registry) == ()


def test_with_open_enrolment_a_stranger_may_use_its_first_key(registry: Registry) -> None:
    assert keys_at(registry, open_enrollment=True) == (key(0),)


@pytest.mark.parametrize("open_enrollment", [False, True])
def test_a_revoked_node_may_use_none(registry: Registry, *, open_enrollment: bool) -> None:
    registry.enroll(NODE, START)
    registry.revoke(NODE, START)
    assert keys_at(registry, open_enrollment=open_enrollment) == ()


def test_a_node_can_be_revoked_before_it_was_ever_enrolled(registry: Registry) -> None:
    registry.revoke(NODE, START)
    assert keys_at(registry, open_enrollment=True) == ()


def test_a_node_enrolled_again_after_a_revocation_gets_a_new_key_and_the_old_one_stays_dead(registry: Registry) -> None:
    registry.enroll(NODE, START)
    registry.revoke(NODE, START)
    again = registry.enroll(NODE, START + 1)
    assert (again.generation, again.enrolled_at, again.revoked) == (1, START + 1, False)
    assert keys_at(registry, open_enrollment=True) == (key(1),)


def test_revoking_twice_does_not_bring_a_key_back(registry: Registry) -> None:
    registry.enroll(NODE, START)
    registry.revoke(NODE, START)
    registry.revoke(NODE, START)
    registry.enroll(NODE, START)
    assert key(0) not in keys_at(registry)
    assert key(1) not in keys_at(registry)


def test_after_a_rotation_both_keys_count_until_the_stated_moment_the_new_one_first(registry: Registry) -> None:
    registry.enroll(NODE, START)
    assert registry.rotate(NODE, previous_until=START + 1000).generation == 1
    assert keys_at(registry, START) == (key(1), key(0))
    assert keys_at(registry, START + 999) == (key(1), key(0))
    assert keys_at(registry, START + 1000) == (key(1),)


def test_after_two_rotations_only_the_last_two_keys_count(registry: Registry) -> None:
    registry.enroll(NODE, START)
    registry.rotate(NODE, previous_until=START + 1000)
    registry.rotate(NODE, previous_until=START + 1000)
    assert keys_at(registry) == (key(2), key(1))


def test_a_revocation_ends_the_previous_key_as_well(registry: Registry) -> None:
    registry.enroll(NODE, START)
    registry.rotate(NODE, previous_until=START + 1_000_000)
    registry.revoke(NODE, START)
    assert keys_at(registry) == ()
    registry.enroll(NODE, START)
    assert keys_at(registry) == (key(2),)


@pytest.mark.parametrize("revoked", [False, True])
def test_only_an_enrolled_node_can_be_rotated(registry: Registry, *, revoked: bool) -> None:
    if revoked:
        registry.enroll(NODE, START)
        registry.revoke(NODE, START)
    before = registry.nodes()
    with pytest.raises(RigwatchError, match="main/rig1: is not enrolled; run 'rigwatch enroll'"):
        registry.rotate(NODE, previous_until=START)
    assert registry.nodes() == before


def test_a_revocation_reaches_an_access_that_is_in_use(registry: Registry, tmp_path: Path) -> None:
    access = NodeAccess(MASTER, Registry(tmp_path / "nodes.json"), open_enrollment=False)
    registry.enroll(NODE, START)
    assert access.accepted_keys(NODE, START) == (key(0),)
    registry.revoke(NODE, START)
    assert access.accepted_keys(NODE, START) == ()


def test_a_patient_access_sees_a_revocation_soon_and_asks_the_disk_seldom(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    access = NodeAccess(MASTER, Registry(tmp_path / "nodes.json", max_age=0.05), open_enrollment=False)
    registry.enroll(NODE, START)
    assert access.accepted_keys(NODE, START) == (key(0),)
    registry.revoke(NODE, START)
    moment[0] += 0.04
    assert access.accepted_keys(NODE, START) == (key(0),)
    moment[0] += 0.02
    assert access.accepted_keys(NODE, START) == ()


def test_each_node_has_keys_of_its_own(registry: Registry) -> None:
    access = NodeAccess(MASTER, registry, open_enrollment=True)
    assert access.accepted_keys(OTHER, START) == (key(0, OTHER),)
    assert access.accepted_keys(NODE, START) == (key(0, NODE),)


@pytest.mark.parametrize("spoilt", ["{broken", ""])
def test_while_the_file_cannot_be_read_what_it_said_last_counts(
    registry: Registry, tmp_path: Path, spoilt: str
) -> None:
    registry.enroll(NODE, START)
    access = NodeAccess(MASTER, Registry(tmp_path / "nodes.json"), open_enrollment=False)
    assert access.accepted_keys(NODE, START) == (key(0),)
    (tmp_path / "nodes.json").write_text(spoilt)
    assert access.accepted_keys(NODE, START) == (key(0),)
    assert access.accepted_keys(OTHER, START) == ()
    (tmp_path / "nodes.json").write_text("{}")
    assert access.accepted_keys(NODE, START) == ()


def test_a_file_that_never_could_be_read_lets_nobody_in(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "nodes.json").write_text("{broken")
    with pytest.raises(RigwatchError, match="cannot be read"):
        keys_at(registry, open_enrollment=True)


def test_moving_enrolls_one_and_revokes_the_other_and_again_changes_nothing(registry: Registry) -> None:
    registry.enroll(NODE, START)
    there = NodeId("cellar", NODE.node)
    registry.move(NODE, there, START + 1)
    known = registry.nodes()
    assert (known[NODE].revoked, known[NODE].generation) == (True, 1)
    assert (known[there].revoked, known[there].enrolled_at) == (False, START + 1)
    registry.move(NODE, there, START + 2)
    assert registry.nodes() == known


def test_moving_back_gives_the_next_key_and_not_an_old_one(registry: Registry) -> None:
    registry.enroll(NODE, START)
    there = NodeId("cellar", NODE.node)
    registry.move(NODE, there, START + 1)
    registry.move(there, NODE, START + 2)
    known = registry.nodes()
    assert (known[NODE].revoked, known[NODE].generation) == (False, 1)
    assert (known[there].revoked, known[there].generation) == (True, 1)


def test_the_key_that_was_rotated_away_is_known_and_no_other(registry: Registry) -> None:
    access = NodeAccess(MASTER, registry, open_enrollment=False)
    registry.enroll(NODE, START)
    assert access.former_key(NODE) is None
    registry.rotate(NODE, previous_until=START)
    registry.rotate(NODE, previous_until=START)
    assert access.former_key(NODE) == key(1)
    registry.revoke(NODE, START)
    assert access.former_key(NODE) is None
    registry.enroll(NODE, START)
    assert access.former_key(NODE) is None
    assert access.former_key(OTHER) is None


def test_it_says_why_a_node_has_no_key(registry: Registry) -> None:
    access = NodeAccess(MASTER, registry, open_enrollment=False)
    assert access.why_none(NODE) == "nobody has enrolled it"
    registry.enroll(NODE, START)
    registry.revoke(NODE, START)
    assert access.why_none(NODE) == "its key was revoked"
