"""The agent's one file as `make agent` built it: it unpacks itself, starts, and says what is wrong where it cannot."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from rigwatch import __version__
from tests.agents import needs_built
from web.agent.files import BUILT

pytestmark = needs_built
VERSION = f"rigwatch-agent {__version__}\n"


def agent(
    file: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    variables = {"PATH": os.environ["PATH"], **(environment or {})}
    return subprocess.run(
        ["/bin/sh", str(file), *arguments], env=variables, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def place(tmp_path: Path) -> Mapping[str, str]:
    """Where it unpacks itself in this test."""
    return {"HOME": str(tmp_path), "RIGWATCH_AGENT_DIR": str(tmp_path / "unpacked")}


def test_it_unpacks_itself_once_and_says_its_version(place: Mapping[str, str], tmp_path: Path) -> None:
    first = agent(BUILT, "--version", environment=place)
    assert (first.stdout, first.stderr) == (VERSION, "")
    (folder,) = (tmp_path / "unpacked").iterdir()
    before = (folder / "bin" / "python3.11").stat()
    assert agent(BUILT, "--version", environment=place).stdout == VERSION
    assert (folder / "bin" / "python3.11").stat().st_mtime_ns == before.st_mtime_ns
    assert [each.name for each in (tmp_path / "unpacked").iterdir()] == [folder.name]


def test_all_of_it_is_on_the_disk_before_it_has_its_name(place: Mapping[str, str], tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    sync = tools / "sync"
    sync.write_text(f'#!/bin/sh\nls "$RIGWATCH_AGENT_DIR" >{tmp_path}/names\n')
    sync.chmod(0o755)
    agent(BUILT, "--version", environment={**place, "PATH": f"{tools}:{os.environ['PATH']}"})
    assert (tmp_path / "names").read_text().startswith("new.")


def test_it_holds_no_source_and_wants_no_more_than_13_megabytes(place: Mapping[str, str], tmp_path: Path) -> None:
    agent(BUILT, "--version", environment=place)
    assert not list((tmp_path / "unpacked").rglob("*.py"))
    assert BUILT.stat().st_size <= 13_000_000


def test_several_first_starts_at_once_unpack_it_once(place: Mapping[str, str], tmp_path: Path) -> None:
    variables = {"PATH": os.environ["PATH"], **place}
    started = [
        subprocess.Popen(["/bin/sh", str(BUILT), "--version"], env=variables, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [each.communicate(timeout=60)[0] for each in started] == [VERSION] * 4
    (folder,) = (tmp_path / "unpacked").iterdir()
    assert not list(folder.glob("new.*"))


def test_what_is_damaged_is_unpacked_anew_for_who_installs(place: Mapping[str, str], tmp_path: Path) -> None:
    agent(BUILT, "--version", environment=place)
    (folder,) = (tmp_path / "unpacked").iterdir()
    (folder / "lib" / "python3.11" / "publisher" / "command.pyc").write_bytes(b"")
    assert agent(BUILT, "--version", environment=place).returncode == 1
    assert agent(BUILT, "--version", environment={**place, "RIGWATCH_AGENT_ANEW": "yes"}).stdout == VERSION
    assert agent(BUILT, "--version", environment=place).stdout == VERSION
    assert [each.name for each in (tmp_path / "unpacked").iterdir()] == [folder.name]


def test_one_that_is_cut_short_is_named_as_such(place: Mapping[str, str], tmp_path: Path) -> None:
    file = tmp_path / "agent"
    file.write_bytes(BUILT.read_bytes()[:-1000])
    done = agent(file, "--version", environment=place)
    assert done.returncode == 1
    assert "is cut short or altered" in done.stderr
    assert not (tmp_path / "unpacked").exists()


def test_somebody_elses_folder_is_not_used(place: Mapping[str, str], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    agent(BUILT, "--version", environment=place)
    (folder,) = (tmp_path / "unpacked").iterdir()
    (folder / "bin" / "python3.11").unlink()
    (folder / "bin" / "python3.11").symlink_to("/bin/false")
    os.chown(tmp_path / "unpacked", 12345, 12345)
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "bin").mkdir()
    planted = folder / "bin" / "python3.11"
    planted.write_text("#!/bin/sh\necho planted\n")
    planted.chmod(0o755)
    assert "planted" not in agent(BUILT, "--version", environment=place).stdout


def test_it_has_every_kind_of_source(place: Mapping[str, str], tmp_path: Path) -> None:
    settings = tmp_path / "home" / "publisher.toml"
    settings.parent.mkdir(mode=0o700)
    settings.write_text(
        '[[nodes]]\nnode = "rig"\nserver = "mqtt://127.0.0.1:1"\npassphrase = "a passphrase that is long"\n'
        '[[nodes.sources]]\nkind = "host"\n[[nodes.sources]]\nkind = "simulated"\n'
    )
    done = agent(BUILT, "--home", str(settings.parent), "sources", environment=place)
    assert done.returncode == 0, done.stderr
    assert "host" in done.stdout
    assert "H/s" in done.stdout


def test_wrong_usage_and_a_missing_file_are_a_line_and_a_2(place: Mapping[str, str], tmp_path: Path) -> None:
    done = agent(BUILT, "--home", str(tmp_path / "none"), "publish", environment=place)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "publisher.toml: not there" in done.stderr
    assert agent(BUILT, "dance", environment=place).returncode == 2
