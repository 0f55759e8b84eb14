"""A file that is made in peace and has its name only when it is whole, private (mode 0600) and on the disk."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rigwatch.errors import RigwatchError


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """An empty file beside `target`, to be written by its path; `target` on leaving, nothing when that raises.

    Raises `RigwatchError` when it cannot be made, also because the name is taken: nothing is ever overwritten.
    """
    refuse_taken(target)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as exc:
        raise RigwatchError(f"{target}: cannot be written ({exc.strerror or exc})") from exc
    os.close(handle)
    made = Path(name)
    try:
        yield made
        _flush(made)
        _give_name(made, target)
    except OSError as exc:
        raise RigwatchError(f"{target}: cannot be written ({exc.strerror or exc})") from exc
    finally:
        made.unlink(missing_ok=True)
    flush_folder(target.parent)


def refuse_taken(target: Path) -> None:
    """Raises `RigwatchError` when something has that name."""
    if target.is_dir():
        raise RigwatchError(f"{target}: is a folder; name the file that is to be made in it")
    if target.exists() or target.is_symlink():
        raise RigwatchError(f"{target}: is there already, nothing was changed; choose another name or remove it")


def flush_folder(folder: Path) -> None:
    """Names that were given in it survive a power cut."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _give_name(made: Path, target: Path) -> None:
    """Renames without replacing what came there meanwhile, a second backup's copy for instance."""
    try:
        if os.name == "nt":
            made.rename(target)
        else:
            # `rename` replaces silently there; a second name is refused where there is one.
            os.link(made, target)
    except FileExistsError:
        refuse_taken(target)
        raise
    except OSError:
        # A file system without hard links, a memory stick's for instance: all that is left is to look before.
        refuse_taken(target)
        made.rename(target)


def _flush(path: Path) -> None:
    # Windows flushes only what is open for writing.
    with path.open("r+b") as file:
        os.fsync(file.fileno())
