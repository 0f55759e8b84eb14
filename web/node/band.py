"""A node's status over time, as far as the store tells: when it was away, silent, or failed to read a source. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from subscriber.alerts.status import SILENT_AFTER, NodeStatus
from subscriber.facts import Change, Point

MOST: Final = 400
"""Spans in a band; of more than this, the worst of each step is shown."""

_STATUS: Final = {
    NodeState.ONLINE: NodeStatus.ONLINE,
    NodeState.LOST: NodeStatus.LOST,
    NodeState.OFFLINE: NodeStatus.OFFLINE,
}
_AWAY: Final = frozenset({NodeStatus.LOST, NodeStatus.OFFLINE})
_WORST_FIRST: Final = (
    NodeStatus.LOST,
    NodeStatus.SILENT,
    NodeStatus.DEGRADED,
    NodeStatus.OFFLINE,
    NodeStatus.ONLINE,
)


class Span(NamedTuple):
    """The node had that status from `since` until just before `until`."""

    status: NodeStatus
    since: Millis
    until: Millis
    why: str = ""


def band(
    changes: Sequence[Change], points: Sequence[Point], interval: Millis, *, since: Millis, until: Millis
) -> list[Span]:
    """In order, from `since` to `until`. Nothing is said of the time before the first change: nobody knows.

    A connected node is silent where three intervals passed without a sample that has arrived by now, and degraded from
    a sample of which a source failed to the next.
    """
    spans: list[Span] = []
    for each in _states(changes, since, until):
        whole = _online(each, points, interval) if each.status is NodeStatus.ONLINE else [each]
        for span in whole:
            _add(spans, span)
    return spans if len(spans) <= MOST else _coarse(spans, since, until)


def connected(spans: Iterable[Span]) -> Millis:
    """For how long samples were due."""
    return sum(span.until - span.since for span in spans if span.status not in _AWAY)


def late(spans: Iterable[Span], points: Iterable[Point]) -> int:
    """How many samples were taken while the node was away: it kept them, and sent them when it was back."""
    away = [(span.since, span.until) for span in spans if span.status in _AWAY]
    starts = [since for since, _ in away]
    return sum(
        point.samples for point in points if (at := bisect_right(starts, point.at)) and point.at < away[at - 1][1]
    )


def _states(changes: Sequence[Change], since: Millis, until: Millis) -> Iterator[Span]:
    ends = [*(change.at for change in changes[1:]), until][: len(changes)]
    for change, end in zip(changes, ends, strict=True):
        span = Span(_STATUS[change.state], max(change.at, since), min(end, until), change.reason)
        if span.since < span.until:
            yield span


def _online(whole: Span, points: Sequence[Point], interval: Millis) -> Iterator[Span]:
    """The parts of one span in which the node was connected."""
    patience = SILENT_AFTER * interval
    reached, status, why = whole.since, NodeStatus.ONLINE, whole.why
    for point in points:
        if point.last < whole.since:
            # Known to report when the span begins.
            status = _of(point) if whole.since - point.last <= patience else status
            continue
        if point.first >= whole.until:
            break
        first = max(point.first, reached)
        if first - reached > patience:
            yield Span(status, reached, reached + patience, why)
            yield Span(NodeStatus.SILENT, reached + patience, first)
            reached, why = first, ""
        yield Span(status, reached, first, why)
        reached, status, why = min(max(point.last, first), whole.until), _of(point), ""
        yield Span(status, first, reached)
    calm = min(whole.until, reached + patience)
    yield Span(status, reached, calm, why)
    yield Span(NodeStatus.SILENT, calm, whole.until)


def _of(point: Point) -> NodeStatus:
    return NodeStatus.DEGRADED if point.failing else NodeStatus.ONLINE


def _add(spans: list[Span], span: Span) -> None:
    if span.since >= span.until:
        return
    last = spans[-1] if spans else None
    if last and last.status is span.status and last.until == span.since:
        spans[-1] = last._replace(until=span.until, why=last.why or span.why)
    else:
        spans.append(span)


def _coarse(spans: Sequence[Span], since: Millis, until: Millis) -> list[Span]:
    step = (until - since) / MOST
    cells: list[NodeStatus | None] = [None] * MOST
    for span in spans:
        for cell in range(int((span.since - since) / step), min(int((span.until - 1 - since) / step) + 1, MOST)):
            cells[cell] = min((each for each in (cells[cell], span.status) if each), key=_WORST_FIRST.index)
    made: list[Span] = []
    for cell, status in enumerate(cells):
        if status is not None:
            _add(made, Span(status, since + round(cell * step), since + round((cell + 1) * step)))
    return made
