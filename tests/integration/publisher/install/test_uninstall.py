"""What `uninstall` takes away: all that an installation has made, even one cut short, and nothing beside it."""

import argparse
import errno
import os
import pwd
import shutil
from pathlib import Path

import pytest

from publisher.commands import install, uninstall
from publisher.install import accounts
from publisher.install.layout import Layout
from rigwatch.errors import RigwatchError


def files_in(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if not each.is_dir()}


def test_all_that_was_made_goes_and_nothing_beside_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    ours = (layout.home / "publisher.toml", layout.unpacked / "id" / "bin" / "python", layout.program, layout.fresh)
    theirs = {layout.program.with_name("other"), layout.home.with_name("other"), layout.unpacked.with_name("other")}
    for each in (*ours, *theirs):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text("x")
    uninstall.run(argparse.Namespace(prefix=tmp_path))
    assert files_in(tmp_path) == {str(each.relative_to(tmp_path)) for each in theirs}
    uninstall.run(argparse.Namespace(prefix=tmp_path))


@pytest.mark.parametrize(
    ("home", "removed"), [("/var/lib/rigwatch-agent", ["rigwatch-agent"]), ("/home/anna", list[str]())]
)
def test_an_account_of_this_name_that_somebody_else_has_made_stays(
    monkeypatch: pytest.MonkeyPatch, home: str, removed: list[str]
) -> None:
    called: list[str] = []
    account = pwd.struct_passwd(("rigwatch-agent", "x", 999, 999, "", home, "/bin/false"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: account)
    monkeypatch.setattr(accounts, "call", lambda command: called.append(command[-1]))
    accounts.forget(Layout().home)
    assert called == removed


def test_a_folder_that_somebody_has_led_elsewhere_is_not_followed(tmp_path: Path) -> None:
    layout, elsewhere = Layout(tmp_path / "system"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    layout.home.parent.mkdir(parents=True)
    layout.home.symlink_to(elsewhere)
    with pytest.raises(RigwatchError, match="cannot be removed"):
        uninstall.run(argparse.Namespace(prefix=tmp_path / "system"))
    assert files_in(elsewhere) == {"kept"}


def test_a_disk_that_is_full_keeps_the_program_that_was_there_and_half_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    layout.program.parent.mkdir(parents=True)
    layout.program.write_text("before")

    def half(_file: Path, fresh: Path) -> None:
        fresh.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(fresh))

    monkeypatch.setattr(shutil, "copyfile", half)
    monkeypatch.setenv("RIGWATCH_AGENT_FILE", __file__)
    with pytest.raises(RigwatchError, match=r"cannot be written \(No space left on device\)"):
        install._place(layout)
    assert files_in(tmp_path) == {"usr/local/bin/rigwatch-agent"}
    assert layout.program.read_text() == "before"
