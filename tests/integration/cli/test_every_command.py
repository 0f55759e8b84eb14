"""Every command, where it cannot work: one line says why and what to do, and no traceback."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cli.extras import RIG, SERVER
from rigwatch.keys import MasterKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.commands import STAYING, every_command, free_addresses
from tests.environments import environment_with
from tests.homes import MadeHome
from tests.processes import Rigwatch, clean_environment
from tests.requirements import missing, program

NOBODY = 65534
PORTS = free_addresses()
EVERY = pytest.mark.parametrize("command", every_command(), ids=" ".join)
OF_A_SERVER = [each for each in every_command() if each[0] not in RIG]
# A service may be somebody else's home's: what it needs of this machine comes first.
IN_THE_HOME = [each for each in every_command() if each[0] != "service"]
as_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can act as somebody else")


@pytest.fixture(scope="module")
def rig_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with what `pip install 'rigwatch[publisher]'` installs, and no more."""
    return environment_with(tmp_path_factory.mktemp("rig") / "venv", "publisher")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with what `pip install rigwatch` installs."""
    return environment_with(tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="module")
def open_home(made_home: MadeHome) -> Iterator[Path]:
    """A server's home that was set up, below a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        made_home.copy_to(Path(name) / "home")
        yield Path(name) / "home"


def run(
    python: Path | str, command: Sequence[str], home: Path, *, wrapper: Sequence[str | Path] = ()
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*wrapper, python, "-m", "rigwatch", *command],
        env=clean_environment({"RIGWATCH_HOME": str(home), "HOME": str(home.parent), **PORTS}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )


def as_nobody() -> list[str]:
    return [program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("rigwatch: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_the_commands_are_found() -> None:
    assert len(every_command()) >= 28
    assert ("enroll", "rig-7") in every_command()
    assert {each[0] for each in every_command()} >= RIG | STAYING


@pytest.mark.parametrize("command", OF_A_SERVER, ids=" ".join)
def test_on_a_rig_a_servers_command_says_what_to_install(
    rig_python: Path, command: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(rig_python, command, tmp_path / "home")
    assert done.returncode == 2
    assert f"'rigwatch {command[0]}' needs packages" in one_line(done)
    assert "pip install 'rigwatch[server]'" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "home").exists()


def test_on_a_rig_the_list_of_commands_has_those_that_work_there(rig_python: Path, tmp_path: Path) -> None:
    listed = run(rig_python, ("--help",), tmp_path / "home").stdout
    commands = {words[0] for line in listed.partition("Commands:")[2].splitlines() if (words := line.split())}
    assert commands >= RIG
    assert not commands & {each[0] for each in OF_A_SERVER}
    assert "pip install 'rigwatch[server]'" in " ".join(listed.split())
    assert "enroll" in run(sys.executable, ("--help",), tmp_path / "home").stdout


def test_on_a_rig_its_own_commands_work(rig_python: Path, tmp_path: Path) -> None:
    node = NodeId("main", "rig-7")
    home = tmp_path / "home"
    home.mkdir(0o700)
    token = JoinToken("mqtt://127.0.0.1:1", node, MasterKey(bytes(32)).node_key(node), None).encode()
    (home / "publisher.toml").write_text(f'[[nodes]]\ntoken = "{token}"\n')
    done = run(rig_python, ("doctor",), home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "main/rig-7 to mqtt://127.0.0.1:1" in done.stdout
    assert "server" not in done.stdout


@pytest.mark.parametrize("command", ["simulate", "watch"])
def test_on_a_rig_what_needs_a_servers_home_says_what_to_install(
    rig_python: Path, command: str, tmp_path: Path
) -> None:
    done = run(rig_python, (command,), tmp_path / "home")
    assert done.returncode == 2
    assert "pip install 'rigwatch[server]'" in one_line(done)


@EVERY
def test_help_is_there_whatever_is_installed(rig_python: Path, command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(rig_python, (*command, "--help"), tmp_path / "home")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_any_extra_publish_says_which_it_needs(bare_python: Path, tmp_path: Path) -> None:
    done = run(bare_python, ("publish",), tmp_path / "home")
    assert done.returncode == 2
    assert "pip install 'rigwatch[publisher]'" in one_line(done)


def test_what_tells_a_servers_packages_is_in_its_extra_alone(rig_python: Path) -> None:
    looked = "import importlib.util as u, sys; print([m for m in sys.argv[1:] if u.find_spec(m)])"
    done = subprocess.run([rig_python, "-c", looked, *SERVER], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


@as_root
@pytest.mark.parametrize("command", IN_THE_HOME, ids=" ".join)
def test_a_home_that_may_not_be_read_is_one_line(open_home: Path, command: tuple[str, ...]) -> None:
    done = run(sys.executable, command, open_home, wrapper=as_nobody())
    assert done.returncode == 1
    assert "may not be read; it belongs to user root" in one_line(done)


@as_root
def test_a_home_behind_a_closed_folder_is_one_line(tmp_path: Path) -> None:
    done = run(sys.executable, ("status",), tmp_path / "home", wrapper=as_nobody())
    assert done.returncode == 1
    assert "cannot be opened (Permission denied)" in one_line(done)


@as_root
@pytest.mark.parametrize("name", ["server.toml", "secret.key", "rigwatch.db", "nodes.json", "accounts.toml", "tls"])
def test_what_may_not_be_read_in_a_home_is_no_traceback(rigwatch: Rigwatch, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        rigwatch.home = Path(folder) / "home"
        for command in (("init",), ("enroll", "rig-1"), ("account", "add", "x")):
            assert rigwatch.run(*command).returncode == 0
        for path in (rigwatch.home, *rigwatch.home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.chown(rigwatch.home / name, 0, 0)
        (rigwatch.home / name).chmod(0o700 if name == "tls" else 0o600)
        commands = [("enroll", "rig-2"), ("account", "add", "y"), *((each,) for each in ("status", "watch", "doctor"))]
        done = [run(sys.executable, each, rigwatch.home, wrapper=as_nobody()) for each in commands]
    assert [each.stderr for each in done if "Traceback" in each.stderr] == []
    assert [each.args[-1] for each in done if each.returncode] != []
    assert all(each.stderr.count("\n") <= 1 for each in done)


@as_root
@EVERY
def test_a_home_on_a_disk_that_is_read_only_is_one_line_at_most(open_home: Path, command: tuple[str, ...]) -> None:
    mounted = f'mount --bind {open_home} {open_home} && mount -o remount,ro,bind {open_home} && exec timeout 8 "$@"'
    wrapper = [program("unshare"), "--mount", "sh", "-c", mounted, "sh"]
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False, timeout=20).returncode:
        missing("this machine may not mount")
    done = run(sys.executable, command, open_home, wrapper=wrapper)
    assert "Traceback" not in done.stderr
    if done.returncode in {1, 2} and command[0] != "doctor":
        one_line(done)


@pytest.mark.parametrize("command", [("--help",), ("rules", "test"), ("export", "--format", "csv")], ids=" ".join)
def test_a_reader_that_has_gone_is_no_word_of_python(open_home: Path, command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "rigwatch", *command],
            env=clean_environment({"RIGWATCH_HOME": str(open_home)}),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("command", [("export", "--format", "csv"), ("user", "list"), ("status",)], ids=" ".join)
def test_a_disk_that_is_full_behind_its_output_is_one_line(open_home: Path, command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rigwatch", *command],
            env=clean_environment({"RIGWATCH_HOME": str(open_home)}),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in one_line(done)


def test_without_standard_streams_it_harms_nothing(at_home: Rigwatch) -> None:
    at_home.wrapper = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    assert at_home.run("export", "--format", "csv").returncode == 0
    assert at_home.run("user", "list").returncode == 0
    at_home.wrapper = []
    assert at_home.run("db", "check").stdout.endswith("sound\n")
