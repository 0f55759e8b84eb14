"""The one directory that holds a machine's whole state, and how a file in it is written: privately and whole."""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rigwatch.errors import RigwatchError


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside the home directory. Backing rigwatch up is copying it."""

    path: Path

    @classmethod
    def find(cls, option: str | None, environ: Mapping[str, str]) -> Self:
        """`--home`, else `$RIGWATCH_HOME`, else the platform's user data directory. Nothing is created."""
        chosen = option or environ.get("RIGWATCH_HOME")
        return cls(Path(chosen).expanduser().resolve() if chosen else _user_data(environ) / "rigwatch")

    def check_owner(self) -> None:
        """Raises `RigwatchError` for root in somebody else's home: the service could not read what root leaves there,
        and whoever owns the home could lead root's writing elsewhere."""
        if sys.platform == "win32" or os.geteuid() != 0 or not self.path.exists():
            return
        owner = self.path.stat().st_uid
        if owner != 0:
            raise RigwatchError(f"home {self.path}: belongs to {_user(owner)}; run this as that user, with 'sudo -u'")

    def prepare(self) -> None:
        """Creates the directory, readable by its owner alone; raises `RigwatchError` when it cannot be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as exc:
            why = exc.strerror or exc
            raise RigwatchError(f"home {self.path}: cannot be written ({why}); choose another with --home") from exc

    @property
    def server_toml(self) -> Path:
        return self.path / "server.toml"

    @property
    def publisher_toml(self) -> Path:
        return self.path / "publisher.toml"

    @property
    def secret_key(self) -> Path:
        return self.path / "secret.key"

    @property
    def tls(self) -> Path:
        return self.path / "tls"

    @property
    def database(self) -> Path:
        return self.path / "rigwatch.db"

    @property
    def outbox(self) -> Path:
        return self.path / "outbox"

    @property
    def nodes_json(self) -> Path:
        """The enrolled nodes (`rigwatch.registry`)."""
        return self.path / "nodes.json"

    @property
    def legacy_json(self) -> Path:
        """What the nodes of an old installation have become (`rigwatch.cli.legacy.ids`)."""
        return self.path / "legacy.json"

    @property
    def legacy_join(self) -> Path:
        """What is to be run on each rig of an old installation, with its join token: as secret as those."""
        return self.path / "legacy-join.txt"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one `up` or `serve` that runs here."""
        return self.path / "supervisor.lock"


def _user(number: int) -> str:
    if sys.platform == "win32":
        return f"user number {number}"
    import pwd  # noqa: PLC0415 - not there on Windows

    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user number {number}"


def _user_data(environ: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def write_private(path: Path, data: bytes | str) -> None:
    """Replaces `path` by `data`, mode 0600, whole or not at all, also across a power cut.

    Raises `RigwatchError` when the directory cannot be written; the old file is then still there.
    """
    raw = data.encode() if isinstance(data, str) else data
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file 0600 from its first byte on; a chmod afterwards would leave a moment to read it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise RigwatchError(f"{path}: cannot be written ({exc.strerror or exc})") from exc
