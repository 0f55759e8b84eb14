"""Reads sources once, for people who want to see what they give; nothing is averaged, kept or sent."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from publisher.sources.reading import Reading, SourceError, checked
from publisher.sources.source import Source
from rigwatch.topics import NodeId

_GRACE: Final = 1.0
"""Seconds beyond a source's own timeout, after which it hangs."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one source of a node gave: a reading, or else the error."""

    node: NodeId
    source: str
    reading: Reading | None = None
    error: str = ""


def look_at(sources: Iterable[tuple[NodeId, str, Source]]) -> list[Look]:
    """All of them side by side, in their order; takes as long as the slowest, and no longer than its timeout."""
    waiting = [(node, label, source, _started(source.read)) for node, label, source in sources]
    return [
        Look(node, label, *read.result(source.timeout.total_seconds() + _GRACE))
        for node, label, source, read in waiting
    ]


class _Read:
    """One read in a thread of its own; a daemon, so that one that hangs does not keep the process."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read
        self._told: tuple[Reading | None, str] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self, seconds: float) -> tuple[Reading | None, str]:
        self._thread.join(seconds)
        return self._told or (None, f"no answer within {seconds:g} s")

    def _run(self) -> None:
        try:
            self._told = checked(self._read()), ""
        except SourceError as exc:
            self._told = None, str(exc) or "failed"
        except Exception as exc:  # noqa: BLE001 - the boundary of a source: its defect is shown, the rest goes on
            self._told = None, f"defect: {type(exc).__name__}: {exc}"


def _started(read: Callable[[], Reading]) -> _Read:
    return _Read(read)


def lacks_of(reading: Reading) -> Sequence[str]:
    """All that the reading could not have, failures first."""
    return [*filter(None, reading.lacks.split("; ")), *reading.odd]
