"""The agent's file that this server hands out, and the hash by which a rig knows it."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from rigwatch.errors import RigwatchError
from rigwatch.home import Home

NAME: Final = "rigwatch-agent-linux-x86_64"
WINDOWS: Final = "rigwatch-agent-windows.zip"
"""For a Windows that has Python: what is ours, and the lock of what comes from PyPI."""
SCRIPT: Final = Path(__file__).with_name("install.sh")
SCRIPT_WINDOWS: Final = Path(__file__).with_name("install.ps1")
BUILT: Final = Path(__file__).with_name("files") / NAME
"""Where `make agent` puts it; it is part of a wheel that was built with it."""


@dataclass(frozen=True, slots=True)
class AgentFile:
    """`sha256` in hexadecimal, as `sha256sum` writes it."""

    path: Path
    sha256: str


def agent_file(home: Home, name: str = NAME) -> AgentFile | None:
    """The one in `agent/` of the home, else the one that came with this installation; None where there is neither.

    Raises `RigwatchError` when it cannot be read.
    """
    for path in (home.path / "agent" / name, BUILT.with_name(name) if name != NAME else BUILT):
        try:
            stat = path.stat()
            return AgentFile(path, _sha256(path, (stat.st_mtime_ns, stat.st_size, stat.st_ino)))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as exc:
            raise RigwatchError(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    return None


@lru_cache(maxsize=4)
def _sha256(path: Path, _seen: tuple[int, int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
