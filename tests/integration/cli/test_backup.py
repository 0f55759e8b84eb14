"""`backup` and `restore` on each database: everything comes back, nothing is overwritten, nothing half is left."""

import json
import re
import shutil
import stat
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cli.backup import making, restoring
from cli.backup.about import About
from cli.backup.archive import parts, writing
from cli.backup.restoring import Wanted
from rigwatch import tls
from rigwatch.errors import RigwatchError
from rigwatch.home import Home, write_private
from rigwatch.keys import MasterKey
from rigwatch.lock import private_lock
from rigwatch.registry import Registry
from rigwatch.settings import load_server
from store import Store, dump, open_store, schema, upkeep
from store.engine import connect
from tests.fake_clock import START
from tests.postgres import PostgresServer
from tests.processes import Rigwatch
from tests.rigs import birth, report, rig, sample

PASSPHRASE = "correct horse battery staple"
MINUTE = 60_000
DAY = 86_400_000


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A home with a node and its samples, in either database."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_server").create_database()
    home = local_server(tmp_path, f'[database]\nurl = "{url}"\n' if url else "")
    with closing(open_store(url_of(home), home)) as store:
        fill(store)
    return home


@pytest.fixture
def local(tmp_path: Path) -> Home:
    """The same with nothing in its database, an SQLite file."""
    home = local_server(tmp_path)
    open_store(url_of(home), home).close()
    return home


def local_server(folder: Path, settings: str = "") -> Home:
    """What `init` and `enroll` make, without their processes."""
    home = Home(folder / "home")
    home.prepare()
    MasterKey.random().save(home.secret_key)
    Registry(home.nodes_json).enroll(rig().id, START)
    tls.ca_pem(home)
    write_private(home.tls / "own" / "key.pem", "mine")
    write_private(home.path / "accounts.toml", "# none\n")
    write_private(home.server_toml, f'[broker]\nadvertise = "old.example"\n{settings}')
    return home


def url_of(home: Home) -> str:
    return load_server(home, {}).database.url


def fill(store: Store, samples: int = 900) -> None:
    """Over many hours, so that PostgreSQL has several partitions."""
    far = START + samples * MINUTE
    for _ in store.prune(timedelta(days=3), far):
        pass
    part = [sample(START + minute * MINUTE, hashrate=minute + 0.25, peers=minute % 7) for minute in range(samples)]
    store.take([rig().heard(birth(name="Größe \\ \t N"), START)])
    for at in range(0, samples, 500):
        store.take([rig().heard(report(*part[at : at + 500], sent_at=far), far)])


def content(home: Home) -> dict[str, list[str]]:
    """Every row of every table, partitions and all, but for what a restore itself notes."""
    engine = connect(url_of(home), home)
    try:
        tables = set(engine.database.get_tables()) - {"schema_migration", "audit"}
        with engine.reading() as tx:
            return {table: sorted(map(repr, tx.rows(f"SELECT * FROM {table}"))) for table in tables}  # noqa: S608 - ours
    finally:
        engine.close()


def files(home: Home) -> dict[str, bytes]:
    """Without locks and the database."""
    found = [path for path in home.path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(home.path)): path.read_bytes() for path in found if "rigwatch.db" not in path.name}


def left(home: Home) -> set[str]:
    return {path.name for path in home.path.iterdir()} - {"supervisor.lock"}


@pytest.fixture
def there(tmp_path: Path) -> Home:
    """The home on another machine."""
    return Home(tmp_path / "there")


@pytest.fixture
def empty(server: Home, request: pytest.FixtureRequest) -> str:
    """The database on another machine, where the settings do not name it."""
    if url_of(server).startswith("sqlite"):
        return ""
    postgres: PostgresServer = request.getfixturevalue("postgres_server")
    return postgres.create_database()


def make(home: Home, target: Path, *, passphrase: str = "", environ: dict[str, str] | None = None) -> About:
    return making.make(
        home, load_server(home, {}), target, passphrase=passphrase, environ=environ or {}, now=START + DAY
    )


def restored(home: Home, source: Path, wanted: Wanted = Wanted(), *, passphrase: str = "") -> restoring.Restored:  # noqa: B008 - frozen
    return restoring.restore(home, source, wanted, passphrase=lambda: passphrase, environ={}, now=START + 2 * DAY)


def refused(home: Home, source: Path, wanted: Wanted = Wanted(), *, passphrase: str = "") -> str:  # noqa: B008 - frozen
    """Why; and nothing was left behind."""
    before = left(home) if home.path.exists() else set()
    with pytest.raises(RigwatchError) as caught:
        restored(home, source, wanted, passphrase=passphrase)
    assert left(home) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_everything_comes_back_on_another_machine(server: Home, there: Home, empty: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.backup"
    told = make(server, target)
    assert (told.enrolled, told.address, told.outside) == (1, "mqtts://old.example:8883", ())
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before, rows = files(server), content(server)
    assert len(rows["sample"]) == 900
    restored(there, target, Wanted(database=empty))
    after = files(there)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == ({"server.toml"} if empty else set())
    assert content(there) == rows
    assert not [path for path in (there.path, *there.path.rglob("*")) if path.stat().st_mode & 0o077]
    assert not upkeep.check(url_of(there), there).faults
    # What counts by itself goes on behind the highest, not from one.
    with closing(open_store(url_of(there), there)) as store:
        store.take([rig("rig2").heard(birth(), START)])
        fill(store)


def test_a_sealed_backup_tells_nothing_and_wants_its_passphrase(local: Home, there: Home, tmp_path: Path) -> None:
    target = tmp_path / "sealed.backup"
    make(local, target, passphrase=PASSPHRASE)
    assert b"rig1" not in target.read_bytes()
    assert not tarfile.is_tarfile(target)
    assert "passphrase is another" in refused(there, target, passphrase="incorrect horse battery")
    restored(there, target, passphrase=PASSPHRASE)
    assert files(there) == files(local)


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_a_backup_that_was_cut_leaves_home_and_database_as_they_were(
    server: Home, there: Home, empty: str, *, tmp_path: Path, passphrase: str
) -> None:
    target = tmp_path / "copy.backup"
    make(server, target, passphrase=passphrase)
    whole = target.read_bytes()
    for cut in (-20, len(whole) // 2):
        target.write_bytes(whole[:cut])
        assert refused(there, target, Wanted(database=empty), passphrase=passphrase).startswith(f"{target}: ")
    # Into the same database, which has to be empty.
    target.write_bytes(whole)
    restored(there, target, Wanted(database=empty), passphrase=passphrase)
    assert len(content(there)["sample"]) == 900


def test_nothing_is_overwritten(local: Home, there: Home, tmp_path: Path) -> None:
    target = tmp_path / "copy.backup"
    make(local, target)
    kept = target.read_bytes()
    with pytest.raises(RigwatchError, match="is there already"):
        make(local, target)
    assert target.read_bytes() == kept
    there.path.mkdir(mode=0o700)
    (there.path / "notes").write_text("mine")
    assert "is not empty (it has notes)" in refused(there, target)
    done = restored(there, target, Wanted(force=True))
    assert done.aside is not None
    assert (done.aside / "notes").read_text() == "mine"
    # What was put aside is in no backup.
    make(there, tmp_path / "more.backup")
    with tarfile.open(tmp_path / "more.backup") as tar:
        assert not [name for name in tar.getnames() if "before-restore" in name]


def test_a_database_that_is_not_empty_is_left_alone(server: Home, there: Home, tmp_path: Path) -> None:
    url = url_of(server)
    if url.startswith("sqlite"):
        outside = tmp_path / "outside.db"
        outside.write_text("mine")
        url = f"sqlite:////{outside}"
    target = tmp_path / "copy.backup"
    make(server, target)
    rows = content(server)
    said = refused(there, target, Wanted(database=url))
    assert "is not empty" in said or "is there already" in said
    assert content(server) == rows


def test_what_does_not_belong_into_it_is_left_out(local: Home) -> None:
    for name in ("outbox/main.rig.db", "backups/old.db", "rigwatch.db-wal", "more.lock", ".hidden", "copies/of/mine"):
        write_private(local.path / name, "mine")
    (local.path / "round").symlink_to(local.path)
    (local.path / "linked.pem").symlink_to(local.tls / "ca.pem")
    target = local.path / "copies" / "copy.backup"
    make(local, target)
    with tarfile.open(target) as tar:
        names = tar.getnames()
    assert names[:3] == ["about.json", "home/server.toml", "database/rigwatch.db"]
    more = {"accounts.toml", "copies/of/mine", "linked.pem", "nodes.json", "secret.key"}
    assert set(names[3:-1]) == {
        f"home/{name}" for name in more | {"tls/authority.pem", "tls/ca.pem", "tls/own/key.pem"}
    }
    assert {path.name for path in local.path.iterdir() if path.name.startswith(".")} == {".hidden"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["at 12:30", "a\\b", "tls/\udcff"])
def test_a_name_that_no_restore_takes_is_said_when_the_backup_is_made(local: Home, tmp_path: Path, name: str) -> None:
    (local.path / name).write_text("mine")
    with pytest.raises(RigwatchError, match="has a name that no restore takes"):
        make(local, tmp_path / "copy.backup")
    assert not (tmp_path / "copy.backup").exists()


def test_what_lies_outside_of_the_home_is_named(local: Home, tmp_path: Path) -> None:
    write_private(local.server_toml, f'[web]\ntls_certificate = "{tmp_path}/own.pem"\ntls_key = "key.pem"\n')
    environ = {"RIGWATCH_ALERTS__HOLD": "5s", "RIGWATCH_HOME": "/home", "PATH": "/bin"}
    told = make(local, tmp_path / "copy.backup", environ=environ)
    assert told.outside == (f"{tmp_path}/own.pem", "RIGWATCH_ALERTS__HOLD")


def repacked(source: Path, target: Path, how: Callable[[dict[str, bytes]], None]) -> Path:
    """The same backup as another program would have written it."""
    with source.open("rb") as whole:
        found = {part.name: b"".join(part.blocks) for part in parts(whole, str)}
    how(found)
    with target.open("wb") as file, writing(file, "") as archive:
        for name, data in found.items():
            archive.add(name, data)
    return target


def test_one_of_a_newer_program_is_refused(local: Home, there: Home, tmp_path: Path) -> None:
    target, later = tmp_path / "copy.backup", tmp_path / "later.backup"
    make(local, target)

    def saying(**changed: object) -> Callable[[dict[str, bytes]], None]:
        def change(found: dict[str, bytes]) -> None:
            about = json.loads(found["about.json"])
            found["about.json"] = json.dumps(about | {"version": "9.1"} | changed).encode()

        return change

    said = refused(there, repacked(target, later, saying(applied=["0001_initial", "9999_later"])))
    assert "newer rigwatch (9.1, its database has 9999_later)" in said
    assert "was made by rigwatch 9.1" in refused(there, repacked(target, later, saying(format=2, applied=7)))
    assert restored(there, repacked(target, later, saying(more="unknown"))).about.version == "9.1"


@pytest.mark.parametrize("name", ["home/../evil", "/home/evil", "evil", "home/.ssh/evil", "home//evil", "home/a\\b"])
def test_a_part_that_would_lie_outside_of_the_home_is_refused(
    local: Home, there: Home, tmp_path: Path, name: str
) -> None:
    make(local, tmp_path / "copy.backup")
    evil = repacked(tmp_path / "copy.backup", tmp_path / "evil.backup", lambda found: found.update({name: b"evil"}))
    assert "in no home" in refused(there, evil)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("lacks", ["about.json", "home/server.toml", "database/rigwatch.db"])
def test_one_that_lacks_what_makes_a_server_is_refused(local: Home, there: Home, tmp_path: Path, lacks: str) -> None:
    make(local, tmp_path / "copy.backup")
    less = repacked(tmp_path / "copy.backup", tmp_path / "less.backup", lambda found: found.__delitem__(lacks))
    assert "less.backup" in refused(there, less)


def test_another_address_takes_the_place_of_the_one_in_the_settings(local: Home, there: Home, tmp_path: Path) -> None:
    make(local, tmp_path / "copy.backup")
    done = restored(there, tmp_path / "copy.backup", Wanted(advertise="new.example"))
    assert (done.settings.broker.advertise, done.about.address) == ("new.example", "mqtts://old.example:8883")


def test_an_older_dump_is_loaded_into_the_tables_it_was_taken_of_and_then_migrated(
    server: Home, there: Home, empty: str, *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, later = tmp_path / "copy.backup", tmp_path / "later"
    make(server, target)
    shutil.copytree(schema.MIGRATIONS, later)
    added = "ALTER TABLE node ADD COLUMN more INTEGER NOT NULL DEFAULT 7"
    (later / "0999_more.py").write_text(f"def up(_, db):\n    db.execute_sql({added!r})\n")
    for module in (schema, dump):
        monkeypatch.setattr(module, "MIGRATIONS", later)
    restored(there, target, Wanted(database=empty))
    open_store(url_of(there), there).close()
    assert upkeep.schema_of(url_of(there), there).version == "0999_more"
    assert len(content(there)["sample"]) == 900


def test_a_running_server_is_not_restored_over(local: Home, tmp_path: Path) -> None:
    make(local, tmp_path / "copy.backup")
    with private_lock(local.supervisor_lock, timeout=0):
        assert "rigwatch runs here; stop it first" in refused(local, tmp_path / "copy.backup", Wanted(force=True))
    with closing(open_store(url_of(local), local)) as store, store.read() as tx:
        assert tx.value("SELECT count(*) FROM node") == 0
        assert "is in use; stop rigwatch first" in refused(local, tmp_path / "copy.backup", Wanted(force=True))
    restored(local, tmp_path / "copy.backup", Wanted(force=True))


def test_the_commands_say_what_there_is_and_what_is_gone(local: Home, tmp_path: Path, rigwatch: Rigwatch) -> None:
    target, word, there = tmp_path / "copies", tmp_path / "word", tmp_path / "there"
    target.mkdir()
    word.write_text(f"{PASSPHRASE}\n")
    made = rigwatch.run("backup", target, "--passphrase-file", word, home=local.path)
    assert made.returncode == 0, made.stderr
    (copy,) = target.iterdir()
    assert re.fullmatch(r"rigwatch-\d{4}-\d\d-\d\d-\d{6}\.backup", copy.name)
    assert re.fullmatch(rf"{copy}: \d\.\d MB, 1 node enrolled, encrypted\n", made.stdout)
    without = rigwatch.run("restore", copy, home=there)
    assert (without.returncode, without.stderr) == (
        2,
        f"rigwatch: {copy}: is encrypted; name its passphrase with --passphrase-file\n",
    )
    done = rigwatch.run(
        "restore", copy, "--passphrase-file", "-", "--advertise", "new.example", home=there, text=PASSPHRASE
    )
    assert done.returncode == 0, done.stderr
    told = dict(re.findall(r"^(\S+) +(.*)", done.stdout, re.MULTILINE))
    assert {"restored", "nodes", "gone", "address", "next"} <= told.keys()
    assert told["nodes"] == "1 node enrolled; no report is in it"
    assert told["address"].endswith("this machine is mqtts://new.example:8883")
    with closing(open_store("sqlite:///rigwatch.db", Home(there))) as store, store.read() as tx:
        assert tx.value("SELECT count(*) FROM audit WHERE action = 'server.restore'") == 1
    short = rigwatch.run("backup", tmp_path / "x", "--passphrase-file", "-", home=local.path, text="short")
    assert (short.returncode, "at least 16" in short.stderr) == (2, True)
