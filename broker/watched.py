"""Files that others change while the broker runs: noticing that, and what of their content is different."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from rigwatch.errors import RigwatchError
from rigwatch.home import stamp_of

log = logging.getLogger(__name__)
K = TypeVar("K")
V = TypeVar("V")


class Watched(Generic[K, V]):
    """One file that says who may log in, and what it said at the last look. Unchanged, a look costs one `stat`."""

    def __init__(self, path: Path, read: Callable[[], Mapping[K, V]]) -> None:
        self._path = path
        self._read = read
        self._stamp: object = None
        self.known: dict[K, V] = {}

    def look(self) -> set[K]:
        """What has come, gone or changed since the last look."""
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return set()
        # Noted first: a file that cannot be read is complained about once, and read again when it changes.
        self._stamp = stamp
        try:
            found = dict(self._read())
        except RigwatchError as exc:
            log.error("who may log in cannot be read, new logins by it are refused error=%s", exc)
            return set()
        changed = {key for key in self.known.keys() | found.keys() if self.known.get(key) != found.get(key)}
        self.known = found
        return changed
