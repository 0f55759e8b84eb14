"""A rig joined by the one line that the server prints, into a folder of its own: installed, repaired, uninstalled."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rigwatch.codes import JoinCodes
from rigwatch.home import Home
from tests.agents import file_from_sources, needs_built
from tests.e2e.station import Station
from tests.processes import clean_environment
from tests.requirements import program
from web.agent.files import BUILT, NAME, SCRIPT

LINE_S = 180.0


@pytest.fixture(autouse=True)
def curl() -> str:
    """What the line begins with."""
    return program("curl")


@pytest.fixture
def server(station: Station) -> Station:
    """One whose dashboard other machines reach, over TLS with a certificate of its own."""
    station.rigwatch.environment.update(
        RIGWATCH_WEB__HOST="0.0.0.0", RIGWATCH_BROKER__HOST="127.0.0.1", RIGWATCH_BROKER__ADVERTISE="localhost"
    )
    station.rigwatch.start("up").wait_for("rigwatch is running", timeout=60)
    return station


@pytest.fixture(params=["sources", pytest.param("built", marks=needs_built)])
def agent(request: pytest.FixtureRequest, station: Station) -> Path:
    """What the server hands out."""
    folder = station.home / "agent"
    folder.mkdir(mode=0o700, parents=True)
    file = folder / NAME
    return file_from_sources(file) if request.param == "sources" else Path(shutil.copy(BUILT, file))


@pytest.fixture
def prefix(tmp_path: Path) -> Iterator[Path]:
    """Where the rig is; what was left running there is ended."""
    folder = tmp_path / "rig"
    yield folder
    for each in running_in(folder):
        each.terminate()
        each.wait(30)


def running_in(prefix: Path) -> list[psutil.Process]:
    home = f"{prefix}/var/lib/rigwatch-agent"
    found = []
    for each in psutil.process_iter():
        try:
            if each.environ().get("RIGWATCH_HOME") == home:
                found.append(each)
        except psutil.Error:
            continue
    return found


def line_of(server: Station, node: str) -> str:
    made = server.rigwatch.run("enroll", node, "--line")
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("\n") == 1
    return made.stdout.strip()


def paste(line: str, prefix: Path, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    environment = clean_environment({"HOME": str(tmp_path / "user")})
    return subprocess.run(
        ["/bin/sh", "-c", f"{line} --prefix {prefix}"],
        env=environment, capture_output=True, text=True, timeout=LINE_S, check=False,
    )  # fmt: skip


@pytest.mark.usefixtures("agent")
@pytest.mark.timeout(400)
def test_the_line_installs_repairs_and_leaves_nothing(server: Station, prefix: Path, tmp_path: Path) -> None:
    line = line_of(server, "rig-7")
    done = paste(line, prefix, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "joined as main/rig-7" in done.stderr
    assert "the server has its first report" in done.stderr
    assert server.samples()["main/rig-7"]
    home = prefix / "var/lib/rigwatch-agent"
    assert home.stat().st_mode & 0o077 == 0
    assert "rw2." not in done.stdout + done.stderr
    (first,) = running_in(prefix)

    # Its program is lost; the same line puts it back, though its code is spent.
    program = prefix / "usr/local/bin/rigwatch-agent"
    program.unlink()
    again = paste(line, prefix, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "joined before" in again.stderr
    assert program.exists()
    (second,) = running_in(prefix)
    assert second.pid != first.pid

    user = tmp_path / "user"
    gone = subprocess.run(
        ["/bin/sh", str(program), "uninstall", "--prefix", str(prefix)],
        env=clean_environment({"HOME": str(user), "RIGWATCH_AGENT_DIR": str(prefix / "opt/rigwatch-agent")}),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert gone.returncode == 0, gone.stderr
    assert [each for each in prefix.rglob("*") if not each.is_dir()] == []
    assert not running_in(prefix)
    assert not user.exists()


@pytest.mark.usefixtures("agent")
@pytest.mark.timeout(400)
def test_a_rig_whose_node_has_moved_joins_again_by_a_line_and_a_wrong_line_leaves_it_running(
    server: Station, prefix: Path, tmp_path: Path
) -> None:
    assert paste(line_of(server, "rig-7"), prefix, tmp_path).returncode == 0
    settings = prefix / "var/lib/rigwatch-agent/publisher.toml"
    before = settings.read_bytes()
    wrong = paste(line_of(server, "rig-8"), prefix, tmp_path)
    assert wrong.returncode != 0
    assert "names other nodes already" in wrong.stderr
    assert settings.read_bytes() == before
    assert len(running_in(prefix)) == 1

    made = server.rigwatch.run("enroll", "rig-7", "--site", "attic", "--line")
    moved = paste(made.stdout.strip(), prefix, tmp_path)
    assert moved.returncode == 0, moved.stderr
    assert "joined as attic/rig-7" in moved.stderr
    assert "the server has its first report" in moved.stderr
    assert len(running_in(prefix)) == 1


def test_a_line_of_another_server_s_key_or_another_agent_installs_nothing(
    server: Station, agent: Path, prefix: Path, tmp_path: Path
) -> None:
    line = line_of(server, "rig-7")
    words = line.split(" ")
    pin, sha256 = words[words.index("--pinnedpubkey") + 1], words[-2]
    wrong_pin = "sha256//" + "A" * 43 + "="
    for changed, why in (
        (line.replace(pin, wrong_pin), "pinned"),
        (line.replace(f"-- {words[-4]} {pin}", f"-- {words[-4]} {wrong_pin}"), "cannot be fetched"),
        (line.replace(sha256, "0" * 64), "is not the agent that the line names"),
        (line[:-3], "cannot be fetched"),
    ):
        done = paste(changed, prefix, tmp_path)
        assert why in done.stderr, done.stderr
        assert not prefix.exists()
    agent.write_bytes(agent.read_bytes() + b"\n# altered on the server's disk\n")
    done = paste(line, prefix, tmp_path)
    assert "is not the agent that the line names" in done.stderr
    assert not prefix.exists()
    # Nobody has spent the code by trying.
    found = JoinCodes(Home(server.home).join_codes).find(words[-1], int(agent.stat().st_mtime * 1000))
    assert found is not None
    assert found.spent_at is None


def test_enroll_prints_the_token_alone_where_no_person_reads(station: Station) -> None:
    printed = station.rigwatch.run("enroll", "rig-7")
    assert printed.stdout.startswith("rw2.")
    assert printed.stdout.count("\n") == 1
    refused = station.rigwatch.run("enroll", "rig-7", "--line")
    assert refused.returncode == 1
    assert "'rigwatch open'" in refused.stderr


def test_where_no_line_can_be_made_a_person_gets_the_token(station: Station) -> None:
    (station.home / "agent").mkdir(mode=0o700, parents=True)
    file_from_sources(station.home / "agent" / NAME)
    (station.home / "join-codes.json").write_text("{")
    named = {"RIGWATCH_HOME": str(station.home), "RIGWATCH_WEB__HOST": "0.0.0.0"}
    ours, terminal = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "rigwatch", "enroll", "rig-7"],
            env=clean_environment({**station.rigwatch.environment, **named}),
            stdout=terminal, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert os.read(ours, 100).startswith(b"rw2.")
        assert "join-codes.json: cannot be read" in done.stderr
    finally:
        os.close(ours)
        os.close(terminal)


def test_a_trial_below_a_prefix_unpacks_nothing_outside_of_it(tmp_path: Path) -> None:
    tools, file = tmp_path / "tools", tmp_path / "agent"
    tools.mkdir()
    file.write_text('echo "$RIGWATCH_AGENT_DIR"\n')
    curl = tools / "curl"
    curl.write_text(f'#!/bin/sh\ncat >/dev/null\nwhile [ "$1" != --output ]; do shift; done\ncp {file} "$2"\n')
    curl.chmod(0o755)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), "https://rigs.example/agent", "-", sha256, "code", "--prefix", str(tmp_path / "rig")],
        env={"PATH": f"{tools}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    unpacked = Path(done.stdout.strip())
    assert unpacked.is_relative_to(tmp_path)
    assert not unpacked.parent.exists(), "it is gone afterwards"


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_the_script_is_understood_by_every_shell(shell: str) -> None:
    assert subprocess.run([program(shell), "-n", str(SCRIPT)], check=False).returncode == 0
    # A script that came cut short does nothing at all.
    text = SCRIPT.read_text("utf-8")
    cut = subprocess.run(
        [shell, "-s", "--", "u", "-", "h", "c"], input=text[: text.rindex("main ")], text=True, check=False,
        capture_output=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert (cut.returncode, cut.stdout, cut.stderr) == (0, "", "")


@pytest.mark.usefixtures("agent")
@pytest.mark.timeout(400)
def test_a_line_for_several_rigs_makes_a_node_named_by_its_host_and_repairs_it(
    server: Station, prefix: Path, tmp_path: Path
) -> None:
    made = server.rigwatch.run("code", "add", "--rigs", "2", "--prefix", "gpu-")
    assert made.returncode == 0, made.stderr
    line = f"{made.stdout.strip()} --name 'Shed 3'"
    done = paste(line, prefix, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "joined as main/gpu-shed-3" in done.stderr
    assert "the server has its first report" in done.stderr
    again = paste(line, prefix, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "joined before, and that stays" in again.stderr
    assert len(running_in(prefix)) == 1
    listed = server.rigwatch.run("code", "list").stdout
    assert "\t1 of 2\t" in listed
    assert listed.rstrip().endswith("main/gpu-shed-3")
