"""What lies in the folder that one stands in is never run, whatever it is called."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rigwatch.process import own_command, own_environment
from tests.commands import STAYING, every_command, free_addresses
from tests.homes import MadeHome
from tests.processes import ROOT, Rigwatch, clean_environment, start_program
from tests.waiting import eventually

HOSTILE = (
    *("alerts", "broker", "cli", "legacy", "publisher", "rigwatch", "store", "subscriber", "web", "config"),
    *("typer", "msgspec", "filelock", "cryptography", "paho", "psutil", "pynvml", "rich", "sitecustomize"),
    *("amqtt", "flask", "peewee", "uvicorn", "uvloop", "argon2", "apprise", "a2wsgi"),
    *("json", "asyncio", "sqlite3", "logging", "ssl", "tomllib", "encodings", "subprocess", "getpass", "fcntl"),
)
MARK = "was-run"
BEGUN = re.compile("is running|connected to the broker|broker ready|no broker|not reached|dashboard listening|refused")
"""What the last part says that a command starts."""


def hostile_folder(folder: Path, *, spared: tuple[str, ...] = ()) -> Path:
    """A folder of packages that leave a mark when they are imported."""
    for name in set(HOSTILE) - set(spared):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f'open({str(folder / MARK)!r}, "a").write({name!r} + "\\n")\n')
        (folder / name / "__main__.py").write_text("")
    return folder


def ran(folder: Path) -> str:
    mark = folder / MARK
    return mark.read_text() if mark.exists() else ""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, made_home: MadeHome) -> Path:
    """One for all: what a command changes in it is nothing to the next."""
    copy = tmp_path_factory.mktemp("made") / "home"
    made_home.copy_to(copy)
    return copy


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_no_command_runs_what_lies_where_one_stands(tmp_path: Path, home: Path, command: tuple[str, ...]) -> None:
    folder = hostile_folder(tmp_path / "hostile")
    environment = {"RIGWATCH_HOME": str(home), **free_addresses()}
    program = start_program(own_command(*command), folder, name="rigwatch", environment=environment)

    def has_begun() -> bool:
        # Asked before the text is read, so that its last words still count.
        ended = not program.is_running()
        return ended or (command[0] in STAYING and BEGUN.search(program.text()) is not None)

    try:
        eventually(has_begun, timeout=60, what="it has ended, or runs with all that it needs")
        assert ran(folder) == ""
    finally:
        program.end()


@pytest.mark.parametrize("command", ["serve", "up"])
def test_the_parts_run_no_package_of_the_folder_that_rigwatch_was_started_in(
    tmp_path: Path, home: Path, command: str
) -> None:
    folder = hostile_folder(tmp_path / "hostile")
    # Safe for itself alone: what it starts must be so without that.
    safe = ("env", "-C", str(folder), sys.executable, "-P", "-c", WITHOUT_MODULE_OPTION)
    rigwatch = Rigwatch(tmp_path, home, free_addresses(), safe)
    try:
        rigwatch.start(command).wait_for("broker listens|rigwatch is running|broker +mqtts")
        assert ran(folder) == ""
    finally:
        for program in rigwatch.started:
            program.end()


WITHOUT_MODULE_OPTION = "import sys; sys.argv = ['rigwatch', *sys.argv[4:]]; from cli import main; main()"
"""The `rigwatch` command, whose first place for modules is the folder of programs, not the one that one stands in."""


def test_python_m_rigwatch_runs_none_but_a_rigwatch_of_that_folder(tmp_path: Path, home: Path) -> None:
    # Python itself loads `encodings` and its like before any line of ours, from where they belong.
    folder = hostile_folder(tmp_path / "hostile", spared=("rigwatch",))
    done = subprocess.run(
        [sys.executable, "-m", "rigwatch", "user", "list"],
        cwd=folder,
        env=clean_environment({"RIGWATCH_HOME": str(home)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, ran(folder)) == (0, "admin\tadmin\n", "")


@pytest.mark.parametrize("unit", sorted((ROOT / "config" / "systemd").glob("*.service")), ids=lambda unit: unit.name)
def test_a_unit_looks_for_no_module_where_it_stands(unit: Path) -> None:
    (command,) = re.findall(r"^ExecStart=(.*)", unit.read_text(), re.MULTILINE)
    assert re.match(r"\S+/python -P -m rigwatch \w+$", command)


@pytest.mark.skipif(os.name != "posix", reason="written for POSIX's separator")
@pytest.mark.parametrize(
    ("path", "kept"),
    [(":/a", "/a"), ("/a::/b:", "/a:/b"), (".:here:/a", "/a"), ("", None), (":", None), ("/a", "/a")],
)
def test_a_part_looks_for_modules_in_whole_paths_only(path: str, kept: str | None) -> None:
    environ = {"PYTHONPATH": path, "PATH": "/bin"}
    assert own_environment(environ) == {"PATH": "/bin", **({"PYTHONPATH": kept} if kept else {})}
    assert environ["PYTHONPATH"] == path
