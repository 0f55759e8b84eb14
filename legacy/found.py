"""What there is of an old installation at the places that somebody names, told by content and not by name."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from legacy import client_config, server_config
from legacy.client_config import ClientConfig
from legacy.loose_json import Document, LooseJsonError, decode
from legacy.server_config import ServerConfig
from rigwatch.errors import SettingsError

_SQLITE: Final = b"SQLite format 3\0"
_CONFIG_MAX: Final = 64 * 1024
_FILES_MAX: Final = 2000
_MARKS_MIN: Final = 3
"""Keys of the old tool that a file must have when nobody has named it: "mode" and "server" stand in many."""
_URLS: Final = ("postgresql://", "postgres://")
_TRIED: Final = "the old server's or client's folder, its server-config.json or config.json, or its database"


@dataclass(frozen=True, slots=True)
class Installation:
    """`databases` are SQLite files that may hold a `hashlog`; those in `named` were named themselves."""

    servers: dict[Path, ServerConfig] = field(default_factory=dict)
    clients: dict[Path, ClientConfig] = field(default_factory=dict)
    databases: list[Path] = field(default_factory=list)
    named: set[Path] = field(default_factory=set)
    addresses: list[str] = field(default_factory=list, repr=False)

    @property
    def is_empty(self) -> bool:
        return not (self.servers or self.clients or self.databases or self.addresses)


def look(arguments: Iterable[str]) -> Installation:
    """Raises `SettingsError` for a place that cannot be read or where nothing is, before anything is done."""
    found = Installation()
    for argument in arguments:
        if argument.startswith(_URLS):
            found.addresses.append(argument)
            continue
        path = Path(argument).expanduser()
        if path.is_dir():
            before = _size(found)
            for file in _files(path):
                _take(file, found, named=False)
            if _size(found) == before:
                raise SettingsError(f"{path}: nothing of wtc-miner-monitor is in this folder; name {_TRIED}")
        else:
            found.named.add(path)
            _take(path, found, named=True)
    return found


def _size(found: Installation) -> int:
    return len(found.servers) + len(found.clients) + len(found.databases)


def _files(folder: Path) -> Iterator[Path]:
    """Those in the folder and in folders of it: several clients of one machine often stand side by side."""
    try:
        here = sorted(folder.iterdir())
        inner = [file for each in here if each.is_dir() and not each.is_symlink() for file in sorted(_listed(each))]
    except OSError as exc:
        raise SettingsError(f"{folder}: cannot be read ({exc.strerror or exc})") from exc
    yield from [each for each in [*here, *inner] if each.is_file()][:_FILES_MAX]


def _listed(folder: Path) -> list[Path]:
    # Others' folders beside the old tool's are nobody's business.
    return list(folder.iterdir()) if os.access(folder, os.R_OK | os.X_OK) else []


def _take(path: Path, found: Installation, *, named: bool) -> None:
    try:
        with path.open("rb") as file:
            data = file.read(len(_SQLITE))
            if data == _SQLITE:
                found.databases.append(path)
                return
            if not named and path.suffix.lower() != ".json":
                return
            data += file.read(_CONFIG_MAX)
    except OSError as exc:
        if named:
            raise SettingsError(f"{path}: cannot be read ({exc.strerror or exc}); name {_TRIED}") from exc
        return
    _take_config(path, data, found, named=named)


def _take_config(path: Path, data: bytes, found: Installation, *, named: bool) -> None:
    try:
        document = _document(path, data) if len(data) <= _CONFIG_MAX else {}
    except SettingsError:
        # A file that merely ends in .json is another program's, unless it is called as the old tool's are.
        if named or path.name.lower() in {"config.json", "server-config.json"}:
            raise
        return
    try:
        enough = 1 if named else _MARKS_MIN
        if len(server_config.MARKS & document.keys()) >= enough:
            found.servers[path] = server_config.convert(document)
        elif len(client_config.MARKS & document.keys()) >= enough:
            found.clients[path] = client_config.convert(document)
        elif named:
            raise SettingsError(f"{path}: is not of wtc-miner-monitor; name {_TRIED}")
    except ValueError as exc:
        raise SettingsError(f"{path}: {exc}; put it right and run this again") from None


def _document(path: Path, data: bytes) -> Document:
    try:
        return decode(data)
    except LooseJsonError as exc:
        raise SettingsError(f"{path}: cannot be read as the old tool's settings: {exc}") from None
