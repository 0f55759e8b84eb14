"""Reads sources once, for people who want to see what they give; nothing is averaged, kept or sent."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Final

from publisher.sources.reading import Reading, SourceError, checked
from publisher.sources.source import Source
from rigwatch.thread import start_thread
from rigwatch.topics import NodeId

_GRACE: Final = 1.0
"""Seconds beyond a source's own timeout, after which it hangs."""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """What one source of a node gave: a reading, or else the error."""

    node: NodeId
    source: str
    reading: Reading | None = None
    error: str = ""


def look_at(sources: Iterable[tuple[NodeId, str, Source]]) -> list[SourceResult]:
    """All of them side by side, in their order; takes as long as the slowest, and no longer than its timeout."""
    reading = [
        (node, label, source, start_thread(source.read, name=f"source-{label}")) for node, label, source in sources
    ]
    return [
        SourceResult(node, label, *_given(read, source.timeout.total_seconds() + _GRACE))
        for node, label, source, read in reading
    ]


def _given(read: Future[Reading], seconds: float) -> tuple[Reading | None, str]:
    if not wait([read], seconds).done:
        return None, f"no answer within {seconds:g} s"
    try:
        return checked(read.result()), ""
    except SourceError as exc:
        return None, str(exc) or "failed"
    except Exception as exc:  # noqa: BLE001 - the boundary of a source: its defect is shown, the rest goes on
        return None, f"defect: {type(exc).__name__}: {exc}"


def lacks_of(reading: Reading) -> Sequence[str]:
    """All that the reading could not have, failures first."""
    return [*filter(None, reading.lacks.split("; ")), *reading.odd]
