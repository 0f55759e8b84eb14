"""One file that holds named parts: a tar, compressed, that any tar reads, or the same sealed (`sealing`).

The last part is a list of the SHA-256 of all others in their order. Without it, or with another, the file is refused.
"""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, Self, cast

import msgspec

from cli.backup.sealing import MAGIC, OpeningReader, SealingError, SealingWriter, is_sealed
from rigwatch.errors import RigwatchError

_SUMS: Final = "sums.json"
_BLOCK: Final = 256 * 1024
_LEVEL: Final = 3
"""Of zlib: most of what can be saved, at a third of the time of its default."""
_NAMING: Final = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_NAMING_MAX: Final = 64 * 1024
"""Bytes of what only tells the name of the next entry; tarfile reads it at once, be it all that there is memory for."""


class ArchiveWriter:
    """Parts are added one after the other; `finish` ends the list."""

    def __init__(self, file: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|", bufsize=_BLOCK)  # noqa: SIM115 - finish closes it
        self._sums: list[tuple[str, str]] = []

    def add(self, name: str, data: bytes) -> None:
        self._put(name, len(data), io.BytesIO(data))

    def add_file(self, name: str, path: Path) -> None:
        """As long as it is now; one that grows meanwhile is cut there. Raises `RigwatchError` for one that shrinks, or
        cannot be read."""
        try:
            opened = path.open("rb")
        except OSError as exc:
            raise RigwatchError(f"{path}: cannot be read ({exc.strerror or exc})") from exc
        with opened as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            self._put(name, size, file)

    def finish(self) -> None:
        self.add(_SUMS, msgspec.json.encode(self._sums))
        self._tar.close()
        self._gzip.close()

    def abandon(self) -> None:
        """Instead of `finish`, while the file is still open: what is left of it later would complain that it is not."""
        for each in (self._tar, self._gzip):
            with suppress(OSError):
                each.close()

    def _put(self, name: str, size: int, file: BinaryIO) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        hashed = _Hashed(file)
        try:
            self._tar.addfile(entry, cast("IO[bytes]", hashed))
        except OSError as exc:
            if "unexpected end of data" not in str(exc):
                raise
            raise RigwatchError(f"{name}: was changed while it was read; try again") from exc
        self._sums.append((name, hashed.digest))


@dataclass(frozen=True, slots=True)
class Part:
    """One part while it is the current one; `blocks` can be read once."""

    name: str
    size: int
    blocks: Iterable[bytes]

    def read(self, most: int) -> bytes:
        """All of a small part; raises `RigwatchError` for a larger one."""
        if self.size > most:
            raise RigwatchError(f"{self.name}: is larger than it can be")
        return b"".join(self.blocks)


def parts(file: BinaryIO, passphrase: Callable[[], str]) -> Iterator[Part]:
    """Each part in its order. That all is as it was written is known only when this ends.

    `passphrase` is asked for where the file is sealed. Raises `RigwatchError` for a file that is none, was cut or
    changed, and for another passphrase; the text goes behind the file's name.
    """
    with _translated():
        yield from _parts(_opened(file, passphrase))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, UnicodeEncodeError) as exc:
        raise RigwatchError("is no backup of rigwatch, or was cut or changed") from exc


def _parts(file: IO[bytes]) -> Iterator[Part]:
    sums: list[tuple[str, str]] = []
    # Not tarfile's own way to decompress, which does not look at the end.
    with (
        gzip.GzipFile(fileobj=file, mode="rb") as plain,
        tarfile.open(fileobj=plain, mode="r|", bufsize=_BLOCK, tarinfo=_Entry) as tar,
    ):
        ended = False
        for entry in tar:
            content = tar.extractfile(entry)
            if ended or content is None:
                raise RigwatchError("is no backup of rigwatch, or was changed")
            hashed = _Hashed(content)
            part = Part(entry.name, entry.size, _blocks(hashed))
            if entry.name == _SUMS:
                _compare(part, sums)
                ended = True
                continue
            yield part
            for _ in part.blocks:
                pass
            sums.append((entry.name, hashed.digest))
        if not ended:
            raise RigwatchError("was cut: its end is missing")
        while plain.read(_BLOCK):
            pass


def _blocks(file: "_Hashed") -> Iterator[bytes]:
    # Whoever reads is outside of `parts`.
    with _translated():
        while block := file.read(_BLOCK):
            yield block


def _compare(written: Part, sums: list[tuple[str, str]]) -> None:
    try:
        # Twice as long as ours would be, for another program's blanks.
        known = msgspec.json.decode(
            written.read(2 * len(msgspec.json.encode(sums)) + _BLOCK), type=list[tuple[str, str]]
        )
    except (msgspec.MsgspecError, UnicodeDecodeError):
        known = []
    if known != sums:
        raise RigwatchError("was changed: its parts are not those that were written")


def _opened(file: BinaryIO, passphrase: Callable[[], str]) -> IO[bytes]:
    beginning = file.read(len(MAGIC))
    file.seek(0)
    return cast("IO[bytes]", io.BufferedReader(OpeningReader(file, passphrase()))) if is_sealed(beginning) else file


@contextmanager
def writing(file: BinaryIO, passphrase: str) -> Iterator[ArchiveWriter]:
    """Whole on leaving; sealed where there is a passphrase."""
    sealing = SealingWriter(file, passphrase) if passphrase else None
    archive = ArchiveWriter(cast("BinaryIO", sealing) if sealing else file)
    try:
        yield archive
        archive.finish()
    except BaseException:
        archive.abandon()
        raise
    if sealing:
        sealing.finish()


class _Entry(tarfile.TarInfo):
    """Refused where it is of a kind that tarfile takes into memory whole, and larger than that has to be."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.type in _NAMING and found.size > _NAMING_MAX:
            raise RigwatchError("is no backup of rigwatch, or was changed")
        return found


class _Hashed:
    """A file that knows what has been read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


__all__ = ["ArchiveWriter", "Part", "SealingError", "parts", "writing"]
