"""What is kept of an SQLite database before a newer program changes it."""

import logging
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from rigwatch.errors import StoreError
from rigwatch.home import Home
from store import earlier, open_store, reader, schema, upkeep
from tests.rigs import birth, rig

URL = "sqlite:///rigwatch.db"


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations of this program, to which a test may add."""
    folder = tmp_path_factory.mktemp("program") / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder)
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    return folder


def add(program: Path, number: int, what: str = "") -> None:
    what = what or f"ALTER TABLE node ADD COLUMN more{number} INTEGER"
    (program / f"{number:04}_more.py").write_text(f"def up(_, db):\n    db.execute_sql({what!r})\n")


def opened(home: Home) -> list[str]:
    with closing(open_store(URL, home)) as store, store.read() as tx:
        return [str(facts.id) for facts in reader.nodes(tx)]


def kept(home: Home) -> list[str]:
    return sorted(path.name for path in home.backups.iterdir()) if home.backups.exists() else []


def test_a_database_is_copied_before_it_is_changed_and_the_copy_leads_back(
    program: Path, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(open_store(URL, home)) as store:
        store.take([rig().heard(birth())])
        before = upkeep.schema_of(URL, home).version
        add(program, 9000)
        # Also while another process works with it.
        assert opened(home) == ["main/rig1"]
    copy = home.backups / f"rigwatch-{before}.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.backups.stat().st_mode) == 0o700
    (line,) = [each.getMessage() for each in caplog.records if "to go back" in each.getMessage()]
    assert f"cp {copy} {home.database}" in line
    (program / "9000_more.py").unlink()
    with pytest.raises(StoreError, match="newer rigwatch"):
        opened(home)
    shutil.copy(copy, home.database)
    assert opened(home) == ["main/rig1"]
    assert upkeep.schema_of(URL, home).version == before


@pytest.mark.usefixtures("program")
def test_nothing_is_copied_of_a_new_database_or_of_one_that_is_up_to_date(home: Home) -> None:
    assert opened(home) == []
    assert opened(home) == []
    assert kept(home) == []


def test_two_copies_are_kept(program: Path, home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    opened(home)
    for number in range(9000, 9004):
        add(program, number)
        opened(home)
    assert kept(home) == ["rigwatch-9001_more.db", "rigwatch-9002_more.db"]


def test_without_room_nothing_is_changed_until_it_is_said_that_no_copy_is_wanted(
    program: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(home)
    before = upkeep.schema_of(URL, home)
    add(program, 9000)
    monkeypatch.setattr(earlier, "MARGIN", 2**62)
    with pytest.raises(StoreError, match=r"MB more have to be free .* --without-copy"):
        opened(home)
    assert upkeep.schema_of(URL, home).applied == before.applied
    assert kept(home) == []
    assert upkeep.upgrade(URL, home, copy=False)[1].version == "9000_more"


def test_a_change_that_fails_leaves_the_database_and_the_copy(program: Path, home: Home) -> None:
    opened(home)
    add(program, 9000, "ALTER TABLE nobody ADD COLUMN more INTEGER")
    for _ in range(2):
        with pytest.raises(StoreError):
            opened(home)
        assert len(kept(home)) == 1
    (program / "9000_more.py").unlink()
    assert opened(home) == []
    with closing(sqlite3.connect(home.backups / kept(home)[0])) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
