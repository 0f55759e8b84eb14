import errno
import os
import re
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from rigwatch import new_file
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from store import Store, open_store, upkeep
from tests.fake_clock import START
from tests.processes import Rigwatch
from tests.rigs import birth, report, rig, sample
from tests.waiting import eventually

MINUTE = 60_000


def fill(store: Store, samples: int) -> None:
    far = START + samples * MINUTE
    for begin in range(0, samples, 500):
        part = [sample(START + minute * MINUTE, hashrate=minute) for minute in range(begin, min(begin + 500, samples))]
        store.take([rig().heard(report(*part, sent_at=far), far)])


def refused(rigwatch: Rigwatch, *arguments: str | Path) -> str:
    done = rigwatch.run("db", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    return done.stderr


def test_check_counts_what_is_there_and_calls_it_sound(rigwatch: Rigwatch, store: Store) -> None:
    fill(store, 700)
    done = rigwatch.run("db", "check")
    assert (done.returncode, done.stderr) == (0, "")
    found = dict(re.split(r"\s+", line, maxsplit=1) for line in done.stdout.splitlines() if " " in line)
    assert (found["nodes"], found["samples"], found["incidents"]) == ("1", "700", "0")
    assert found["schema"].startswith("00")
    assert done.stdout.endswith("sound\n")


def test_check_says_that_a_file_is_damaged(rigwatch: Rigwatch, local: Store) -> None:
    fill(local, 3000)
    local.close()
    path = rigwatch.home / "rigwatch.db"
    with path.open("r+b") as file:
        file.seek(10 * 4096)
        file.write(b"\xff" * 8192)
    assert "rigwatch.db: " in refused(rigwatch, "check")


def test_check_says_what_an_older_database_lacks_and_upgrade_adds_it(rigwatch: Rigwatch, database_url: str) -> None:
    done = rigwatch.run("db", "upgrade") if database_url.startswith("postgres") else None
    if done is not None:
        assert (done.returncode, done.stderr) == (0, "")
        assert re.match(r"from empty to 00\d\d_", done.stdout)
    else:
        assert "is not there" in refused(rigwatch, "upgrade")
        assert not (rigwatch.home / "rigwatch.db").exists()
        (rigwatch.home / "rigwatch.db").touch()
        assert "lacks 0001_initial, " in refused(rigwatch, "check")
        assert rigwatch.run("db", "upgrade").stdout.startswith("from empty to 00")
    assert rigwatch.run("db", "upgrade").stdout.startswith("is up to date (00")
    assert rigwatch.run("db", "check").returncode == 0


def test_vacuum_gives_back_what_is_free(rigwatch: Rigwatch, store: Store, database_url: str) -> None:
    fill(store, 5000)
    path = rigwatch.home / "rigwatch.db"
    with store._engine.writing() as tx:
        tx.run("DELETE FROM sample WHERE n < ?", (START + 4900 * MINUTE,))
    done = rigwatch.run("db", "vacuum")
    assert (done.returncode, done.stderr) == (0, "")
    before, after = map(float, re.findall(r"([\d.]+) MB", done.stdout))
    if database_url.startswith("sqlite"):
        assert after < before
        assert after == pytest.approx(path.stat().st_size / 1e6, abs=0.1)
    # Whoever had it open goes on in the same file.
    store.take([rig().heard(birth(2))])
    assert len([each for part in store.history(rig().id) for each in part]) == 100


def test_backup_while_samples_are_written_holds_all_up_to_one_moment(
    rigwatch: Rigwatch, local: Store, tmp_path: Path
) -> None:
    fill(local, 5000)
    stop, written = threading.Event(), [0]

    def write() -> None:
        at = START + 5000 * MINUTE
        while not stop.is_set():
            local.take([rig("busy").heard(report(sample(at, hashrate=1), sent_at=at), at)])
            written[0] += 1
            at += 1000

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: written[0] > 5, timeout=20, what="something was written")
        before = written[0]
        done = rigwatch.run("db", "backup", tmp_path / "copy.db")
        after = written[0] + 1
        eventually(lambda: written[0] > after, timeout=20, what="the writer goes on")
    finally:
        stop.set()
        writer.join()
    assert (done.returncode, done.stderr) == (0, "")
    with closing(open_store(f"sqlite:///{tmp_path / 'copy.db'}", Home(tmp_path))) as copy:
        assert len([each for part in copy.history(rig().id) for each in part]) == 5000
        copied = [each.at for part in copy.history(rig("busy").id) for each in part]
    assert before <= len(copied) <= after
    assert copied == [START + 5000 * MINUTE + 1000 * number for number in range(len(copied))]


def test_a_backup_is_one_private_file_that_can_be_checked(rigwatch: Rigwatch, local: Store, tmp_path: Path) -> None:
    fill(local, 10)
    folder = tmp_path / "backups"
    folder.mkdir()
    assert rigwatch.run("db", "backup", folder / "copy.db").returncode == 0
    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    if os.name != "nt":
        assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    with closing(sqlite3.connect(f"file:{folder / 'copy.db'}?mode=ro&immutable=1", uri=True)) as copy:
        assert copy.execute("SELECT count(*) FROM sample").fetchone() == (10,)
    assert [path.name for path in folder.iterdir()] == ["copy.db"]


def test_a_backup_overwrites_nothing_and_leaves_nothing_behind(
    rigwatch: Rigwatch, local: Store, tmp_path: Path
) -> None:
    fill(local, 10)
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    assert f"{taken}: is there already" in refused(rigwatch, "backup", taken)
    assert taken.read_text() == "mine"
    assert "is a folder" in refused(rigwatch, "backup", tmp_path)
    assert "cannot be written" in refused(rigwatch, "backup", tmp_path / "nowhere" / "copy.db")
    assert "is there already" in refused(rigwatch, "backup", rigwatch.home / "rigwatch.db")
    assert {path.name for path in tmp_path.iterdir()} == {"home", "taken.db"}


@pytest.mark.parametrize("links", [True, False])
def test_a_backup_replaces_nothing_that_came_while_it_was_copying(
    local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    target = tmp_path / "copy.db"
    real = new_file._flush

    def meanwhile(path: Path) -> None:
        real(path)
        target.write_text("another's")

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(new_file, "_flush", meanwhile)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(RigwatchError, match="is there already"):
        upkeep.backup("sqlite:///rigwatch.db", Home(Path(local._engine.where).parent), target)
    assert target.read_text() == "another's"
    assert not list(tmp_path.glob(".copy.db.*"))


@pytest.mark.parametrize("links", [True, False])
def test_a_backup_gets_its_name_with_and_without_hard_links(
    local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "copy.db"
    upkeep.backup("sqlite:///rigwatch.db", Home(Path(local._engine.where).parent), target)
    assert [each.name for each in tmp_path.iterdir() if "copy.db" in each.name] == ["copy.db"]
    assert target.stat().st_nlink == 1


def test_backup_of_postgresql_names_its_tool(
    rigwatch: Rigwatch, postgres_url: str, tmp_path: Path, open_here: Callable[[], Store]
) -> None:
    open_here()
    rigwatch.environment["RIGWATCH_DATABASE__URL"] = postgres_url
    assert "pg_dump" in refused(rigwatch, "backup", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
