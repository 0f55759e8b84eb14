"""Opening a database: a new one, an old one, somebody else's, a broken one, and all at once."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from peewee import Model
from playhouse.schema_diff import diff_models

from rigwatch.errors import StoreError
from rigwatch.home import Home
from store import Store, access_models, alert_models, device_models, housekeeping, models, open_store, reader, schema
from store.models import MODELS
from tests.integration.conftest import OpenStore
from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.rigs import birth, rig

MIGRATIONS = Path(schema.__file__).parent / "migrations"


def refusal(url: str, home: Home) -> str:
    with pytest.raises(StoreError) as caught:
        open_store(url, home)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_every_model_is_compared_with_the_migrations() -> None:
    modules = (models, alert_models, access_models, device_models)
    classes = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    assert {each for each in classes if issubclass(each, Model) and each is not Model} == set(MODELS)


def test_the_migrations_build_what_the_models_say(store: Store) -> None:
    assert str(diff_models(store._engine.database, MODELS)) == ""


def test_a_database_opened_again_keeps_what_is_in_it(open_another: OpenStore) -> None:
    open_another().take([rig().heard(birth())])
    with open_another().read() as tx:
        assert [node.id for node in reader.nodes(tx)] == [rig().id]


def test_a_file_that_is_opened_twice_here_is_not_lost_to_other_processes(home: Home) -> None:
    """What one process has locked, another must not take for left behind."""
    url = "sqlite:///rigwatch.db"
    ask = (
        "import sqlite3, sys; to = sqlite3.connect(sys.argv[1]); "
        "print(to.execute('SELECT count(*) FROM node').fetchone()[0]); to.close()"
    )

    def counted() -> str:
        return subprocess.run(
            [sys.executable, "-c", ask, home.database], capture_output=True, check=True, text=True
        ).stdout.strip()

    with closing(open_store(url, home)) as first:
        first.take([rig("rig1").heard(birth())])
        with closing(open_store(url, home)) as second:
            second.take([rig("rig2").heard(birth())])
            # Were it the only one there, it would tidy up when it ends.
            assert counted() == "2"
            first.take([rig("rig3").heard(birth())])
            assert counted() == "3"


def test_many_that_open_a_new_database_at_once_all_succeed(open_another: OpenStore) -> None:
    at_once = threading.Barrier(8)

    def open_it() -> None:
        at_once.wait()
        open_another()

    with ThreadPoolExecutor(8) as threads:
        for each in [threads.submit(open_it) for _ in range(8)]:
            each.result()
    with open_another().read() as tx:
        assert reader.nodes(tx) == []


def test_a_database_of_a_newer_program_is_refused(open_another: OpenStore, database_url: str, home: Home) -> None:
    with open_another()._engine.writing() as tx:
        tx.run("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01 00:00:00')")
    assert "newer rigwatch (it has 9999_later)" in refusal(database_url, home)


def test_a_database_of_another_program_is_refused(open_another: OpenStore, database_url: str, home: Home) -> None:
    with open_another()._engine.writing() as tx:
        tx.run("DROP TABLE schema_migration")
    assert "another program" in refusal(database_url, home)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_refused_and_left_empty(
    postgres_server: PostgresServer, home: Home, encoding: str
) -> None:
    url = postgres_server.create_database(f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        for _ in range(2):
            text = refusal(url, home)
            assert f"its encoding is {encoding}, and rigwatch needs UTF8" in text
            assert "CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0" in text
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert found == (0,)
    finally:
        postgres_server.drop_database(url)


def test_whatever_encoding_the_environment_asks_for_a_name_may_have_any_letter(
    postgres_url: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with closing(open_store(postgres_url, home)) as store:
        store.take([rig().heard(birth(name="Ωmega \U0001f600"))])
        with store.read() as tx:
            assert reader.nodes(tx)[0].name == "Ωmega \U0001f600"


def test_a_migration_that_fails_leaves_nothing_behind(
    database_url: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, broken)
    (broken / "0002_broken.py").write_text("def up(migrator, db):\n    db.execute_sql('CREATE TABLE oops (')\n")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", broken)
        refusal(database_url, home)
    store = open_store(database_url, home)
    try:
        with store.read() as tx:
            assert reader.nodes(tx) == []
    finally:
        store.close()


def test_migrations_that_are_missing_are_applied(
    open_another: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_another().take([rig().heard(birth())])
    later = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, later)
    (later / "0002_later.py").write_text(
        "from peewee import TextField\n\n\ndef up(migrator, db):\n"
        "    migrator.migrate(migrator.add_column('node', 'later', TextField(default='yes')))\n"
    )
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    with open_another()._engine.reading() as tx:
        assert tx.rows("SELECT node, later FROM node") == [("rig1", "yes")]


@pytest.mark.parametrize(
    "content", [b"not a database at all\n" * 100, b"SQLite format 3\0" + b"\xff" * 4096], ids=["text", "broken"]
)
def test_a_file_that_is_not_a_database_is_refused_and_left_as_it_is(home: Home, content: bytes) -> None:
    home.database.write_bytes(content)
    assert str(home.database) in refusal("sqlite:///rigwatch.db", home)
    assert home.database.read_bytes() == content
    assert [path.name for path in home.path.iterdir()] == ["rigwatch.db"]


def test_another_program_s_file_is_left_as_it_is(home: Home) -> None:
    connection = sqlite3.connect(home.database)
    connection.execute("CREATE TABLE hashlog (id INTEGER)")
    connection.close()
    before = home.database.read_bytes()
    assert "another program" in refusal("sqlite:///rigwatch.db", home)
    assert home.database.read_bytes() == before


def test_an_empty_file_becomes_a_database(home: Home) -> None:
    home.database.touch()
    open_store("sqlite:///rigwatch.db", home).close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///nowhere/rigwatch.db", "folder does not exist"),
        ("sqlite:///.", "cannot be opened"),
        ("sqlite://rigwatch.db", "write sqlite:///file"),
        ("sqlite:///:memory:", "write sqlite:///file"),
        ("sqlite:///", "write sqlite:///file"),
        ("mysql://somewhere/x", "use sqlite:///file or postgresql://"),
        ("", "use sqlite:///file or postgresql://"),
    ],
)
def test_an_address_that_cannot_be_used_is_explained(home: Home, url: str, says: str) -> None:
    assert says in refusal(url, home)


def test_an_absolute_address_is_not_in_the_home(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    open_store(f"sqlite:///{elsewhere.as_posix()}", home).close()
    assert elsewhere.exists()


def test_a_server_that_is_not_there_is_named_without_the_password(home: Home) -> None:
    text = refusal(f"postgresql://user:s3cret@127.0.0.1:{free_port()}/rigwatch", home)
    assert "127.0.0.1" in text
    assert "s3cret" not in text


def test_a_server_without_the_database_is_named_without_the_password(postgres_url: str, home: Home) -> None:
    url = postgres_url.replace("test@", "test:s3cret@") + "_missing"
    text = refusal(url, home)
    assert "does not exist" in text
    assert "s3cret" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_file_is_its_owner_s_alone(local: Store, home: Home) -> None:
    local.take([rig().heard(birth())])
    assert {path.stat().st_mode & 0o777 for path in home.path.glob("rigwatch.db*")} == {0o600}


def test_a_commit_survives_a_power_cut_and_readers_do_not_block_it(local: Store) -> None:
    with local._engine.reading() as tx:
        figures = {name: tx.rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert figures == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_connection_that_postgres_closed_is_replaced(postgres_url: str, home: Home) -> None:
    store = open_store(postgres_url, home)
    with store.read() as tx:
        reader.nodes(tx)
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    store.take([rig().heard(birth())])
    with store.read() as tx:
        assert len(reader.nodes(tx)) == 1
    store.close()


def test_nothing_is_taken_by_a_file_that_was_removed_or_replaced(home: Home, local: Store) -> None:
    away = home.path / "away.db"
    local.take([rig("one").heard(birth())])
    home.database.rename(away)
    with pytest.raises(StoreError, match="removed or replaced"):
        local.take([rig("two").heard(birth())])
    shutil.copyfile(away, home.database)
    with pytest.raises(StoreError, match="removed or replaced"), local.write() as tx:
        housekeeping.beat(tx, "subscriber", now=1, connected_at=None)
    away.replace(home.database)
    local.take([rig("two").heard(birth())])
    with local.read() as tx:
        assert [str(node.id) for node in reader.nodes(tx)] == ["main/one", "main/two"]
