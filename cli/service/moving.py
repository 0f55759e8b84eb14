"""Takes a home along to where the service has it, for the service's account."""

import os
import shutil
import sys
from pathlib import Path

from filelock import Timeout

from cli.service.place import ACCOUNT
from publisher.install.tools import call
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.lock import private_lock


def make_account(home: Path) -> None:
    """One that may do nothing else, unless it is there. Raises `RigwatchError`."""
    if _numbers() is None:
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(home)]
        call(["useradd", *options, "--shell", "/usr/sbin/nologin", ACCOUNT])


def take_along(former: Home, home: Home) -> bool:
    """Moves the files of a home that is set up; whether there were any. Raises `RigwatchError`, and then nothing was
    moved: where rigwatch runs, or the new place has something already."""
    if former.path == home.path or not former.server_toml.exists():
        return False
    if home.path.exists() and any(home.path.iterdir()):
        raise RigwatchError(f"home {home.path}: is there already, beside {former.path}; move one of the two away")
    try:
        with private_lock(former.supervisor_lock, timeout=0):
            if home.path.exists():
                home.path.rmdir()
            home.path.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(former.path, home.path)
    except Timeout:
        raise RigwatchError(f"home {former.path}: rigwatch runs there; stop it first") from None
    except OSError as exc:
        raise RigwatchError(f"home {former.path}: cannot be moved to {home.path} ({exc.strerror or exc})") from exc
    return True


def give(home: Home) -> None:
    """Everything in it to the service's account; not what a link in it leads to, also one that comes meanwhile: whose
    home it was may still be at work in it."""
    numbers = _numbers()
    if sys.platform == "win32" or numbers is None:
        return
    os.chown(home.path, *numbers, follow_symlinks=False)
    for _, folders, files, opened in os.fwalk(home.path):
        for name in (*folders, *files):
            os.chown(name, *numbers, dir_fd=opened, follow_symlinks=False)
    home.path.chmod(0o700)


def _numbers() -> tuple[int, int] | None:
    if sys.platform == "win32":
        return None
    import pwd

    try:
        found = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None
    return found.pw_uid, found.pw_gid
