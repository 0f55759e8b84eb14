"""A node's status over time, as far as the store tells: when it was away, silent, or failed to read a source. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median_low
from typing import Final, NamedTuple

from alerts.facts import NodeChange, Point
from alerts.status import SILENT_AFTER, NodeStatus
from rigwatch.clock import Millis
from rigwatch.messages import NodeState

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


class StatusSpan(NamedTuple):
    """The node had that status from `since` until just before `until`."""

    status: NodeStatus
    since: Millis
    until: Millis
    why: str = ""


class Stay(NamedTuple):
    """From one change to the next, and the interval, in ms, at which samples are taken meanwhile."""

    span: StatusSpan
    interval: Millis


class Tally(NamedTuple):
    """How many samples were taken while the node was away (it kept them, and sent them when it was back), how many were
    due while it was connected, and how many of those are missing."""

    late: int
    due: int
    missing: int


def stays(
    changes: Sequence[NodeChange], points: Sequence[Point], interval: Millis, *, since: Millis, until: Millis
) -> list[Stay]:
    """In order, from `since` to `until`; nothing before the first change: nobody knows of that time.

    Each with the interval that the node had then. Where that was not noted, it is how far apart most of the samples of
    that time are; without any, `interval`, which is the node's by now.
    """
    ends = [*(change.at for change in changes[1:]), until][: len(changes)]
    found = []
    for change, end in zip(changes, ends, strict=True):
        span = StatusSpan(_STATUS[change.state], max(change.at, since), min(end, until), change.reason)
        if span.since < span.until:
            found.append(Stay(span, change.interval or _usual_spacing(points, span) or interval))
    return found


def band(stays: Sequence[Stay], points: Sequence[Point]) -> list[StatusSpan]:
    """A connected node is silent where three intervals passed without a sample that has arrived by now, and degraded
    from a sample of which a source failed to the next."""
    spans: list[StatusSpan] = []
    for stay in stays:
        is_there = stay.span.status is NodeStatus.ONLINE
        for span in _online(stay.span, points, stay.interval) if is_there else [stay.span]:
            _add(spans, span)
    return spans if len(spans) <= MOST else _coarse(spans, stays[0].span.since, stays[-1].span.until)


def intervals_at(stays: Sequence[Stay], points: Iterable[Point]) -> list[Millis | None]:
    """The interval that the node had at each point; None before the first change."""
    starts = [stay.span.since for stay in stays]
    return [stays[at - 1].interval if (at := bisect_right(starts, point.at)) else None for point in points]


def tally(stays: Sequence[Stay], points: Iterable[Point]) -> Tally:
    starts = [stay.span.since for stay in stays]
    taken = [0, 0]
    for point in points:
        at = bisect_right(starts, point.at) - 1
        if at >= 0 and point.at < stays[at].span.until:
            taken[stays[at].span.status in _AWAY] += point.samples
    there = [stay for stay in stays if stay.span.status not in _AWAY]
    due = sum((stay.span.until - stay.span.since) / stay.interval for stay in there)
    # Where in its interval a sample is due, each time it connects, decides one more or less.
    missing = round(due) - taken[0]
    return Tally(late=taken[1], due=round(due), missing=missing if missing > len(there) else 0)


def _usual_spacing(points: Sequence[Point], span: StatusSpan) -> Millis:
    """How far apart most samples of that time are; 0 where there are too few to tell."""
    own = [point for point in points if span.since <= point.at < span.until]
    within = [(point.last - point.first) / (point.samples - 1) for point in own if point.samples > 1]
    between = [late.first - early.last for early, late in pairwise(own)]
    # Gaps are among those between the steps; within one there is hardly any.
    spacings = within or between
    return round(median_low(spacings)) if spacings else 0


def _online(whole: StatusSpan, points: Sequence[Point], interval: Millis) -> Iterator[StatusSpan]:
    """The parts of one span in which the node was connected."""
    timeout = SILENT_AFTER * interval
    reached, status, why = whole.since, NodeStatus.ONLINE, whole.why
    for point in points:
        if point.last < whole.since:
            # Known to report when the span begins.
            status = _of(point) if whole.since - point.last <= timeout else status
            continue
        if point.first >= whole.until:
            break
        first = max(point.first, reached)
        if first - reached > timeout:
            yield StatusSpan(status, reached, reached + timeout, why)
            yield StatusSpan(NodeStatus.SILENT, reached + timeout, first)
            reached, why = first, ""
        yield StatusSpan(status, reached, first, why)
        reached, status, why = min(max(point.last, first), whole.until), _of(point), ""
        yield StatusSpan(status, first, reached)
    calm = min(whole.until, reached + timeout)
    yield StatusSpan(status, reached, calm, why)
    yield StatusSpan(NodeStatus.SILENT, calm, whole.until)


def _of(point: Point) -> NodeStatus:
    return NodeStatus.DEGRADED if point.failing else NodeStatus.ONLINE


def _add(spans: list[StatusSpan], span: StatusSpan) -> None:
    if span.since >= span.until:
        return
    last = spans[-1] if spans else None
    if last and last.status is span.status and last.until == span.since:
        spans[-1] = last._replace(until=span.until, why=last.why or span.why)
    else:
        spans.append(span)


def _coarse(spans: Sequence[StatusSpan], since: Millis, until: Millis) -> list[StatusSpan]:
    step = (until - since) / MOST
    cells: list[NodeStatus | None] = [None] * MOST
    for span in spans:
        for cell in range(int((span.since - since) / step), min(int((span.until - 1 - since) / step) + 1, MOST)):
            cells[cell] = min((each for each in (cells[cell], span.status) if each), key=_WORST_FIRST.index)
    made: list[StatusSpan] = []
    for cell, status in enumerate(cells):
        if status is not None:
            _add(made, StatusSpan(status, since + round(cell * step), since + round((cell + 1) * step)))
    return made
