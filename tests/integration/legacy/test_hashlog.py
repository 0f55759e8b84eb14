"""The old database is read whole, in order, and left as it is."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from legacy.hashlog import PAGE, is_hashlog, open_hashlog
from rigwatch.errors import StoreError
from tests.legacy import Row, minutes_before, write_postgres, write_sqlite

_NOBODY = 65534
NOW = 1_760_000_400_000
ROWS = [*minutes_before(NOW, range(PAGE + 10)), Row(2, "Rig", NOW), Row(2, "Rig 2", NOW)]


@pytest.fixture(params=["sqlite", "wal", "postgres"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An old database with `ROWS`."""
    if request.param == "postgres":
        return write_postgres(str(request.getfixturevalue("postgres_url")), ROWS)
    return write_sqlite(tmp_path / "hash.db", ROWS, wal=request.param == "wal")


def test_it_gives_every_row_once(old: Path | str) -> None:
    with open_hashlog(old) as log:
        assert log.count() == len(ROWS)
        assert log.names() == {1: "Comp 1", 2: "Rig 2"}
        rows = [row for page in log.pages() for row in page]
    assert [(row.node, row.name, row.hashrate, row.peers, row.block) for row in rows] == [
        (row.node, row.name, row.hashrate, row.peers, row.block) for row in ROWS
    ]
    assert [row.id for row in rows] == list(range(1, len(ROWS) + 1))


def test_it_writes_nothing(old: Path | str) -> None:
    before = sha256(old.read_bytes()).digest() if isinstance(old, Path) else b""
    with open_hashlog(old) as log:
        assert sum(map(len, log.pages())) == len(ROWS)
        connection = log._connection  # type: ignore[attr-defined] # nothing else would try
        with pytest.raises((sqlite3.OperationalError, psycopg.errors.ReadOnlySqlTransaction)):
            connection.execute("DELETE FROM hashlog")
    if isinstance(old, Path):
        assert sha256(old.read_bytes()).digest() == before


def test_the_old_server_writes_on_while_it_is_read(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "hash.db", ROWS)
    with open_hashlog(path) as log, closing(sqlite3.connect(path, timeout=0)) as server:
        pages = log.pages()
        assert len(next(pages)) == PAGE
        server.execute("INSERT INTO hashlog (nodeid) VALUES (9)")
        server.commit()
        assert sum(map(len, pages)) == len(ROWS) + 1 - PAGE


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A folder with the old server's file, in which this process may write nothing, although tests may run as root."""
    # pytest's own folders are closed to others, so this one stands beside them.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sqlite(folder / "hash.db", ROWS, wal=True)
        folder.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(_NOBODY)
        try:
            yield folder
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
            folder.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="folders have no such modes there")
def test_a_folder_that_cannot_be_written_will_do(unwritable: Path) -> None:
    with pytest.raises(PermissionError):
        (unwritable / "x").touch()
    assert is_hashlog(unwritable / "hash.db")
    with open_hashlog(unwritable / "hash.db") as log:
        assert sum(map(len, log.pages())) == len(ROWS)


def test_another_programs_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE sample (id)")
    assert not is_hashlog(path)


def test_a_broken_file_is_one_line(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "hash.db", ROWS)
    path.write_bytes(path.read_bytes()[:5000] + b"\0" * 20_000)
    with pytest.raises(StoreError, match=r"hash\.db: cannot be read"), open_hashlog(path) as log:
        assert sum(map(len, log.pages())) >= 0


def test_a_table_of_another_shape_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "hash.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE hashlog (id)")
    with pytest.raises(StoreError, match="no such column: nodeid"), open_hashlog(path) as log:
        log.names()


def test_postgresql_without_the_table_is_one_line(postgres_url: str) -> None:
    with (
        pytest.raises(StoreError, match=r'is not as the old tool left it .*"hashlog"'),
        open_hashlog(postgres_url) as log,
    ):
        log.count()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/x",
        "postgresql://ann:s3cr@et:x@host:port/x",
        "postgresql://ann:s3cret@h?s3cret=1",
    ],
)
def test_no_error_repeats_a_password(url: str) -> None:
    with pytest.raises(StoreError) as caught, open_hashlog(url):
        pass
    assert "s3cr" not in str(caught.value)
    assert "\n" not in str(caught.value)
