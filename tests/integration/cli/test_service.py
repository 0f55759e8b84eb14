"""`service`: what is written, what systemd is asked for, and what becomes of the home."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import app
from cli.service import moving, place, unit
from rigwatch.home import Home
from rigwatch.lock import private_lock
from tests.homes import MadeHome

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")
TOOL = '#!/bin/sh\necho "$(basename "$0") $*" >> "{log}"\n[ "$2" != fail ] || exit 1\n{more}'
SHOWN = "echo ActiveState=active; echo SubState=running; echo UnitFileState=enabled"


class Machine:
    """A machine with systemd, of which only the tools are made up."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home, self.log = root, home, root / "log"
        (root / "run/systemd/system").mkdir(parents=True)
        (root / "bin").mkdir()
        for name, more in {
            "systemctl": f'case "$*" in *show*) {SHOWN};; esac',
            "useradd": "",
            "loginctl": "echo no",
        }.items():
            (root / "bin" / name).write_text(TOOL.format(log=self.log, more=more))
            (root / "bin" / name).chmod(0o755)

    def run(self, word: str) -> Result:
        home = ["--home", str(self.home)]
        return CliRunner().invoke(app, [*home, "service", word, "--prefix", str(self.root)], env=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.root / "bin"), os.environ["PATH"]])
        return {"PATH": path, "XDG_CONFIG_HOME": str(self.root / "config"), "SUDO_USER": ""}

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path, made_home: MadeHome, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made_home.copy_to(tmp_path / "mine")
    monkeypatch.setattr("cli.service.check_readable", lambda _found: None)
    return Machine(tmp_path, tmp_path / "mine")


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def become(number: int) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: number)

    return become


def test_root_takes_the_home_along_and_has_it_started(machine: Machine, as_user: Callable[[int], None]) -> None:
    as_user(0)
    key = (machine.home / "secret.key").read_bytes()
    done = machine.run("install")
    assert done.exit_code == 0, done.output
    home, unit = machine.root / "var/lib/rigwatch", machine.root / "etc/systemd/system/rigwatch.service"
    assert not machine.home.exists()
    assert (home / "secret.key").read_bytes() == key
    assert home.stat().st_mode & 0o777 == 0o700
    text = unit.read_text()
    assert f"Environment=RIGWATCH_HOME={home}\n" in text
    assert "User=rigwatch\n" in text
    assert machine.asked()[-3:] == [
        "systemctl daemon-reload",
        "systemctl enable rigwatch",
        "systemctl restart rigwatch",
    ]
    assert machine.asked()[0].startswith("useradd --system")
    assert f"moved  {machine.home} to {home}" in done.output
    status = machine.run("status")
    assert (status.exit_code, "state  active (running)" in status.output) == (0, True)
    removed = machine.run("uninstall")
    assert (removed.exit_code, unit.exists(), home.exists()) == (0, False, True)
    assert machine.asked()[-2:] == ["systemctl disable --now rigwatch", "systemctl daemon-reload"]
    assert "nothing to remove" in str(machine.run("uninstall").exception)
    assert "is not there" in str(machine.run("status").exception)


def test_anybody_else_has_it_for_himself_and_is_told_of_lingering(
    machine: Machine, as_user: Callable[[int], None]
) -> None:
    as_user(1000)
    done = machine.run("install")
    assert done.exit_code == 0, done.output
    text = (machine.root / "config/systemd/user/rigwatch.service").read_text()
    assert f"RIGWATCH_HOME={machine.home}\n" in text
    assert "User=" not in text
    assert (machine.home / "server.toml").exists()
    assert "sudo loginctl enable-linger $USER" in done.output
    assert machine.asked()[:3] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable rigwatch",
        "systemctl --user restart rigwatch",
    ]


def test_a_home_that_is_new_is_set_up_and_its_password_told(machine: Machine, as_user: Callable[[int], None]) -> None:
    as_user(0)
    machine.home = machine.root / "nowhere"
    done = machine.run("install")
    assert done.exit_code == 0, done.output
    assert "(shown once)" in done.output
    assert (machine.root / "var/lib/rigwatch/server.toml").exists()


def test_nothing_is_moved_while_rigwatch_runs_or_over_another_home(
    machine: Machine, as_user: Callable[[int], None]
) -> None:
    as_user(0)
    with private_lock(machine.home / "supervisor.lock", timeout=0):
        assert "rigwatch runs there; stop it first" in str(machine.run("install").exception)
    other = machine.root / "var/lib/rigwatch"
    other.mkdir(parents=True, exist_ok=True)
    (other / "server.toml").write_text("")
    assert "is there already" in str(machine.run("install").exception)
    assert (machine.home / "secret.key").exists()
    assert not (machine.root / "etc").exists()


def test_a_program_that_the_account_may_not_read_is_said_before_the_home_is_moved(
    machine: Machine, as_user: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user(0)
    private = machine.root / "private"
    private.mkdir(mode=0o700)
    monkeypatch.setattr(unit, "_HIDDEN", (machine.root,))
    monkeypatch.setattr("cli.service.check_readable", place.check_readable)
    monkeypatch.setattr("cli.service.installed", lambda: unit.Installed(private / "python", (private,)))
    assert f"{private}: the account rigwatch may not read" in str(machine.run("install").exception)
    assert (machine.home / "server.toml").exists()
    assert not (machine.root / "var").exists()


def test_a_lock_that_leads_elsewhere_is_left_alone(machine: Machine, as_user: Callable[[int], None]) -> None:
    as_user(0)
    victim, lock = machine.root / "victim", machine.home / "supervisor.lock"
    victim.write_text("everybody's")
    victim.chmod(0o644)
    lock.unlink(missing_ok=True)
    lock.symlink_to(victim)
    assert "cannot be moved" in str(machine.run("install").exception)
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("everybody's", 0o644)
    assert (machine.home / "secret.key").exists()


def test_without_systemd_it_says_what_to_do(machine: Machine) -> None:
    (machine.root / "run/systemd/system").rmdir()
    assert "there is no systemd here" in str(machine.run("install").exception)
    assert (machine.home / "server.toml").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_everything_is_given_to_the_account_and_nothing_behind_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("root's")
    home = tmp_path / "home"
    (home / "tls").mkdir(parents=True)
    (home / "tls" / "key.pem").write_text("x")
    (home / "link").symlink_to(outside)
    monkeypatch.setattr(moving, "_numbers", lambda: (65534, 65534))
    moving.give(Home(home))
    assert {path.lstat().st_uid for path in (home, *home.rglob("*"))} == {65534}
    assert outside.stat().st_uid == 0


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("after", range(6))
def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    outside, tls = tmp_path / "outside", tmp_path / "home" / "tls"
    for folder in (outside, tls):
        folder.mkdir(parents=True)
        (folder / "key.pem").write_text("x")
    real, calls = os.chown, iter(range(100))

    def chown(path: Path | str, uid: int, gid: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
        real(path, uid, gid, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if next(calls) == after:
            tls.rename(tmp_path / "former")
            tls.symlink_to(outside)

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(moving, "_numbers", lambda: (65534, 65534))
    moving.give(Home(tmp_path / "home"))
    assert [path.stat().st_uid for path in (outside, outside / "key.pem")] == [0, 0]
