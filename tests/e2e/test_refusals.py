import os
import re
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from rigwatch.keys import MasterKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.e2e.rigs import node_toml
from tests.e2e.station import START_S, Station
from tests.requirements import program
from tests.waiting import eventually

NO_DATABASE = b"These are my notes, and they happen to be in a file called rigwatch.db.\n" * 20


def _listing(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder, with what is in it.

    Left out are empty locks, and the certificates: they are made, whole, by whoever needs them first.
    """
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {
        name: path.read_bytes() if path.is_file() else None
        for name, path in found.items()
        if "tls" not in path.parts and (path.suffix != ".lock" or path.stat().st_size)
    }


def _assert_one_line(done: CompletedProcess[str], code: int, pattern: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert re.fullmatch(rf"rigwatch: .*(?:{pattern}).*\n", done.stderr), done.stderr


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Somebody else listens there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("broker", "[broker] port"),
        ("broker", "[broker] plain_port"),
        ("web", "[web] port"),
        ("serve", "[broker] plain_port"),
        ("up", "[broker] port"),
        ("up", "[broker] plain_port"),
        ("up", "[web] port"),
    ],
)
def test_a_port_that_another_program_has(station: Station, taken_port: int, *, command: str, setting: str) -> None:
    variable = re.sub(r"\[(\w+)\] (\w+)", r"RIGWATCH_\1__\2", setting).upper()
    station.rigwatch.environment[variable] = str(taken_port)
    before = _listing(station.home)
    refused = station.rigwatch.run(command)
    _assert_one_line(refused, 1, rf"port {taken_port}: another program has it; choose another for {re.escape(setting)}")
    assert _listing(station.home) == before


def test_a_first_start_that_fails_makes_no_home_and_no_password(bare_station: Station, taken_port: int) -> None:
    bare_station.rigwatch.environment["RIGWATCH_WEB__PORT"] = str(taken_port)
    _assert_one_line(bare_station.rigwatch.run("up"), 1, rf"port {taken_port}: another program has it")
    assert not bare_station.home.exists()


@pytest.mark.parametrize(
    ("arguments", "place"),
    [(["init"], "notes/home"), (["up"], "notes"), (["up"], "notes/home"), (["publish", "--join", "token"], "notes")],
)
def test_a_home_that_cannot_be_there(bare_station: Station, *, arguments: Sequence[str], place: str) -> None:
    folder = bare_station.rigwatch.folder
    (folder / "token").write_text(_any_token())
    (folder / "notes").write_text("a file in the way")
    before = _listing(folder)
    refused = bare_station.rigwatch.run(*arguments, home=folder / place)
    _assert_one_line(refused, 1, rf"home {folder / place}: cannot be written \(.+\); choose another with --home")
    assert _listing(folder) == before


def _any_token() -> str:
    node = NodeId("main", "rig1")
    return JoinToken("mqtts://monitor.example:8883", node, MasterKey.random().node_key(node), None).encode()


@pytest.mark.skipif(os.name == "nt", reason="rights are another matter on Windows")
@pytest.mark.parametrize("command", ["up", "web"])
def test_a_home_without_the_right_to_write(station: Station, *, command: str) -> None:
    if os.geteuid() == 0:
        # Root in all but the one thing that lets it write anywhere.
        drop = "-dac_override,-dac_read_search"
        station.rigwatch.wrapper = [program("setpriv"), f"--bounding-set={drop}", f"--inh-caps={drop}"]
    before = _listing(station.home)
    station.home.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        refused = station.rigwatch.run(command)
    finally:
        station.home.chmod(stat.S_IRWXU)
    _assert_one_line(refused, 1, "cannot be written .Permission denied|attempt to write a readonly database")
    assert _listing(station.home) == before


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_a_join_token_cut_short(station: Station, *, way: str) -> None:
    token, rig = _any_token()[:-30], station.rig("rig1")
    (station.rigwatch.folder / "token").write_text(token)
    source = "-" if way == "stdin" else "token"
    refused = station.rigwatch.run("publish", "--join", source, home=rig, text=token if way == "stdin" else "")
    _assert_one_line(refused, 2, "join token: cut short or altered; copy the whole line that 'rigwatch enroll' printed")
    assert not rig.exists()


@pytest.mark.parametrize("command", ["up", "subscribe", "web", "status"])
def test_a_database_file_that_is_none(station: Station, *, command: str) -> None:
    database = station.home / "rigwatch.db"
    for path in station.home.glob("rigwatch.db*"):
        path.unlink()
    database.write_bytes(NO_DATABASE)
    before = _listing(station.home)
    refused = station.rigwatch.run(command)
    _assert_one_line(refused, 1, rf"{database}: is not an SQLite database; move it away or choose another file")
    assert _listing(station.home) == before


@pytest.mark.parametrize("arguments", [["enroll", "rig 1"], ["enroll", "rig1", "--site", "my garage"]])
def test_a_name_with_a_space(station: Station, *, arguments: Sequence[str]) -> None:
    before = _listing(station.home)
    _assert_one_line(station.rigwatch.run(*arguments), 2, "is not a valid name: use 1 to 64 of a-z, 0-9, '-' and '_'")
    assert _listing(station.home) == before


def test_a_name_with_a_space_in_publisher_toml(station: Station) -> None:
    toml = node_toml(_any_token()).replace("interval", 'node = "rig 1"\ninterval')
    rig = station.rig_with("rig1", toml)
    refused = station.rigwatch.run("publish", home=rig)
    _assert_one_line(refused, 2, r"publisher.toml: nodes\[1\]: node 'rig 1' is not a valid name")
    assert list(_listing(rig)) == ["publisher.toml"]


def _misspell_in_file(station: Station) -> str:
    (station.home / "server.toml").write_text("[web]\nprot = 9000\n")
    return r"server.toml: web.prot: unknown key; did you mean 'port'\?"


def _misspell_in_environment(station: Station) -> str:
    station.rigwatch.environment["RIGWATCH_WEB__PROT"] = "9000"
    return r"RIGWATCH_WEB__PROT: no such setting; did you mean 'port'\?"


def _misspell_section(station: Station) -> str:
    (station.home / "server.toml").write_text("[wep]\nport = 9000\n")
    return r"server.toml: wep: unknown key; did you mean 'web'\?"


def _misspell_for_the_publisher(station: Station) -> str:
    toml = node_toml(_any_token()).replace("interval", "intervall")
    (station.home / "publisher.toml").write_text(toml)
    return r"publisher.toml: nodes\[1\].intervall: unknown key; did you mean 'interval'\?"


@pytest.mark.parametrize(
    ("command", "misspell"),
    [
        ("up", _misspell_in_file),
        ("web", _misspell_in_environment),
        ("enroll", _misspell_section),
        ("publish", _misspell_for_the_publisher),
    ],
)
def test_a_misspelt_setting_is_answered_with_the_right_one(
    station: Station, *, command: str, misspell: Callable[[Station], str]
) -> None:
    said = misspell(station)
    before = _listing(station.home)
    _assert_one_line(station.rigwatch.run(command, *(["rig2"] if command == "enroll" else [])), 2, said)
    assert _listing(station.home) == before


def test_a_passphrase_too_short_to_be_one(station: Station) -> None:
    station.rigwatch.environment["RIGWATCH_SECURITY__PASSPHRASE"] = "open sesame"
    refused = station.rigwatch.run("up")
    _assert_one_line(refused, 2, "passphrase has 11 characters; at least 16 are needed")
    assert "sesame" not in refused.stderr


def test_a_time_zone_that_does_not_exist_is_utc_with_a_warning(station: Station) -> None:
    station.rigwatch.environment["RIGWATCH_WEB__TIMEZONE"] = "Europe/Atlantis"
    web = station.rigwatch.start("web")
    web.wait_for("warning web: time zone unknown, showing UTC zone=Europe/Atlantis", timeout=START_S)
    page = eventually(station.page, timeout=START_S, what="the page is served")
    assert "The time zone “Europe/Atlantis” is not known here, so times are in UTC." in page.text
    assert re.search(r"Time now \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", page.text)
    assert "'Europe/Atlantis' does not exist, so UTC is shown" in station.rigwatch.run("doctor").stdout
