"""When the last backup of a home was made, for whoever asks whether there is one."""

from pathlib import Path

import msgspec

from rigwatch.clock import Millis
from rigwatch.home import Home, write_private


def note(home: Home, made_at: Millis) -> None:
    """Raises `RigwatchError` where the home cannot be written."""
    write_private(_file(home), msgspec.json.encode(made_at))


def last_backup(home: Home) -> Millis | None:
    """None where none was made, or nobody knows any more."""
    try:
        return msgspec.json.decode(_file(home).read_bytes(), type=int)
    except (OSError, msgspec.MsgspecError):
        return None


def _file(home: Home) -> Path:
    return home.backups / "last.json"
