"""Makes a backup: the database as it is at one moment, then the rest of the home; read again before it counts."""

import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from filelock import Timeout

from cli.backup import about, contents
from cli.backup.archive import ArchiveWriter, parts, writing
from rigwatch.address import broker_url
from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.lock import private_lock
from rigwatch.new_file import new_file
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings

if TYPE_CHECKING:
    from store.dump import Dump

_TEMPORARY: Final = ".backup."


def make(
    home: Home, settings: ServerSettings, target: Path, *, passphrase: str, environ: Mapping[str, str], now: Millis
) -> about.About:
    """Makes `target`, sealed where there is a passphrase. Raises `RigwatchError`; then there is no `target`."""
    with _alone(home), new_file(target) as made, _database(home, settings) as database:
        with made.open("wb") as file, writing(file, passphrase) as archive:
            told = _about(home, settings, database, environ=environ, now=now)
            archive.add(about.ABOUT, about.encode(told))
            # First, for it names the database that what follows is for.
            archive.add_file(about.SETTINGS, home.server_toml)
            database.write(archive)
            # After the database: a key that is revoked meanwhile is revoked in the backup.
            for name, path in contents.files(home, home.server_toml, target, *database.files):
                if not about.has_place(name):
                    raise RigwatchError(f"{path}: has a name that no restore takes; rename it or move it elsewhere")
                archive.add_file(about.HOME + name, path)
        _verify(made, target, passphrase)
    return told


def _about(
    home: Home, settings: ServerSettings, database: "_Sqlite | _Postgres", *, environ: Mapping[str, str], now: Millis
) -> about.About:
    enrolled = sum(not each.revoked for each in Registry(home.nodes_json).nodes().values())
    kind, applied = database.kind, database.applied
    outside = contents.outside(home, settings, environ)
    return about.About(now, socket.gethostname(), kind, applied, broker_url(settings.broker), enrolled, tuple(outside))


class _Sqlite:
    kind = "sqlite"

    def __init__(self, copy: Path, original: Path, applied: tuple[str, ...]) -> None:
        self._copy, self.files, self.applied = copy, (original,), applied

    def write(self, archive: ArchiveWriter) -> None:
        archive.add_file(about.SQLITE, self._copy)


class _Postgres:
    kind = "postgresql"
    files: tuple[Path, ...] = ()

    def __init__(self, dump: "Dump") -> None:
        self._dump, self.applied = dump, dump.outline.applied

    def write(self, archive: ArchiveWriter) -> None:
        archive.add(about.OUTLINE, msgspec.json.encode(self._dump.outline))
        for table, columns in self._dump.outline.tables:
            for number, rows in enumerate(self._dump.rows(table, columns)):
                archive.add(f"{about.TABLES}{table}/{number:06}", rows)


@contextmanager
def _database(home: Home, settings: ServerSettings) -> Iterator[_Sqlite | _Postgres]:
    from store import upkeep
    from store.dump import dumping
    from store.engine import sqlite_path

    url = settings.database.url
    if not url.startswith("sqlite:"):
        with dumping(url, home) as dump:
            yield _Postgres(dump)
        return
    original = sqlite_path(url, home)
    _make_room(home, original)
    # In the home and not beside the target, which may be a disk that others read.
    with tempfile.TemporaryDirectory(dir=home.path, prefix=_TEMPORARY) as folder:
        copy = Path(folder) / "rigwatch.db"
        upkeep.backup(url, home, copy)
        yield _Sqlite(copy, original, upkeep.schema_of(url, home).applied)


def _make_room(home: Home, original: Path) -> None:
    # What a backup left that was killed.
    for left in home.path.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)
    needed, free = original.stat().st_size if original.exists() else 0, shutil.disk_usage(home.path).free
    if needed > free:
        wanted = f"a backup first copies the database, {needed // 1_000_000} MB"
        raise RigwatchError(f"{home.path}: only {free // 1_000_000} MB are free, and {wanted}; make room")


def _verify(made: Path, target: Path, passphrase: str) -> None:
    try:
        with made.open("rb") as file:
            for _ in parts(file, lambda: passphrase):
                pass
    except RigwatchError as exc:
        raise RigwatchError(f"{target}: what was written {exc}; the disk may be damaged, nothing is kept") from exc


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    try:
        with private_lock(home.path / "backup.lock", timeout=0):
            yield
    except Timeout:
        raise RigwatchError(f"home {home.path}: another backup is being made; try again when it has ended") from None
