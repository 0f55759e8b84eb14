"""The account that the agent runs as: made, looked up, given files, forgotten. Nothing of this is on Windows."""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from publisher.install.layout import NAME
from publisher.install.tools import call
from rigwatch.errors import RigwatchError


class _Account(NamedTuple):
    number: int
    group: int
    home: str


class NotHere(RigwatchError):
    """Windows has other accounts, and other services."""

    def __init__(self) -> None:
        super().__init__("the agent does not install itself on Windows; run 'rigwatch publish' there")


def require_root(what: str) -> None:
    """Raises `RigwatchError` for anybody else."""
    if sys.platform == "win32":
        raise NotHere
    if os.geteuid() != 0:
        raise RigwatchError(f"{what}: needs root")


def own() -> str:
    """The account of this process."""
    if sys.platform == "win32":
        raise NotHere
    import pwd  # noqa: PLC0415 - not there on Windows

    return pwd.getpwuid(os.geteuid()).pw_name


def make(home: Path) -> None:
    """An account of its own, which may do nothing else, unless it is there; raises `RigwatchError`."""
    if _account() is not None:
        return
    shell = next((each for each in ("/usr/sbin/nologin", "/sbin/nologin") if Path(each).exists()), "/bin/false")
    if shutil.which("useradd"):
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(home), "--shell", shell]
        call(["useradd", *options, NAME])
    else:
        call(["adduser", "-S", "-D", "-H", "-h", str(home), "-s", shell, NAME])


def give(paths: Iterable[Path]) -> None:
    """Files to the agent's account; not what a link among them leads to. Raises OSError."""
    found = _account()
    if sys.platform == "win32" or found is None:
        return
    for each in paths:
        os.chown(each, found.number, found.group, follow_symlinks=False)


def forget(home: Path) -> None:
    """Removes the account that `make` made, where it is; one of this name with another home is somebody else's work.
    Raises `RigwatchError`."""
    found = _account()
    if found is not None and found.home == str(home):
        call(["userdel" if shutil.which("userdel") else "deluser", NAME])


def _account() -> _Account | None:
    if sys.platform == "win32":
        raise NotHere
    import pwd  # noqa: PLC0415 - not there on Windows

    try:
        found = pwd.getpwnam(NAME)
    except KeyError:
        return None
    return _Account(found.pw_uid, found.pw_gid, found.pw_dir)
