"""`rigwatch import-legacy` on a rig: old clients become nodes in `publisher.toml`."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rigwatch.keys import MasterKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.legacy import KEY, write_client, write_server, write_sqlite
from tests.processes import Rigwatch, clean_environment

MASTER = MasterKey.random()
SERVER_ONLY = ("peewee", "playhouse", "psycopg", "flask", "amqtt", "uvicorn")


def token(node: str, site: str = "main") -> str:
    return JoinToken(
        "mqtts://monitor.example:8883", NodeId(site, node), MASTER.node_key(NodeId(site, node)), None
    ).encode()


def nodes(rigwatch: Rigwatch) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = tomllib.loads((rigwatch.home / "publisher.toml").read_text("utf-8"))["nodes"]
    return written


def imported(rigwatch: Rigwatch, *arguments: str | Path, text: str = "") -> str:
    done = rigwatch.run("import-legacy", *arguments, text=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rw1." not in done.stdout
    assert KEY not in done.stdout
    return done.stdout


def refused(rigwatch: Rigwatch, *arguments: str | Path, text: str = "") -> str:
    there = (rigwatch.home / "publisher.toml").exists()
    done = rigwatch.run("import-legacy", *arguments, text=text)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert KEY not in done.stderr
    assert (rigwatch.home / "publisher.toml").exists() == there
    return done.stderr


def test_a_client_becomes_the_node_that_its_token_is_for(rigwatch: Rigwatch) -> None:
    folder = write_client(rigwatch.folder / "client", name="Comp 1", gpu="C:\\gpu\\", rpc_port=8550).parent
    said = imported(rigwatch, folder, "--join", token("comp-1-2"))
    assert "taken  node main/comp-1-2: hashrate from C:\\gpu\\0202001, chain client on port 8550, every 60 s\n" in said
    assert said.endswith("  2. Start publishing: " + said.rpartition("  2. Start publishing: ")[2])
    assert nodes(rigwatch) == [
        {
            "token": token("comp-1-2"),
            "name": "Comp 1",
            "interval": "60s",
            "sources": [
                {"kind": "hashfile", "path": "C:\\gpu\\0202001"},
                {"kind": "jsonrpc", "url": "http://127.0.0.1:8550"},
            ],
        }
    ]
    assert (rigwatch.home / "publisher.toml").stat().st_mode & 0o077 == 0


def test_what_is_in_the_file_stays_to_the_letter_and_a_second_time_nothing_is_added(rigwatch: Rigwatch) -> None:
    rigwatch.home.mkdir(mode=0o700)
    file = rigwatch.home / "publisher.toml"
    mine = f'# Mine.\n[[nodes]]\ntoken = "{token("other")}"   # the other\n'
    file.write_text(mine)
    client = write_client(rigwatch.folder / "client")
    imported(rigwatch, client, "--join", token("comp-1"))
    written = file.read_text()
    assert written.startswith(mine + "\n[[nodes]]\n")
    assert "there  node main/comp-1: is in" in imported(rigwatch, client, "--join", token("comp-1"))
    assert file.read_text() == written


def test_the_clients_of_several_cards_come_in_one_go_each_with_its_token(rigwatch: Rigwatch) -> None:
    for number, name in ((1, "Comp"), (2, "Comp"), (3, "Third")):
        write_client(rigwatch.folder / "clients" / f"card{number}", number=number, name=name, rpc_port=8544 + number)
    tokens = [token("third"), token("comp-2"), token("comp")]
    imported(rigwatch, rigwatch.folder / "clients", "--join", "-", text="\n".join(tokens))
    ports = {JoinToken.decode(each["token"]).node.node: each["sources"][0]["url"] for each in nodes(rigwatch)}
    assert ports == {
        "comp": "http://127.0.0.1:8545",
        "comp-2": "http://127.0.0.1:8546",
        "third": "http://127.0.0.1:8547",
    }


def test_tokens_come_from_files_too(rigwatch: Rigwatch) -> None:
    client = write_client(rigwatch.folder / "client")
    file = rigwatch.folder / "token.txt"
    file.write_text(token("comp-1") + "\r\n")
    imported(rigwatch, client, "--join", file)
    assert nodes(rigwatch)[0]["token"] == token("comp-1")


def test_a_dry_run_changes_nothing(rigwatch: Rigwatch) -> None:
    client = write_client(rigwatch.folder / "client")
    said = imported(rigwatch, "--dry-run", client, "--join", token("comp-1"))
    assert "taken  node main/comp-1" in said
    assert not rigwatch.home.exists()


def test_the_shared_key_will_do_where_that_is_wanted(rigwatch: Rigwatch) -> None:
    client = write_client(rigwatch.folder / "client", name="Comp 1")
    assert "ca.pem: not there; copy tls/ca.pem of the server's home" in refused(
        rigwatch, client, "--use-encryption-key"
    )
    rigwatch.home.mkdir(exist_ok=True)
    (rigwatch.home / "ca.pem").write_text("no certificate")
    assert "is not a certificate in PEM" in refused(rigwatch, client, "--use-encryption-key")
    made = rigwatch.run("init", home=rigwatch.folder / "server")
    assert made.returncode == 0
    rigwatch.run("enroll", "x", home=rigwatch.folder / "server")
    (rigwatch.home / "ca.pem").write_bytes((rigwatch.folder / "server" / "tls" / "ca.pem").read_bytes())
    imported(rigwatch, client, "--use-encryption-key")
    (node,) = nodes(rigwatch)
    assert (node["node"], node["site"], node["passphrase"]) == ("comp-1", "main", KEY)
    assert (node["server"], node["ca_file"]) == ("mqtts://127.0.0.1:8883", "ca.pem")
    assert "there  node main/comp-1" in imported(rigwatch, client, "--use-encryption-key")
    # Another card of that name.
    other = write_client(rigwatch.folder / "other", number=2, name="comp 1")
    imported(rigwatch, other, "--use-encryption-key")
    assert [each["node"] for each in nodes(rigwatch)] == ["comp-1", "comp-1-2"]


def test_on_the_server_itself_a_client_needs_no_token(rigwatch: Rigwatch) -> None:
    assert rigwatch.run("init").returncode == 0
    write_server(rigwatch.folder / "old" / "server")
    write_client(rigwatch.folder / "old" / "client", number=3, name="Comp 3")
    done = rigwatch.run("import-legacy", rigwatch.folder / "old")
    assert (done.returncode, done.stderr) == (0, "")
    join = JoinToken.decode(nodes(rigwatch)[0]["token"])
    assert (join.node, join.url) == (NodeId("main", "comp-3"), "mqtt://127.0.0.1:1883")


@pytest.mark.parametrize(
    ("joins", "words"),
    [
        ((), "needs --join TOKEN; on the server"),
        (("rw1.x",), "join token: cut short or altered"),
        (("nowhere",), "--join is neither a token (rw2.…), a readable file, nor '-'"),
        ((token("comp-1"), token("elsewhere")), "--join: no client here is called elsewhere"),
    ],
)
def test_a_client_without_its_token_is_refused_in_one_line(
    rigwatch: Rigwatch, joins: tuple[str, ...], words: str
) -> None:
    client = write_client(rigwatch.folder / "client")
    options = [word for join in joins for word in ("--join", join)]
    assert words in refused(rigwatch, client, *options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"Id": 1 "Mode": "GPU" "RpcPort": 1 "Frequency": 60}', "config.json: GpuMinerLocation is missing"),
        ('{"Id": "one" "Mode": "CPU" "RpcPort": 1 "Frequency": 60}', "config.json: Id is not a whole number"),
        ('{"Id": 1 "Mode"', "config.json: cannot be read as the old tool's settings: line 1"),
        ('{"something": "else"}', "nothing of wtc-miner-monitor is in this folder"),
    ],
)
def test_settings_that_make_no_sense_are_named(rigwatch: Rigwatch, text: str, words: str) -> None:
    (rigwatch.folder / "client").mkdir()
    (rigwatch.folder / "client" / "config.json").write_text(text)
    assert words in refused(rigwatch, rigwatch.folder / "client", "--join", token("comp-1"))


def test_a_rig_needs_nothing_that_only_servers_have(rigwatch: Rigwatch) -> None:
    client = write_client(rigwatch.folder / "client")
    database = write_sqlite(rigwatch.folder / "hash.db", [])

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        without = f"import sys; sys.modules.update(dict.fromkeys({SERVER_ONLY!r}))"
        code = f"{without}; from cli import main; sys.argv[0] = 'rigwatch'; main()"
        return subprocess.run(
            [sys.executable, "-c", code, f"--home={rigwatch.home}", "import-legacy", *arguments],
            env=clean_environment({}),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    done = run(client, "--join", token("comp-1"))
    assert (done.returncode, done.stderr) == (0, "")
    assert nodes(rigwatch)[0]["token"] == token("comp-1")
    done = run(database)
    assert done.returncode == 2
    assert "history is taken over on the server, with 'rigwatch[server]' installed" in done.stderr


@pytest.mark.parametrize("garbled", [b'name = "\xff"\n', b"[[nodes]\n"])
def test_a_publisher_toml_that_is_none_is_named_and_left_alone(rigwatch: Rigwatch, garbled: bytes) -> None:
    rigwatch.home.mkdir(mode=0o700)
    file = rigwatch.home / "publisher.toml"
    file.write_bytes(garbled)
    done = rigwatch.run("import-legacy", str(write_client(rigwatch.folder / "client")), "--join", token("comp-1"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"rigwatch: {file}: is not TOML: ")
    assert done.stderr.count("\n") == 1
    assert file.read_bytes() == garbled
