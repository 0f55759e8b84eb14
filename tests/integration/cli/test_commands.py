import json
import os
import re
import stat
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts.contest import Contest
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.registry import Registry
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from store import open_store
from tests.processes import Rigwatch
from tests.rigs import birth, rig


def test_init_prints_the_password_once_and_makes_a_private_home(rigwatch: Rigwatch) -> None:
    made = rigwatch.run("init", "--json")
    assert made.returncode == 0, made.stderr
    access = json.loads(made.stdout)
    assert access["url"] == "http://127.0.0.1:8081/"
    assert access["user"] == "admin"
    for path in (rigwatch.home, *rigwatch.home.iterdir()):
        if path.suffix != ".lock":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    written = [path.read_bytes() for path in rigwatch.home.iterdir() if path.is_file()]
    assert not [1 for content in written if access["password"].encode() in content]


def test_init_changes_nothing_where_there_is_a_home(at_home: Rigwatch) -> None:
    before = {path.name: path.read_bytes() for path in at_home.home.iterdir() if path.is_file()}
    again = at_home.run("init")
    assert again.returncode == 1
    assert "is set up already, nothing was changed" in again.stderr
    assert again.stdout == ""
    assert {path.name: path.read_bytes() for path in at_home.home.iterdir() if path.is_file()} == before


def test_init_ends_what_an_interrupted_one_began(at_home: Rigwatch) -> None:
    key = (at_home.home / "secret.key").read_bytes()
    (at_home.home / "server.toml").unlink()
    again = at_home.run("init", "--json")
    assert again.returncode == 0, again.stderr
    assert (at_home.home / "secret.key").read_bytes() == key
    assert json.loads(again.stdout)["password"]


def test_enroll_prints_the_token_alone_and_the_same_again(at_home: Rigwatch) -> None:
    first, second = (
        at_home.run("enroll", "rig-7", "--site", "garage"),
        at_home.run("enroll", "rig-7", "--site", "garage"),
    )
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") == 1
    token = JoinToken.decode(first.stdout)
    assert token.node == NodeId("garage", "rig-7")
    assert token.url.startswith("mqtts://")
    assert (token.ca, token.pin[:8]) == (None, "sha256//")
    long = JoinToken.decode(at_home.run("enroll", "rig-7", "--site", "garage", "--long").stdout)
    assert (long.node, long.key, long.url) == (token.node, token.key, token.url)
    assert long.ca == (at_home.home / "tls" / "ca.pem").read_text()


def test_revoke_and_rotate_lead_to_other_tokens(at_home: Rigwatch) -> None:
    tokens = [at_home.run("enroll", "rig-7").stdout, at_home.run("rotate", "rig-7").stdout]
    assert at_home.run("revoke", "rig-7").returncode == 0
    tokens.append(at_home.run("enroll", "rig-7").stdout)
    assert len({JoinToken.decode(token).key for token in tokens}) == 3


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_it_refuses_to_change_the_key_of_a_node_it_does_not_know(at_home: Rigwatch, command: str) -> None:
    refused = at_home.run(command, "rig-7")
    assert refused.returncode == 1
    assert "is not enrolled" in refused.stderr
    assert Registry(at_home.home / "nodes.json").nodes() == {}


def test_publish_never_overwrites_other_nodes(at_home: Rigwatch, tmp_path: Path) -> None:
    token = at_home.run("enroll", "rig-7").stdout
    rig = tmp_path / "rig"
    rig.mkdir()
    settings = rig / "publisher.toml"
    settings.write_text('[[nodes]]\nnode = "other"\nserver = "mqtt://127.0.0.1:1"\npassphrase = "0123456789abcdef"\n')
    before = settings.read_text()
    refused = at_home.run("publish", "--join", "-", home=rig, text=token)
    assert refused.returncode == 2
    assert "names other nodes already" in refused.stderr
    assert settings.read_text() == before


def test_publish_takes_a_nodes_new_token_and_keeps_its_other_settings(at_home: Rigwatch, tmp_path: Path) -> None:
    old, new = (at_home.run(*command, "rig-7").stdout.strip() for command in (["enroll"], ["rotate"]))
    rig = tmp_path / "rig"
    rig.mkdir()
    text = '[[nodes]]\ntoken = "{}"\ninterval = "30s"  # as often as the pool likes\n'
    (rig / "publisher.toml").write_text(text.format(old))
    publisher = at_home.start("publish", "--join", new, home=rig)
    publisher.wait_for("publisher starts")
    assert (rig / "publisher.toml").read_text() == text.format(new)


def test_a_token_cut_short_is_refused_without_repeating_it(at_home: Rigwatch, tmp_path: Path) -> None:
    token = at_home.run("enroll", "rig-7").stdout.strip()
    rig = tmp_path / "rig"
    refused = at_home.run("publish", "--join", token[:-40], home=rig)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "cut short or altered" in refused.stderr
    assert token[10:50] not in refused.stderr
    assert not rig.exists()


def test_users_are_added_listed_changed_and_removed(at_home: Rigwatch) -> None:
    added = at_home.run("user", "add", "eve", "--role", "viewer")
    assert added.returncode == 0, added.stderr
    assert len(added.stdout.strip()) == 20
    assert at_home.run("user", "list").stdout.splitlines() == ["admin\tadmin", "eve\tviewer"]
    assert at_home.run("user", "add", "eve").returncode == 1
    assert at_home.run("user", "password", "eve").stdout != added.stdout
    assert at_home.run("user", "remove", "eve").returncode == 0
    assert at_home.run("user", "remove", "eve").returncode == 1
    assert at_home.run("user", "list").stdout.splitlines() == ["admin\tadmin"]


def test_accounts_are_added_listed_changed_and_removed(at_home: Rigwatch) -> None:
    added = at_home.run("account", "add", "shed", "--site", "main", "--site", "barn", "--deny", "rigwatch/v1/barn/x/#")
    assert added.returncode == 0, added.stderr
    assert at_home.run("account", "add", "boss", "--role", "admin").returncode == 0
    assert at_home.run("account", "list").stdout.splitlines() == [
        "boss\tadmin\tall sites",
        "shed\tconsumer\tmain, barn\twithout rigwatch/v1/barn/x/#",
    ]
    renewed = at_home.run("account", "password", "shed")
    assert len(renewed.stdout.strip()) == 32
    assert renewed.stdout != added.stdout
    again = at_home.run("account", "add", "shed")
    assert again.returncode == 1
    assert "'rigwatch account password shed'" in again.stderr
    assert at_home.run("account", "add", "x", "--role", "admin", "--site", "main").returncode == 1
    assert at_home.run("account", "remove", "boss").returncode == 0
    assert at_home.run("account", "password", "boss").returncode == 1
    assert [line.split("\t")[0] for line in at_home.run("account", "list").stdout.splitlines()] == ["shed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "add", "eve", "--role", "boss"), "--role: should be viewer or admin"),
        (("user", "add", "a:b"), "colon"),
        (("account", "add", "eve", "--role", "boss"), "--role: should be consumer, admin or device"),
        (("device", "add", "Plug 7", "--kind", "tasmota", "--topic", "tele/x"), "NAME 'Plug 7' is not a valid name"),
        (("device", "add", "plug7", "--kind", "fridge", "--topic", "tele/x"), "there is no 'fridge'"),
        (("device", "add", "plug7", "--kind", "tasmota", "--topic", "tele/+"), "is none of a single device"),
        (("device", "add", "plug7", "--kind", "tasmota", "--topic", "plug7"), "has no level 'tele'"),
        (("device", "add", "plug7", "--kind", "esphome", "--topic", "x", "--account", "z2m"), "there is no 'z2m'"),
        (("enroll", "rig 7"), "'rig 7' is not a valid name"),
        (("rotate", "rig-7", "--overlap", "long"), "--overlap"),
        (("simulate", "--interval", "1ms"), "--interval: should be from"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(at_home: Rigwatch, arguments: tuple[str, ...], said: str) -> None:
    refused = at_home.run(*arguments)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
def test_doctor_says_what_to_do_about_a_key_that_others_can_read(at_home: Rigwatch) -> None:
    (at_home.home / "secret.key").chmod(0o644)
    examined = at_home.run("doctor")
    assert examined.returncode == 1
    assert "chmod 600" in examined.stdout


def test_doctor_finds_nothing_failed_in_a_home_that_is_not_running(at_home: Rigwatch) -> None:
    examined = at_home.run("doctor")
    assert examined.returncode == 0, examined.stdout
    assert "failed" not in examined.stdout
    assert "start 'rigwatch up'" in examined.stdout


def test_doctor_names_a_node_that_is_published_from_two_places(at_home: Rigwatch) -> None:
    now = SystemClock().now()
    contest = Contest("two publishers use its key, from 192.0.2.7 and 198.51.100.9")
    heard = replace(rig().heard(birth(now), received_at=now), contest=contest)
    with closing(open_store("sqlite:///rigwatch.db", Home(at_home.home))) as store:
        store.take([heard])
    examined = at_home.run("doctor")
    assert examined.returncode == 1
    assert "failed   machines   main/rig1: two publishers use its key, from 192.0.2.7 and" in examined.stdout


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can act as somebody else")
def test_a_command_of_root_leaves_nothing_in_somebody_elses_home(at_home: Rigwatch) -> None:
    os.chown(at_home.home, 65534, 65534)
    before = sorted(at_home.home.rglob("*"))
    refused = at_home.run("enroll", "rig1")
    assert refused.returncode == 1
    assert "sudo -u" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""
    assert sorted(at_home.home.rglob("*")) == before


def test_doctor_reads_the_cards_that_the_machine_publishes(at_home: Rigwatch, tmp_path: Path) -> None:
    token = at_home.run("enroll", "rig-7").stdout.strip()
    rig = tmp_path / "rig"
    rig.mkdir(mode=0o700)
    settings = rig / "publisher.toml"
    settings.write_text(f'[[nodes]]\ntoken = "{token}"\n')
    assert " nvml " not in at_home.run("doctor", home=rig).stdout
    settings.write_text(settings.read_text() + '[[nodes.sources]]\nkind = "nvml"\ngpu = "ff:00.0"\n')
    examined = at_home.run("doctor", home=rig)
    # Where there is a driver, it knows no such card.
    assert re.search(r"^failed +nvml +(no NVIDIA driver here|.*is not in this machine)", examined.stdout, re.MULTILINE)
    assert examined.returncode == 1
