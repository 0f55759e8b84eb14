"""The backup that docs/operations.md describes, step by step, on a real home; restored elsewhere, a rig is at home."""

import re
import shlex
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from rigwatch.home import Home
from rigwatch.topics import NodeId
from store import open_store
from tests.commands import free_addresses
from tests.processes import ROOT, Rigwatch
from tests.waiting import eventually

NODE = NodeId("main", "rig-7")
SECTION = re.search(
    r"## Backup and restore\n(.*?)\n## ", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.DOTALL
)


def steps() -> tuple[str, str]:
    """What the document says to type for a backup, and to restore it."""
    assert SECTION is not None
    blocks: list[str] = re.findall(r"```\n(.*?)```", SECTION[1], re.DOTALL)
    (backup,) = (each for each in blocks if each.startswith("rigwatch backup "))
    (restore,) = (each for each in blocks if each.startswith("rigwatch restore "))
    return backup, restore


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The database, and an empty one on the machine where it is restored."""
    if request.param == "sqlite":
        return "sqlite:///rigwatch.db", ""
    server = request.getfixturevalue("postgres_server")
    return server.create_database(), server.create_database()


@pytest.fixture
def monitor(at_home: Rigwatch) -> Rigwatch:
    """The machine that watches."""
    return at_home


def typed(monitor: Rigwatch, line: str, places: dict[str, str], *more: str, home: Path | None = None) -> str:
    """Runs what the document says, with this test's places for the ones it names."""
    for written, meant in places.items():
        assert written in line, f"the document does not name {written} any more"
        line = line.replace(written, meant)
    done = monitor.run(*shlex.split(line)[1:], *more, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def set_up(monitor: Rigwatch, url: str) -> dict[str, str]:
    """An address that stays, and a database; gives its ports."""
    ports = free_addresses()
    settings = (
        f'[broker]\nhost = "127.0.0.1"\nport = {ports["RIGWATCH_BROKER__PORT"]}\n'
        f'plain_port = {ports["RIGWATCH_BROKER__PLAIN_PORT"]}\n[database]\nurl = "{url}"\n'
    )
    (monitor.home / "server.toml").write_text(settings)
    return ports


def reports(home: Path, url: str) -> int:
    with closing(open_store(url, Home(home))) as store:
        return len([each for part in store.history(NODE) for each in part])


@pytest.mark.timeout(300)
def test_a_rig_connects_to_a_server_that_was_restored_by_the_book(
    monitor: Rigwatch, tmp_path: Path, databases: tuple[str, str]
) -> None:
    url, empty = databases
    set_up(monitor, url)
    token = monitor.run("enroll", "rig-7").stdout.strip()
    password = monitor.run("account", "add", "grafana").stdout
    assert token.startswith("rw2.")
    assert password
    (monitor.home / "publisher.toml").write_text('[[nodes]]\nnode = "own"\n')
    server = monitor.start("serve")
    server.wait_for("broker  +mqtts")
    rig = monitor.start("publish", "--join", token, home=tmp_path / "rig")
    rig.wait_for("online")
    eventually(lambda: reports(monitor.home, url) > 0, timeout=40)

    save, load = steps()
    word, folder, elsewhere = tmp_path / "word", tmp_path / "backup", tmp_path / "elsewhere"
    word.write_text("correct horse battery staple")
    folder.mkdir()
    typed(monitor, save, {"/etc/rigwatch-backup": str(word), "/backup": str(folder)})
    (backup,) = folder.iterdir()
    assert not backup.stat().st_mode & 0o077
    held = reports(monitor.home, url)
    server.terminate()
    shutil.rmtree(monitor.home)

    places = {"/etc/rigwatch-backup": str(word), "/backup/rigwatch-2026-11-28-030000.backup": str(backup)}
    typed(monitor, load, places, *(["--database", empty] if empty else []), home=elsewhere)
    url = empty or url
    kept = reports(elsewhere, url)
    assert 0 < kept <= held
    monitor.start("serve", home=elsewhere).wait_for("broker  +mqtts")
    rig.terminate()
    monitor.start("publish", home=tmp_path / "rig").wait_for("online")
    eventually(lambda: reports(elsewhere, url) > kept, timeout=60)
    assert "is there already" in monitor.run("account", "add", "grafana", home=elsewhere).stderr


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("tls", "rigs trust the authority"),
        ("secret.key", "no key of any node"),
        ("nodes.json", "none of them is let in"),
    ],
)
def test_a_home_that_was_restored_in_part_is_told_before_it_is_started(
    monitor: Rigwatch, left_out: str, said: str
) -> None:
    set_up(monitor, "sqlite:///rigwatch.db")
    assert monitor.run("enroll", "rig-7").returncode == 0
    assert monitor.run("db", "check").stdout.endswith("sound\n")
    path = monitor.home / left_out
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    checked, examined = monitor.run("db", "check"), monitor.run("doctor")
    assert checked.returncode == 1
    assert f"missing   {path}: " in checked.stdout
    assert said in checked.stdout
    assert "is not whole" in checked.stderr
    if left_out != "nodes.json":
        assert re.search(rf"^failed +files +not there: {path}: .*{said}", examined.stdout, re.MULTILINE)
    assert not path.exists()


def test_doctor_tells_an_authority_that_was_made_after_the_rigs_were_told_of_another(monitor: Rigwatch) -> None:
    set_up(monitor, "sqlite:///rigwatch.db")
    token = monitor.run("enroll", "rig-7").stdout
    assert " files " in monitor.run("doctor").stdout
    assert "younger" not in monitor.run("doctor").stdout
    nodes = monitor.home / "nodes.json"
    nodes.write_text(re.sub(r'("enrolled_at": )\d+', r"\g<1>1700000000000", nodes.read_text()))
    shutil.rmtree(monitor.home / "tls")
    assert monitor.run("enroll", "rig-8").stdout != token
    assert re.search(r"^warning +files .*younger than nodes", monitor.run("doctor").stdout, re.MULTILINE)
