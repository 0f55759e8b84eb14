"""Everything in a home is its owner's alone, whatever the umask was, and an open home is closed or refused."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.accounts import AccountFile
from broker.rights import Role
from publisher.outbox import Limits, Outbox
from publisher.outbox_file import path_of
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.home import Home
from rigwatch.lock import private_lock
from rigwatch.registry import Registry
from rigwatch.topics import NodeId
from store import open_store
from tests.commands import free_addresses
from tests.fake_clock import FakeClock
from tests.processes import Rigwatch
from tests.requirements import program
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
NOBODY = 65534
NODE = NodeId("main", "rig-7")
UMASKS = pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    return [f"{path} {mode(path):04o}" for path in (folder, *folder.rglob("*")) if mode(path) & 0o077]


@UMASKS
def test_a_whole_server_and_its_rig_leave_nothing_open(tmp_path: Path, mask: int) -> None:
    rigwatch = Rigwatch(tmp_path, tmp_path / "home", free_addresses())
    rigwatch.wrapper = ("sh", "-c", f'umask {mask:03o}; exec "$@"', "sh")
    try:
        rigwatch.start("up").wait_for("rigwatch is running")
        for command in (("enroll", "rig-7"), ("account", "add", "x"), ("revoke", "rig-7"), ("db", "backup", "copy.db")):
            assert rigwatch.run(*command).returncode == 0
        eventually(lambda: list(rigwatch.home.glob("outbox/*.db")), timeout=30)
        assert (rigwatch.home / "supervisor.lock").exists()
        assert open_to_others(rigwatch.home) == []
        assert mode(tmp_path / "copy.db") == 0o600
    finally:
        for program in rigwatch.started:
            program.end()
    assert open_to_others(rigwatch.home) == []


@UMASKS
def test_locks_and_databases_are_private_where_no_command_has_set_the_umask(tmp_path: Path, mask: int) -> None:
    home = Home(tmp_path)
    lock = tmp_path / "one.lock"
    with umask(mask):
        Registry(home.nodes_json).enroll(NODE, 1)
        AccountFile.of(home).add("x", Role.CONSUMER)
        open_store("sqlite:///rigwatch.db", home).close()
        outbox = Outbox(path_of(home.outbox, NODE), NODE, limits=Limits(9, 9999), clock=FakeClock())
        outbox.append(UnnumberedSample(Reading(hashrate=1.0)))
        with outbox, private_lock(lock, timeout=1):
            assert mode(lock) == 0o600
            assert open_to_others(tmp_path) == []


def test_a_lock_that_others_could_open_is_closed_to_them(tmp_path: Path) -> None:
    lock = tmp_path / "nodes.lock"
    lock.touch()
    lock.chmod(0o644)
    with private_lock(lock, timeout=1):
        assert mode(lock) == 0o600


def test_an_outbox_of_an_older_version_is_closed_to_others(tmp_path: Path) -> None:
    path = path_of(tmp_path, NODE)
    Outbox(path, NODE, limits=Limits(9, 9999), clock=FakeClock()).close()
    path.chmod(0o644)
    with Outbox(path, NODE, limits=Limits(9, 9999), clock=FakeClock()):
        assert open_to_others(tmp_path) == []


@pytest.mark.parametrize("open_mode", [0o755, 0o777, 0o750])
def test_an_open_home_is_closed_with_a_line_once(at_home: Rigwatch, open_mode: int) -> None:
    at_home.home.chmod(open_mode)
    first, second = at_home.run("user", "list"), at_home.run("user", "list")
    assert first.returncode == 0
    assert first.stderr == (
        f"rigwatch: home {at_home.home}: others could open it (mode {open_mode:04o}); it is private now (0700)\n"
    )
    assert mode(at_home.home) == 0o700
    assert second.stderr == ""


def test_a_folder_for_everybody_is_refused_as_a_home(at_home: Rigwatch) -> None:
    at_home.home.chmod(0o1777)
    refused = at_home.run("enroll", "rig-7")
    assert refused.returncode == 1
    assert "is a folder for everybody (mode 1777)" in refused.stderr
    assert mode(at_home.home) == 0o1777
    assert not (at_home.home / "nodes.json").exists()


def test_a_folder_of_other_things_is_not_made_a_home_and_keeps_its_mode(rigwatch: Rigwatch) -> None:
    rigwatch.home.mkdir()
    rigwatch.home.chmod(0o755)
    (rigwatch.home / "letter.txt").write_text("dear")
    refused = rigwatch.run("init")
    assert refused.returncode == 1
    assert "holds other things, and others may open it; choose a folder of its own with --home" in refused.stderr
    assert mode(rigwatch.home) == 0o755
    assert [each.name for each in rigwatch.home.iterdir()] == ["letter.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
@pytest.mark.parametrize(("open_mode", "is_refused"), [(0o775, True), (0o770, False)])
def test_an_open_home_that_is_not_ours_to_close_is_refused(
    rigwatch: Rigwatch, open_mode: int, *, is_refused: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        rigwatch.home = Path(folder) / "home"
        assert rigwatch.run("init").returncode == 0
        os.chown(rigwatch.home, 0, NOBODY)
        rigwatch.home.chmod(open_mode)
        rigwatch.folder = Path("/")
        rigwatch.wrapper = (program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        done = rigwatch.run("user", "list")
        assert done.returncode != 0
        assert ("others may open it" in done.stderr) == is_refused
        assert mode(rigwatch.home) == open_mode
