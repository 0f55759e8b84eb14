"""`rigwatch import-legacy` on the old server, with each kind of old and new database."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.facts import UserRole
from rigwatch.clock import Millis, SystemClock, in_millis
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.registry import Registry
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from store import Store, audit, housekeeping, reader, users
from tests.alerting import every_incident
from tests.legacy import KEY, PASSWORD, TELEGRAM, Row, minutes_before, write_postgres, write_server, write_sqlite
from tests.processes import Rigwatch

COMP, COMP_4 = NodeId("main", "comp-1"), NodeId("main", "comp-1-4")
MINE = """\
# My server.
[web]
port = 8099  # mine

[database]
"""


@pytest.fixture
def now() -> Millis:
    return SystemClock().now()


@pytest.fixture
def rows(now: Millis) -> list[Row]:
    """Two rigs of one name, good rows of the last hours, some too old, and one of each kind of bad."""
    return [
        *minutes_before(now, range(1, 181)),
        *minutes_before(now, range(1, 61), node=4),
        *minutes_before(now, [60 * 24 * 10, 60 * 24 * 11]),
        Row(1, at=None),
        Row(None, at=now),
        Row(1, at=now, peers=None),
        Row(1, at=now, hashrate=-1),
    ]


@pytest.fixture(params=["sqlite", "postgres"])
def old(request: pytest.FixtureRequest, tmp_path: Path, rows: list[Row]) -> Iterator[str]:
    """What the user names: the old server's folder, or its database's address."""
    if request.param == "sqlite":
        yield str(write_sqlite(tmp_path / "old" / "hash.db", rows).parent)
        return
    postgres = request.getfixturevalue("postgres_server")
    url = postgres.create_database()
    yield write_postgres(url, rows)
    postgres.drop_database(url)


def imported(rigwatch: Rigwatch, *arguments: str) -> str:
    """What it says; the home has a key, as `init` makes one."""
    if not (key := rigwatch.home / "secret.key").exists():
        MasterKey.random().save(key)
    done = rigwatch.run("import-legacy", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_history_nodes_and_what_became_of_each_row(rigwatch: Rigwatch, store: Store, old: str, now: Millis) -> None:
    said = imported(rigwatch, old)
    for line in (
        r"^found  .*: 246 rows of 2 nodes$",
        r"^node   1 Comp 1 is main/comp-1: 180 rows taken, 2 too old$",
        r"^node   4 Comp 1 is main/comp-1-4: 60 rows taken$",
        r"^left   1 row: a figure is below 0$",
        r"^left   1 row: a figure is missing$",
        r"^left   1 row: no node id$",
        r"^left   1 row: no time$",
        r"^taken  240 rows$",
        r"^left   2 rows: older than \[database\] keep = 2d$",
        r'^  1\. To take older rows too, set \[database\] keep = "12d" ',
        r"^  2\. Stop the old server;",
        r"^  3\. On each rig,",
    ):
        assert re.search(line, said, re.MULTILINE), (line, said)
    tokens = [JoinToken.decode(text) for text in re.findall(r"import-legacy \. --join (rw2\S+)", said)]
    assert [token.node for token in tokens] == [COMP, COMP_4]
    assert set(Registry(rigwatch.home / "nodes.json").nodes()) == {COMP, COMP_4}
    with store.read() as tx:
        assert [(each.id, each.title, each.state) for each in reader.nodes(tx)] == [
            (COMP, "Comp 1", None),
            (COMP_4, "Comp 1", None),
        ]
        samples = reader.samples(tx, COMP, since=0, until=now)
    assert [each.hashrate for each in samples] == [8000 + minute for minute in range(180, 0, -1)]
    assert all((each.peers, each.block) == (12, 500_000) for each in samples)
    with store.read() as tx:
        assert reader.averages(tx, now - 48 * 3_600_000)[COMP].samples == 180
        assert reader.totals(tx, 200, now)[0].nodes == 2
    assert every_incident(store) == []


def test_a_second_time_only_what_is_new_is_taken(rigwatch: Rigwatch, store: Store, old: str, now: Millis) -> None:
    first = imported(rigwatch, old)
    with store.read() as tx:
        before = reader.nodes(tx), reader.averages(tx, 0), reader.totals(tx, 500, now)
    second = imported(rigwatch, old)
    assert "node   1 Comp 1 is main/comp-1: 0 rows taken, 180 there already, 2 too old" in second
    assert "there  history: nothing in it is new" in second
    with store.read() as tx:
        assert (reader.nodes(tx), reader.averages(tx, 0), reader.totals(tx, 500, now)) == before
    assert re.findall("rw2.*", second) == re.findall("rw2.*", first)


def test_a_dry_run_says_the_same_and_changes_nothing(rigwatch: Rigwatch, store: Store, old: str) -> None:
    MasterKey.random().save(rigwatch.home / "secret.key")
    files = sorted(path.name for path in rigwatch.home.iterdir() if "rigwatch.db" not in path.name)
    dry = imported(rigwatch, "--dry-run", old)
    assert dry.startswith("dry run: nothing is changed\n")
    assert "rw2." not in dry
    assert sorted(path.name for path in rigwatch.home.iterdir() if "rigwatch.db" not in path.name) == files
    with store.read() as tx:
        assert reader.nodes(tx) == []
    done = imported(rigwatch, old)
    kinds = ("found", "node", "left", "taken")
    of_both = [[line for line in said.splitlines() if line.startswith(kinds)] for said in (dry, done)]
    assert of_both[0] == of_both[1]


def test_older_rows_come_once_they_are_to_be_kept(rigwatch: Rigwatch, store: Store, old: str, now: Millis) -> None:
    imported(rigwatch, old)
    rigwatch.environment["RIGWATCH_DATABASE__KEEP"] = "12d"
    said = imported(rigwatch, old)
    assert "node   1 Comp 1 is main/comp-1: 2 rows taken, 180 there already" in said
    with store.read() as tx:
        assert reader.nodes(tx)[0].first_seen_at == now // 1000 * 1000 - in_millis(timedelta(days=11))


def test_while_a_subscriber_runs_it_keeps_no_more_than_that_one(rigwatch: Rigwatch, local: Store, now: Millis) -> None:
    with local.write() as tx:
        housekeeping.beat(tx, "subscriber", now=SystemClock().now() + 5000, connected_at=now)
    folder = write_server(rigwatch.folder / "old", hours=24 * 30).parent
    write_sqlite(folder / "hash.db", minutes_before(now, [1, 60 * 24 * 10]))
    said = imported(rigwatch, str(folder))
    assert "left   1 row: older than [database] keep = 2d" in said
    assert "Restart rigwatch and run this again" in said


def test_a_node_that_is_renamed_stays_the_same(rigwatch: Rigwatch, local: Store, now: Millis) -> None:
    path = write_sqlite(rigwatch.folder / "hash.db", minutes_before(now, [3, 2]))
    imported(rigwatch, str(path))
    write_sqlite(path, minutes_before(now, [1], name="Renamed"))
    assert "node   1 Renamed is main/comp-1: 1 row taken, 2 there already" in imported(rigwatch, str(path))
    with local.read() as tx:
        assert [each.id for each in reader.nodes(tx)] == [COMP]
    assert json.loads((rigwatch.home / "legacy.json").read_text()) == {"main": {"1": "comp-1"}}


def test_a_second_old_server_is_another_site(rigwatch: Rigwatch, local: Store, now: Millis) -> None:
    path = write_sqlite(rigwatch.folder / "hash.db", minutes_before(now, [1]))
    imported(rigwatch, str(path))
    imported(rigwatch, "--site", "shed", str(path))
    with local.read() as tx:
        assert [str(each.id) for each in reader.nodes(tx)] == ["main/comp-1", "shed/comp-1"]


def test_a_revoked_node_is_not_let_in_again(rigwatch: Rigwatch, local: Store, now: Millis) -> None:
    path = write_sqlite(rigwatch.folder / "hash.db", minutes_before(now, [1]))
    imported(rigwatch, str(path))
    registry = Registry(rigwatch.home / "nodes.json")
    registry.revoke(COMP, now)
    said = imported(rigwatch, str(path))
    assert "rw2." not in said
    enrolled = registry.get(COMP)
    assert enrolled
    assert enrolled.revoked
    with local.read() as tx:
        assert len(reader.samples(tx, COMP, since=0, until=now)) == 1


def test_settings_go_where_nobody_has_set_them(rigwatch: Rigwatch, local: Store) -> None:
    home = Home(rigwatch.home)
    home.server_toml.write_text(MINE)
    path = write_server(rigwatch.folder / "old", hours=72)
    said = imported(rigwatch, str(path))
    assert home.server_toml.read_text() == (
        MINE.replace("[web]\n", '[web]\ntimezone = "Europe/Zurich"\n').replace(
            "[database]\n", '[database]\nkeep = "72h"\n'
        )
        + f'\n[alerts]\nchannels = ["tgram://123456:{TELEGRAM}/-1001234"]\n'
    )
    for line in (
        "kept   [web] port = 8099: the old one was 8090",
        "taken  [database] keep = 72h",
        "taken  [web] timezone = Europe/Zurich",
        "taken  [alerts] channels = Telegram, chat -1001234",
        "left   EncryptionKey: every old rig knows it;",
        "left   MPort: rigwatch does not speak the old wire format;",
        "taken  user walton: may look;",
        "  2. See whether messages arrive: ",
    ):
        assert line in said
    with local.read() as tx:
        user = users.get(tx, "walton")
    assert user
    assert user.role is UserRole.VIEWER
    assert user.password_hash.startswith("scrypt:")
    with local.read() as tx:
        (noted,) = audit.page(tx, audit.AuditFilter(), 10)
    assert (noted.action, noted.subject) == ("user.add", "walton")
    again = imported(rigwatch, str(path))
    assert "taken" not in again
    assert "there  [database] keep = 72h" in again
    assert "kept   user walton: is there already" in again


def test_people_who_are_told_already_are_not_told_twice(rigwatch: Rigwatch, local: Store) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    (rigwatch.home / "server.toml").write_text('[alerts.telegram]\ntoken = "1:x"\nchats = [1]\n')
    said = imported(rigwatch, str(write_server(rigwatch.folder / "old")))
    assert "kept   [alerts.telegram]: not added to it: Telegram, chat -1001234\n" in said
    assert "channels" not in (rigwatch.home / "server.toml").read_text()


def test_no_secret_is_said(rigwatch: Rigwatch, local: Store) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    path = write_server(rigwatch.folder / "old")
    for arguments in (("--dry-run",), (), ("--use-encryption-key",)):
        done = rigwatch.run("--debug", "import-legacy", *arguments, str(path))
        assert done.returncode == 0
        for secret in (KEY, PASSWORD, TELEGRAM):
            assert secret not in done.stdout + done.stderr


def test_the_old_key_becomes_the_passphrase_if_that_is_wanted(rigwatch: Rigwatch, local: Store, now: Millis) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    folder = write_server(rigwatch.folder / "old").parent
    write_sqlite(folder / "hash.db", minutes_before(now, [1]))
    said = imported(rigwatch, "--use-encryption-key", str(folder))
    security = tomllib.loads((rigwatch.home / "server.toml").read_text())["security"]
    assert security == {"enrollment": "open", "passphrase": KEY}
    assert "rw2." in said
    assert "kept   [security]" in imported(rigwatch, "--use-encryption-key", str(folder))


def test_a_key_that_would_lock_nodes_out_is_left(rigwatch: Rigwatch, local: Store, now: Millis) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    Registry(rigwatch.home / "nodes.json").enroll(COMP, now)
    said = imported(rigwatch, "--use-encryption-key", str(write_server(rigwatch.folder / "old")))
    assert "left   EncryptionKey: 1 node of this server would need a new token" in said
    assert "passphrase" not in (rigwatch.home / "server.toml").read_text()


def test_a_file_that_nothing_can_be_added_to_is_left_and_the_lines_are_printed(
    rigwatch: Rigwatch, local: Store
) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    mine = 'web = { host = "127.0.0.1" }\n'
    (rigwatch.home / "server.toml").write_text(mine)
    said = imported(rigwatch, str(write_server(rigwatch.folder / "old")))
    assert (rigwatch.home / "server.toml").read_text() == mine
    assert "     [web] port = 8090\n" in said
    assert "     [alerts] channels = …\n" in said


def test_history_in_postgresql_that_was_not_named_is_asked_for(rigwatch: Rigwatch, local: Store) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    said = imported(rigwatch, str(write_server(rigwatch.folder / "old", postgres="YES")))
    assert "The old history is in PostgreSQL; name it as well" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere: cannot be read"),
        (("empty",), "empty: nothing of wtc-miner-monitor is in this folder"),
        (("home/rigwatch.db",), "an SQLite file without the table 'hashlog'"),
        (("note.txt",), "note.txt: cannot be read as the old tool's settings: line 1"),
        (("old", "older"), "settings of two servers"),
        (("old", "--join", "rw1.x"), "join token: cut short"),
        (("old", "--site", "My Shed"), "--site 'My Shed' is not a valid name"),
    ],
)
def test_a_wrong_place_is_one_line_and_nothing_is_done(
    rigwatch: Rigwatch, local: Store, arguments: tuple[str, ...], words: str
) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    (rigwatch.folder / "empty").mkdir()
    (rigwatch.folder / "note.txt").write_text("hello")
    write_server(rigwatch.folder / "old")
    write_server(rigwatch.folder / "older")
    done = rigwatch.run("import-legacy", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert (rigwatch.home / "server.toml").read_text() == ""


def test_without_a_home_it_says_what_to_do_first(rigwatch: Rigwatch) -> None:
    done = rigwatch.run("import-legacy", str(write_server(rigwatch.folder / "old")))
    assert (done.returncode, done.stdout) == (2, "")
    assert "run 'rigwatch init' to make it" in done.stderr
    assert not rigwatch.home.exists()


def test_an_old_database_that_is_away_is_one_line(rigwatch: Rigwatch, local: Store) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    done = rigwatch.run("import-legacy", "postgresql://ann:s3cret@127.0.0.1:1/hashdb")
    assert done.returncode == 1
    assert done.stderr.startswith("rigwatch: old database postgresql://127.0.0.1:1/hashdb: cannot be read")
    assert "s3cret" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("store")
def test_the_lines_of_a_whole_farm_are_in_a_file_that_nobody_else_can_read(
    rigwatch: Rigwatch, tmp_path: Path, now: Millis
) -> None:
    rows = [row for node in range(1, 6) for row in minutes_before(now, range(1, 3), node=node)]
    said = imported(rigwatch, str(write_sqlite(tmp_path / "farm" / "hash.db", rows).parent))
    lines = rigwatch.home / "legacy-join.txt"
    assert f"all 5 are in {lines}" in said
    assert "rw2." not in said
    assert lines.stat().st_mode & 0o777 == 0o600
    tokens = [JoinToken.decode(text) for text in re.findall(r"import-legacy \. --join (rw2\S+)", lines.read_text())]
    assert len({token.node for token in tokens}) == 5
    for token in tokens[:2]:
        assert rigwatch.run("revoke", token.node.node, "--site", token.node.site).returncode == 0
    assert imported(rigwatch, str(tmp_path / "farm")).count("rw2.") == 3
    assert not lines.exists()
