"""Where a service has its things: for the whole machine or for one user; below `prefix` for a trial."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.service.unit import FILE, NAME, Installed
from rigwatch.errors import RigwatchError

ACCOUNT: Final = NAME


@dataclass(frozen=True, slots=True)
class Place:
    """Where the unit goes, and how systemd is asked about it."""

    unit: Path
    systemctl: tuple[str, ...]
    home: Path | None
    """The service's own; None: the user's stays where it is."""

    @property
    def is_machine(self) -> bool:
        return self.home is not None


def place_of(environ: dict[str, str], prefix: Path = Path("/")) -> Place:
    """Root installs for the machine, anybody else for himself. Raises `RigwatchError` where there is no systemd."""
    if sys.platform == "win32" or not (prefix / "run/systemd/system").exists():
        raise RigwatchError(
            "there is no systemd here; have whatever starts programs on this machine run 'rigwatch up', and stop it "
            "with SIGTERM (docs/operations.md, Start at boot)"
        )
    if os.geteuid() == 0:
        return Place(prefix / "etc/systemd/system" / FILE, ("systemctl",), prefix / "var/lib" / NAME)
    settings = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Place(settings / "systemd/user" / FILE, ("systemctl", "--user"), None)


def installed() -> Installed:
    """What this process runs from."""
    own = Path(__file__).resolve().parents[2]
    python = Path(sys.executable)
    # The interpreter of a virtual environment is a link, perhaps through others, to one that has its own folder.
    folders = (Path(sys.prefix), Path(sys.base_prefix), python.parent.parent, own)
    return Installed(python, tuple(dict.fromkeys(each.absolute() for each in folders)))


def check_readable(found: Installed) -> None:
    """Raises `RigwatchError` for a folder that the service's account could not open."""
    for folder in found.in_homes:
        if folder.stat().st_mode & 0o005 != 0o005:
            advice = f"run: chmod -R go+rX {folder}, or install rigwatch under /opt"
            raise RigwatchError(f"{folder}: the account {ACCOUNT} may not read what is run from there; {advice}")
