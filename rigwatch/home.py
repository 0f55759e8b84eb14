"""The one directory that holds a machine's whole state, and how a file in it is written: privately and whole."""

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rigwatch.errors import RigwatchError, SettingsError


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside the home directory. Backing rigwatch up is copying it."""

    path: Path

    @classmethod
    def find(cls, option: str | None, environ: Mapping[str, str]) -> Self:
        """`--home`, else `$RIGWATCH_HOME`, else the platform's user data directory. Nothing is created."""
        chosen = option or environ.get("RIGWATCH_HOME")
        try:
            return cls(Path(chosen).expanduser().resolve() if chosen else _user_data(environ) / "rigwatch")
        except (OSError, RuntimeError) as exc:
            # A folder that was removed under us, links in a circle, a user without a folder of its own.
            named = chosen or "(none named)"
            raise SettingsError(f"home {named}: cannot be found ({exc}); name one with --home") from exc

    def check_owner(self) -> None:
        """Raises `RigwatchError` for root in somebody else's home: the service could not read what root leaves there,
        and whoever owns the home could lead root's writing elsewhere."""
        found = self._stat()
        if sys.platform != "win32" and found is not None and os.geteuid() == 0 and found.st_uid != 0:
            owner = _user(found.st_uid)
            raise RigwatchError(f"home {self.path}: belongs to {owner}; run this as that user, with 'sudo -u'")

    def check_access(self) -> None:
        """Raises `RigwatchError` for a home that is no folder, or that this user cannot open."""
        found = self._stat()
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise RigwatchError(f"home {self.path}: cannot be written (it is a file); choose another with --home")
        if found is not None and not os.access(self.path, os.R_OK | os.X_OK):
            advice = "run this as that user, with 'sudo -u', or name another with --home"
            raise RigwatchError(f"home {self.path}: may not be read; it belongs to {_user(found.st_uid)}; {advice}")

    def close_to_others(self) -> str:
        """Takes away what others may do in a home that is there: what was changed, for people, or "".

        Raises `RigwatchError` where that is not ours to take away: others could replace what stands in it, and hold its
        locks for ever.
        """
        found = self._stat()
        if found is None or sys.platform == "win32" or not found.st_mode & 0o077 or not self._is_marked():
            return ""
        group_only = not found.st_mode & 0o007
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        advice = f"choose a folder of its own with --home, or run: chmod 700 {self.path}"
        if found.st_mode & stat.S_ISVTX:
            raise RigwatchError(f"home {self.path}: is a folder for everybody (mode {mode}); {advice}")
        with suppress(OSError):
            self.path.chmod(0o700)
        # Not ours to change, or a file system without modes, which takes the change and forgets it.
        if self.path.stat().st_mode & 0o077:
            if group_only:
                # A group that was given it on purpose, as containers' volumes are.
                return ""
            raise RigwatchError(f"home {self.path}: others may open it (mode {mode}); {advice}")
        return f"home {self.path}: others could open it (mode {mode}); it is private now (0700)"

    def _stat(self) -> os.stat_result | None:
        """None where nothing is; raises `RigwatchError` where nobody can say."""
        try:
            return self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as exc:
            # A file stands in the way of the one, the rights of a folder above it in that of the other.
            verb = "written" if isinstance(exc, NotADirectoryError) else "opened"
            why = exc.strerror or exc
            raise RigwatchError(f"home {self.path}: cannot be {verb} ({why}); choose another with --home") from exc

    def _is_marked(self) -> bool:
        """Whether it is a home, or an empty folder: any other folder's mode is none of our business."""
        marks = (self.server_toml, self.publisher_toml, self.secret_key, self.nodes_json)
        return any(each.exists() for each in marks) or not any(self.path.iterdir())

    def prepare(self) -> None:
        """Creates the directory, readable by its owner alone; raises `RigwatchError` when it cannot be written, or when
        others use it as well."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as exc:
            why = exc.strerror or exc
            raise RigwatchError(f"home {self.path}: cannot be written ({why}); choose another with --home") from exc
        if sys.platform != "win32" and self.path.stat().st_mode & 0o007 and not self._is_marked():
            held = "holds other things, and others may open it"
            raise RigwatchError(f"home {self.path}: {held}; choose a folder of its own with --home")

    @property
    def server_toml(self) -> Path:
        return self.path / "server.toml"

    @property
    def unseen_login(self) -> Path:
        """There from before the first password is made until it was shown: without having been, it is made anew."""
        return self.path / "first-login"

    @property
    def is_set_up(self) -> bool:
        """Whether a server's setup here has come to its end."""
        return self.server_toml.exists() and not self.unseen_login.exists()

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
    def backups(self) -> Path:
        """Copies of the database from before it was changed, and when the last backup was made."""
        return self.path / "backups"

    @property
    def nodes_json(self) -> Path:
        """The enrolled nodes (`rigwatch.registry`)."""
        return self.path / "nodes.json"

    @property
    def servers_json(self) -> Path:
        """Further addresses of this server, which its rigs are told (`rigwatch.servers`)."""
        return self.path / "servers.json"

    @property
    def join_codes(self) -> Path:
        """The one-time codes of the last hour, hashed (`rigwatch.codes`)."""
        return self.path / "join-codes.json"

    @property
    def legacy_json(self) -> Path:
        """What the nodes of an old installation have become (`cli.legacy.ids`)."""
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


def write_private(path: Path, data: bytes | str, *, keep: bool = False) -> None:
    """Replaces `path` by `data`, mode 0600, whole or not at all, also across a power cut. With `keep` a file that is
    there already stays, also when two processes write it at once.

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
            if keep:
                with suppress(FileExistsError):
                    os.link(name, path)
            else:
                Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as exc:
        raise RigwatchError(f"{path}: cannot be written ({exc.strerror or exc})") from exc


def stamp_of(path: Path) -> object:
    """Something that differs whenever the file was replaced or written; None while there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
