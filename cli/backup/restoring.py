"""Restores a backup: everything into a folder of its own first, and in its place only when all of it is as it was."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from filelock import Timeout

from cli.backup import about, contents
from cli.backup.archive import Part, parts
from rigwatch.clock import Millis, as_datetime
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.home import Home, write_private
from rigwatch.lock import private_lock
from rigwatch.new_file import flush_folder
from rigwatch.settings import ServerSettings, load_server
from rigwatch.settings.writing import Setting, replace_setting

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from store.dump import Loader

_TEMPORARY: Final = ".restore."
_LEFT: Final = frozenset({"supervisor.lock", "backup.lock", "lost+found"})
"""What an empty home may have; the last is an empty disk's own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`database` and `advertise` take the place of what the settings in the backup say; empty: as they are. With
    `force` what the home has is put aside."""

    database: str = ""
    advertise: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What it was, the settings that now count, and the folder where what was there before is, if anything was."""

    about: about.About
    settings: ServerSettings
    aside: Path | None


def restore(
    home: Home,
    source: Path,
    wanted: Wanted,
    *,
    passphrase: "Callable[[], str]",
    environ: Mapping[str, str],
    now: Millis,
) -> Restored:
    """Makes the home what it was. Raises `RigwatchError`; then the home and the database are as they were before."""
    home.prepare()
    with _alone(home), _opened(source) as file:
        _check_empty(home, wanted)
        _clear_left(home)
        with tempfile.TemporaryDirectory(dir=home.path, prefix=_TEMPORARY) as folder, ExitStack() as loads:
            staging = _Staging(home, Home(Path(folder)), wanted, environ=environ, loads=loads)
            try:
                for part in parts(file, passphrase):
                    staging.take(part)
                told = staging.finish()
            except RigwatchError as exc:
                raise type(exc)(f"{source}: {exc}" if not str(exc).startswith("database ") else str(exc)) from exc
            settings = staging.settings()
            if wanted.force:
                _let_go(home)
            # Leaving commits what was loaded.
            loads.close()
            aside = _put_aside(home, now) if wanted.force else None
            staging.place(settings)
    return Restored(told, settings, aside)


class _Staging:
    """Takes the parts in their order: what the backup is, the database, the files of the home."""

    def __init__(
        self, home: Home, staged: Home, wanted: Wanted, *, environ: Mapping[str, str], loads: ExitStack
    ) -> None:
        self._home, self._staged, self._wanted, self._environ = home, staged, wanted, environ
        self._loads = loads
        self._about: about.About | None = None
        self._database = staged.path / ".database"
        self._loader: Loader | None = None
        staged.path.chmod(0o700)

    def take(self, part: Part) -> None:
        if self._about is None:
            self._about = self._introduced(part)
        elif part.name == about.SETTINGS:
            _write(self._staged.server_toml, part)
            self._adjust()
        elif part.name == about.SQLITE:
            self._check_place()
            _write(self._database, part)
        elif part.name == about.OUTLINE:
            self._loader = self._begin(part.read(about.OUTLINE_MAX))
        elif part.name.startswith(about.TABLES) and self._loader is not None:
            self._loader.add(part.name.removeprefix(about.TABLES).partition("/")[0], part.blocks)
        else:
            _write(self._staged.path / _safe(part.name), part)

    def finish(self) -> about.About:
        """What it was, once all of it was there."""
        if self._about is None or not (self._loader or self._database.exists()):
            raise RigwatchError("is no backup of a server")
        return self._about

    def settings(self) -> ServerSettings:
        return load_server(self._staged, self._environ)

    def place(self, settings: ServerSettings) -> None:
        """The settings last: a home without them is not started by anybody."""
        from store.engine import sqlite_path

        if self._database.exists():
            target = sqlite_path(settings.database.url, self._home)
            shutil.move(self._database, target)
            target.chmod(0o600)
        names = sorted(self._staged.path.iterdir(), key=lambda path: path.name == self._staged.server_toml.name)
        for path in names:
            if not path.name.startswith("."):
                path.rename(self._home.path / path.name)
        flush_folder(self._home.path)

    def _introduced(self, part: Part) -> about.About:
        from store import schema

        if part.name != about.ABOUT:
            raise RigwatchError("is no backup of rigwatch")
        told = about.decode(part.read(about.ABOUT_MAX))
        if newer := sorted(set(told.applied) - schema.known()):
            raise RigwatchError(f"was made by a newer rigwatch ({told.version}, its database has {newer[-1]})")
        return told

    def _adjust(self) -> None:
        for section, key, value in (
            ("database", "url", self._wanted.database),
            ("broker", "advertise", self._wanted.advertise),
        ):
            text = self._staged.server_toml.read_text("utf-8")
            changed = replace_setting(text, Setting((section,), key, value, secret=key == "url")) if value else text
            if changed is None:
                raise SettingsError(
                    f"its server.toml is written in an unusual way; set {section}.{key} after the restore"
                )
            write_private(self._staged.server_toml, changed)

    def _check_place(self) -> None:
        from store.engine import sqlite_path

        url = self.settings().database.url
        if not url.startswith("sqlite:"):
            raise RigwatchError("its database is an SQLite file, and the settings name another kind; see --database")
        target = sqlite_path(url, self._home)
        if target.exists() and not target.is_relative_to(self._home.path):
            raise RigwatchError(f"database {target}: is there already, nothing was changed; move it away")

    def _begin(self, outline: bytes) -> "Loader":
        from store.dump import Outline, loading

        try:
            known = msgspec.json.decode(outline, type=Outline)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise RigwatchError("was changed: nothing tells what its database is") from None
        return self._loads.enter_context(loading(self.settings().database.url, self._home, known))


def _write(path: Path, part: Part) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        for block in part.blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _safe(name: str) -> str:
    """The place of a part below the home; raises `RigwatchError` for one that is somewhere else."""
    place = name.removeprefix(about.HOME)
    if place == name or not about.has_place(place):
        raise RigwatchError(f"has a part that is in no home ({name[:80]!r})")
    return place


def _check_empty(home: Home, wanted: Wanted) -> None:
    there = sorted(path.name for path in home.path.iterdir() if not _is_ours(path.name))
    if there and not wanted.force:
        raise RigwatchError(
            f"home {home.path}: is not empty (it has {', '.join(there[:3])}); name another --home, or restore with "
            "--force, which puts what is there aside"
        )


def _is_ours(name: str) -> bool:
    return name in _LEFT or name.startswith((_TEMPORARY, contents.ASIDE))


def _clear_left(home: Home) -> None:
    """What a restore left that was killed."""
    for left in home.path.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)


def _let_go(home: Home) -> None:
    """Raises `StoreError` where a part of rigwatch that nobody supervises still works with the database."""
    from store.copying import let_go

    if home.database.exists():
        let_go(home.database)


def _put_aside(home: Home, now: Millis) -> Path | None:
    there = [path for path in home.path.iterdir() if not _is_ours(path.name)]
    if not there:
        return None
    aside = home.path / f"{contents.ASIDE}{as_datetime(now):%Y-%m-%d-%H%M%S}"
    aside.mkdir(mode=0o700)
    for path in sorted(there, key=lambda each: each.name != home.server_toml.name):
        path.rename(aside / path.name)
    return aside


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    try:
        with private_lock(home.supervisor_lock, timeout=0):
            yield
    except Timeout:
        raise RigwatchError(f"home {home.path}: rigwatch runs here; stop it first, or name another --home") from None


@contextmanager
def _opened(source: Path) -> "Iterator[BinaryIO]":
    try:
        with source.open("rb") as file:
            yield file
    except OSError as exc:
        if exc.filename is None or Path(exc.filename) != source:
            raise
        raise RigwatchError(f"{source}: cannot be read ({exc.strerror or exc})") from exc
