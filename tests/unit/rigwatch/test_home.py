"""Where a machine's state lives, and how a file in it is replaced."""

import os
import resource
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigwatch.errors import RigwatchError
from rigwatch.home import Home, write_private

NOBODY = 65534


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A directory with one file, `kept`, that this process may read but not write, although tests may run as root."""
    if os.geteuid() != 0:
        (tmp_path / "kept").write_text("old")
        tmp_path.chmod(0o500)
        yield tmp_path
        tmp_path.chmod(0o700)
        return
    # pytest's own folders are closed to others, so this one stands beside them.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "kept").write_text("old")
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """As on a full disk, no file grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("data", "raw"), [(b"\0\xff", b"\0\xff"), ("öl\n", b"\xc3\xb6l\n"), ("", b"")])
def test_a_file_is_written_byte_by_byte_for_its_owner_alone(tmp_path: Path, data: bytes | str, raw: bytes) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "deep" / "file", data)
    finally:
        os.umask(before)
    assert (tmp_path / "deep" / "file").read_bytes() == raw
    assert mode_of(tmp_path / "deep" / "file") == 0o600
    assert mode_of(tmp_path / "deep") == 0o700


def test_a_file_that_others_could_read_is_private_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), mode_of(path)) == ("new", 0o600)


def test_a_reader_who_opened_the_file_before_still_sees_the_whole_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "old" * 1000)
    with path.open() as reader:
        write_private(path, "new")
        assert reader.read() == "old" * 1000
    assert path.read_text() == "new"


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "old")
    with no_room(1000), pytest.raises(RigwatchError, match=r"file: cannot be written \(File too large\)"):
        write_private(path, b"x" * 5000)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_an_unwritable_directory_leaves_the_old_file_and_is_named(unwritable: Path) -> None:
    with pytest.raises(RigwatchError, match=r"kept: cannot be written \(Permission denied\)") as refusal:
        write_private(unwritable / "kept", "new")
    assert str(refusal.value).startswith(str(unwritable))
    assert (unwritable / "kept").read_text() == "old"
    assert len(list(unwritable.iterdir())) == 1


def test_a_directory_in_place_of_the_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(RigwatchError, match="file: cannot be written"):
        write_private(tmp_path / "file", "new")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_an_error_does_not_repeat_what_was_to_be_written(unwritable: Path) -> None:
    with pytest.raises(RigwatchError) as refusal:
        write_private(unwritable / "secret.key", "a-secret")
    assert "a-secret" not in str(refusal.value)


def test_the_option_comes_before_the_environment_and_both_before_the_platform(tmp_path: Path) -> None:
    environ = {"RIGWATCH_HOME": str(tmp_path / "env"), "XDG_DATA_HOME": str(tmp_path / "data")}
    assert Home.find(str(tmp_path / "option"), environ).path == tmp_path / "option"
    assert Home.find(None, environ).path == tmp_path / "env"
    del environ["RIGWATCH_HOME"]
    assert not (tmp_path / "env").exists()


@pytest.mark.skipif(os.name != "posix", reason="XDG is for POSIX")
def test_without_either_it_is_the_users_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.find(None, {"XDG_DATA_HOME": "/data"}).path == Path("/data/rigwatch")
    assert Home.find(None, {}).path == tmp_path / ".local/share/rigwatch"
    assert Home.find("", {"RIGWATCH_HOME": ""}).path == tmp_path / ".local/share/rigwatch"
    assert Home.find("~/rigs", {}).path == tmp_path / "rigs"


def test_a_relative_home_does_not_move_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Home.find("here", {}).path == tmp_path / "here"


def test_everything_lies_in_the_home() -> None:
    home = Home(Path("/h"))
    files = {
        home.server_toml: "server.toml",
        home.publisher_toml: "publisher.toml",
        home.secret_key: "secret.key",
        home.tls: "tls",
        home.database: "rigwatch.db",
        home.outbox: "outbox",
        home.nodes_json: "nodes.json",
    }
    assert all(path == Path("/h") / name for path, name in files.items())


def test_a_prepared_home_is_for_its_owner_alone_and_may_be_prepared_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "home")
    home.prepare()
    home.prepare()
    assert mode_of(home.path) == 0o700
    assert list(home.path.iterdir()) == []


def test_a_home_that_cannot_be_written_tells_what_to_do(unwritable: Path) -> None:
    for path in (unwritable, unwritable / "below", unwritable / "kept"):
        with pytest.raises(RigwatchError, match=r"cannot be written .* choose another with --home") as refusal:
            Home(path).prepare()
        assert f"home {path}" in str(refusal.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_root_is_sent_away_from_somebody_elses_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.check_owner()
    home.prepare()
    home.check_owner()
    os.chown(home.path, NOBODY, NOBODY)
    with pytest.raises(RigwatchError, match=r"belongs to user .*sudo -u"):
        home.check_owner()
