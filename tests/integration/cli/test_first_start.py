"""A server's first minutes at the command line: password, ports, a dashboard that is opened, whether it is at work."""

import json
import socket
import tomllib
from contextlib import closing

import pytest
from werkzeug.security import check_password_hash

from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.tokens import JoinToken
from store import Store, housekeeping, open_store, users
from tests.processes import Rigwatch


def settings(rigwatch: Rigwatch) -> dict[str, dict[str, object]]:
    return tomllib.loads((rigwatch.home / "server.toml").read_text())


def test_a_first_password_that_was_never_shown_is_made_anew_and_nothing_else(at_home: Rigwatch) -> None:
    toml, key = (at_home.home / "server.toml").read_bytes(), (at_home.home / "secret.key").read_bytes()
    (at_home.home / "first-login").touch()
    made = json.loads(at_home.run("init", "--json").stdout)
    assert ((at_home.home / "server.toml").read_bytes(), (at_home.home / "secret.key").read_bytes()) == (toml, key)
    with closing(open_store("sqlite:///rigwatch.db", Home(at_home.home))) as store, store.read() as tx:
        known = users.get(tx, "admin")
    assert known is not None
    assert check_password_hash(known.password_hash, made["password"])
    assert at_home.run("init").returncode == 1


def test_ports_of_the_environment_are_kept_so_that_tokens_and_lines_have_them(rigwatch: Rigwatch) -> None:
    rigwatch.environment |= {"RIGWATCH_BROKER__PORT": "18883", "RIGWATCH_WEB__PORT": "18081"}
    assert json.loads(rigwatch.run("init", "--json").stdout)["url"] == "http://127.0.0.1:18081/"
    rigwatch.environment.clear()
    assert JoinToken.decode(rigwatch.run("enroll", "rig-7").stdout).url.endswith(":18883")
    assert settings(rigwatch)["broker"] == {"port": 18883}
    assert settings(rigwatch)["web"] == {"port": 18081}


def test_at_the_first_start_a_port_that_is_taken_is_told_with_what_to_set(rigwatch: Rigwatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        rigwatch.environment["RIGWATCH_WEB__PORT"] = str(port)
        rigwatch.environment |= {"RIGWATCH_BROKER__PORT": "0", "RIGWATCH_BROKER__PLAIN_PORT": "1"}
        rigwatch.environment["RIGWATCH_BROKER__MODE"] = "external"
        rigwatch.environment["RIGWATCH_BROKER__URL"] = "mqtt://127.0.0.1:1"
        refused = rigwatch.run("up")
    assert refused.returncode == 1
    assert f"port {port}: another program has it; choose another for this first start" in refused.stderr
    assert "RIGWATCH_WEB__PORT=" in refused.stderr
    assert refused.stderr.count("\n") == 1
    # Nothing was made: the next start is the first one again, with its password.
    assert not rigwatch.home.exists()


def test_a_server_is_opened_from_its_beginning_or_later_and_always_over_tls(rigwatch: Rigwatch) -> None:
    made = rigwatch.run("init", "--open", "--json")
    assert json.loads(made.stdout)["url"].startswith("https://")
    assert settings(rigwatch)["web"] == {"host": "0.0.0.0"}


def test_opening_later_changes_one_line_and_says_what_to_do(at_home: Rigwatch) -> None:
    path = at_home.home / "server.toml"
    path.write_text('# mine\n[web]\nport = 18081  # as ever\nhost = "127.0.0.1"\n')
    opened = at_home.run("open")
    assert opened.returncode == 0, opened.stderr
    assert opened.stdout.startswith("https://")
    assert "from the next start of rigwatch on" in opened.stderr
    assert path.read_text() == '# mine\n[web]\nport = 18081  # as ever\nhost = "0.0.0.0"\n'
    again = at_home.run("open")
    assert (again.stdout, again.stderr) == (opened.stdout, "")


@pytest.mark.parametrize(
    ("written", "environment", "why"),
    [
        ('[web]\ntls = "off"\n', {}, "is not opened without TLS"),
        ("", {"RIGWATCH_WEB__HOST": "127.0.0.1"}, "RIGWATCH_WEB__HOST"),
    ],
)
def test_what_opens_nothing_is_said_and_changes_nothing(
    at_home: Rigwatch, written: str, environment: dict[str, str], why: str
) -> None:
    (at_home.home / "server.toml").write_text(written)
    at_home.environment |= environment
    refused = at_home.run("open")
    assert refused.returncode == 2
    assert why in refused.stderr
    assert (at_home.home / "server.toml").read_text() == written


def test_who_sets_up_is_told_how_rigs_reach_the_server(rigwatch: Rigwatch) -> None:
    made = rigwatch.run("init")
    assert "rigs connect to mqtts://" in made.stderr
    assert "open' opens both to your network" in made.stderr
    assert "password" in made.stdout


def test_status_ends_with_1_while_no_subscriber_is_at_work(rigwatch: Rigwatch, local: Store) -> None:
    dead = rigwatch.run("status")
    assert dead.returncode == 1
    assert "not running: figures are old" in dead.stdout
    now = SystemClock().now()
    with local.write() as tx:
        housekeeping.beat(tx, "subscriber", now=now, connected_at=now)
    assert rigwatch.run("status").returncode == 0


def test_many_nodes_are_enrolled_at_once_with_a_row_each_and_again_the_same(at_home: Rigwatch) -> None:
    made = at_home.run("enroll", "--many", "12", "--prefix", "gpu-", "--site", "barn")
    assert made.returncode == 0, made.stderr
    rows = [row.split("\t") for row in made.stdout.splitlines()]
    assert [name for name, _ in rows] == [f"barn/gpu-{number:02}" for number in range(1, 13)]
    assert [str(JoinToken.decode(token).node) for _, token in rows] == [name for name, _ in rows]
    assert at_home.run("enroll", "--many", "12", "--prefix", "gpu-", "--site", "barn").stdout == made.stdout


@pytest.mark.parametrize(
    "words", [("--many", "2", "rig-7"), (), ("--many", "2", "--prefix", "Gpu"), ("--many", "1001")]
)
def test_what_cannot_be_enrolled_at_once_is_one_line(at_home: Rigwatch, words: tuple[str, ...]) -> None:
    refused = at_home.run("enroll", *words)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert not (at_home.home / "nodes.json").exists()
