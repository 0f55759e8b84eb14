"""The file that the old GPU miners write once a second: one figure in H/s a line, their sum is the hashrate."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import BlockingSource, Context, SourceSettings, Stale
from rigwatch.clock import Clock
from rigwatch.settings.loader import between

_BYTES_MAX: Final = 64 * 1024
_ATTEMPTS: Final = 3
_PAUSE: Final = 0.05
"""Seconds: a miner that is writing the file has finished by then."""


class HashfileSettings(SourceSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`path` is the file, `0202001` in the miner's folder; older than `stale` means that the miner writes no more."""

    path: Annotated[str, Meta(min_length=1)]
    every: Annotated[timedelta, between(timedelta(seconds=0.1), timedelta(hours=1))] = timedelta(seconds=1)
    stale: Stale = timedelta(seconds=60)


class HashfileSource(BlockingSource):
    """Gives the hashrate. A file that is missing, empty, half written, garbled or stale is an error, never 0 H/s."""

    def __init__(self, settings: HashfileSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._path = Path(settings.path).expanduser()
        self._stale = settings.stale
        self._ends_with_newline = False

    def read(self) -> Reading:
        for left in reversed(range(_ATTEMPTS)):
            try:
                return self._read_once(may_be_fresh=not left)
            except HalfWrittenError:
                if not left:
                    raise
                time.sleep(_PAUSE)
        raise AssertionError("the last attempt returns or raises")

    def _read_once(self, *, may_be_fresh: bool) -> Reading:
        text, modified = read_settled(self._path)
        check_age(self._path, modified, self._stale, self.clock, why="the miner seems to stand still")
        if not may_be_fresh and abs(self.clock.now() / 1000 - modified) < _PAUSE:
            # Between two of the miner's writes the lines that are there look like a whole file.
            raise HalfWrittenError(f"{self._path}: is being written")
        if self._ends_with_newline and not text.endswith("\n"):
            # A number cut off in its middle is a number too; only the missing end of its line tells.
            raise HalfWrittenError(f"{self._path}: its last line is not finished")
        reading = parse(text, str(self._path))
        self._ends_with_newline = text.endswith("\n")
        return reading


class HalfWrittenError(SourceError):
    """The file was caught while it was being written; a moment later it may be whole."""


def read_settled(path: Path) -> tuple[str, float]:
    """The file's text and when it was written (s since 1970).

    Raises HalfWrittenError when it is empty or was changed meanwhile, else SourceError.
    """
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            data = file.read(_BYTES_MAX + 1)
            after = os.fstat(file.fileno())
    except OSError as exc:
        raise SourceError(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    if len(data) > _BYTES_MAX:
        raise SourceError(f"{path}: larger than {_BYTES_MAX} bytes; this is not a file of hashrates")
    changed = (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size)
    if changed or not data.strip():
        raise HalfWrittenError(f"{path}: {'changed while it was read' if changed else 'is empty'}")
    return data.decode("utf-8", errors="replace"), after.st_mtime


def check_age(path: Path, written: float, stale: timedelta, clock: Clock, *, why: str) -> None:
    """Raises SourceError of a file that was written (s since 1970) longer ago than `stale`."""
    age = clock.now() / 1000 - written
    if age > stale.total_seconds():
        raise SourceError(f"{path}: written {age:.0f} s ago; {why}")


def parse(text: str, name: str) -> Reading:
    """The sum of the lines in H/s; raises SourceError when one of them is not a number."""
    total = 0.0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                total += float(line)
            except ValueError:
                raise HalfWrittenError(f"{name}: line {number} is not a number: {line.strip()[:40]!r}") from None
    return Reading(hashrate=total)
