"""What a chart draws: how far back it goes, its points, and the nulls where nothing is known. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias, TypedDict

from alerts.facts import FleetPoint, NodeCards, Point
from alerts.status import SILENT_AFTER
from rigwatch.clock import Millis
from rigwatch.figures import Gpu
from rigwatch.texts import visible
from web.errors import BadQuery
from web.language.texts import gettext as _

Numbers: TypeAlias = list[float | None]


class NodeLines(TypedDict):
    """As the JSON has it: moments in seconds, and the values of each figure at them."""

    at: list[float]
    lines: dict[str, Numbers]


_HOUR: Final[Millis] = 3_600_000
_POINTS: Final = 480
_LEAST: Final[Millis] = 10_000
_AGES: Final = 10**11
_NOTHING: Final[Mapping[int, int]] = {}
_FIGURES: Final = ("hashrate", "peers", "block", "temperature", "power")
_OF_A_CARD: Final = ("hashrate", "temperature", "power")


class Range(StrEnum):
    """How far back a chart goes."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    ALL = "all"

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> "Range":
        """Reads `range`; raises `BadQuery` that names what is allowed."""
        value = args.get("range", cls.DAY.value)
        try:
            return cls(value)
        except ValueError:
            raise BadQuery(f"range: {value[:40]!r} is not one of {', '.join(cls)}") from None

    @property
    def label(self) -> str:
        return {Range.HOUR: "1 h", Range.DAY: "24 h", Range.WEEK: "7 d", Range.ALL: _("all")}[self]


class RangeLink(NamedTuple):
    """A link that leads to a range."""

    name: str
    label: str
    query: str
    chosen: bool


def range_links(chosen: Range, query: str = "") -> list[RangeLink]:
    """`query` is what else the address asks for, with its `?`."""
    asked = f"{query}&" if query else "?"
    return [RangeLink(each.value, each.label, f"{asked}range={each.value}", each is chosen) for each in Range]


_LENGTH: Final[Mapping[Range, Millis]] = {Range.HOUR: _HOUR, Range.DAY: 24 * _HOUR, Range.WEEK: 168 * _HOUR}


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` until `until`, a point a `step`."""

    since: Millis
    until: Millis
    step: Millis


def window(span: Range, now: Millis, oldest: Callable[[], Millis | None], *, unit: Millis = 1000) -> Window:
    """Of at most `_POINTS` steps, each some whole `unit`s; `oldest` is asked when everything is wanted."""
    since = now - _LENGTH.get(span, _HOUR)
    if span is Range.ALL:
        first = oldest()
        since = since if first is None else min(since, first)
    step = -(-(now - since) // _POINTS // unit) * unit
    return Window(since, now, max(step, unit))


def excerpt(args: Mapping[str, str], now: Millis, *, unit: Millis = 1000) -> Window | None:
    """What the address asks for by `from` and `to`, in seconds since 1970, where somebody looks closer."""
    if "from" not in args and "to" not in args:
        return None
    since, until = (_moment(args, name) for name in ("from", "to"))
    until = min(until, now)
    if until - since < _LEAST:
        raise BadQuery(f"from, to: {_LEAST // 1000} s at least, and not of the future")
    step = -(-(until - since) // _POINTS // unit) * unit
    return Window(since, until, max(step, unit))


def _moment(args: Mapping[str, str], name: str) -> Millis:
    try:
        seconds = int(args.get(name, ""))
    except ValueError:
        seconds = -1
    if not 0 <= seconds < _AGES:
        raise BadQuery(f"{name}: whole seconds since 1970 are needed, with 'from' and 'to' together")
    return seconds * 1000


def node_lines(
    points: Sequence[Point],
    seen: Window,
    interval: Millis,
    heights: Mapping[int, int] = _NOTHING,
    *,
    intervals: Sequence[Millis | None] = (),
) -> NodeLines:
    """`at` in seconds and each figure that the node has; a null where samples are missing, and at both ends.

    `heights` are those of other nodes of its chain, by step: how far it was behind them is a figure as well.
    `intervals` are those that it had at each point, where that is known; `interval` is what it has now.
    """
    timeout = _timeout([_spacing(early, late) for early, late in pairwise(points)], interval)
    had = [SILENT_AFTER * each if each else timeout for each in intervals] or [timeout] * len(points)
    gaps = [
        late.first - early.last > max(before, then)
        for (early, late), (before, then) in zip(pairwise(points), pairwise(had), strict=True)
    ]
    ends = [point.last for point in points]
    lines = {name: _line([getattr(point, name) for point in points], gaps) for name in _FIGURES}
    lines["lag"] = _line(_lags(points, heights, seen, interval), gaps)
    known = {name: line for name, line in lines.items() if any(figure is not None for figure in line)}
    return {"at": _times([point.at for point in points], gaps, seen, after=ends), "lines": known}


def card_lines(moments: Sequence[NodeCards], seen: Window, interval: Millis) -> dict[str, object] | None:
    """As `node_lines`, for each GPU that was there at any of the moments; None without any."""
    if not any(each.gpus for each in moments):
        return None
    names: dict[str, str] = {}
    for each in moments:
        names |= {gpu.id: gpu.name for gpu in each.gpus}
    times = [each.at for each in moments]
    gaps = _gaps(times, interval)
    there = [{gpu.id: gpu for gpu in each.gpus} for each in moments]
    cards = [
        {
            "id": visible(card),
            "name": visible(name),
            "lines": {figure: _line(_of(there, card, figure), gaps) for figure in _OF_A_CARD},
        }
        for card, name in names.items()
    ]
    return {"at": _times(times, gaps, seen, after=times), "cards": cards}


def fleet_lines(points: Sequence[FleetPoint], seen: Window) -> dict[str, object]:
    times = [point.at for point in points]
    gaps = _gaps(times, seen.step)
    lines = {name: _line([getattr(point, name) for point in points], gaps) for name in ("hashrate", "nodes")}
    return {"at": _times(times, gaps, seen, after=times), "lines": lines if points else {}}


def _lags(points: Sequence[Point], heights: Mapping[int, int], seen: Window, interval: Millis) -> list[int | None]:
    """Blocks behind the highest that anybody had in the same step; in short steps, within two intervals before it.

    Of a step that it did not see to the end nothing is known: the others went on.
    """
    step = seen.step
    back = -(-2 * interval // step) if step < interval else 0
    lags: list[int | None] = []
    for point in points:
        slot = point.last // step
        known = [heights[each] for each in range(slot - back, slot + 1) if each in heights]
        cut = point.last < min((slot + 1) * step, seen.until) - 2 * interval
        lags.append(None if point.block is None or not known or cut else max(0, max(known) - point.block))
    return lags


def _spacing(early: Point, late: Point) -> float:
    """How far apart samples are there, in ms."""
    return (early.last - early.first) / (early.samples - 1) if early.samples > 1 else late.first - early.last


def _timeout(spacings: Sequence[float], interval: Millis) -> float:
    """How far two points may be apart to be joined: a node may have reported less often than it does now."""
    # Not the mean: a few long gaps must not make themselves usual.
    usual = sorted(spacings)[len(spacings) // 4] if spacings else 0
    return SILENT_AFTER * max(interval, usual)


def _gaps(times: Sequence[Millis], interval: Millis) -> list[bool]:
    """Whether one follows, for each but the last."""
    spacings = [late - early for early, late in pairwise(times)]
    timeout = _timeout(spacings, interval)
    return [spacing > timeout for spacing in spacings]


def _line(figures: Sequence[float | None], gaps: Sequence[bool]) -> Numbers:
    line: Numbers = [None]
    for figure, gap in zip(figures, [*gaps, False], strict=False):
        # Two decimals are more than any chart can show, and half the bytes.
        line.append(None if figure is None else round(figure, 2))
        if gap:
            line.append(None)
    return [*line, None]


def _times(times: Sequence[Millis], gaps: Sequence[bool], seen: Window, *, after: Sequence[Millis]) -> list[float]:
    """A gap's null stands just after the last sample before it. The ends make every chart as wide as what was asked."""
    at = [min([seen.since, *(first - 1 for first in times[:1])]) / 1000]
    for moment, gap, end in zip(times, [*gaps, False], after, strict=False):
        at.append(moment / 1000)
        if gap:
            at.append((end + 1) / 1000)
    return [*at, max([seen.until, *(last + 1 for last in times[-1:])]) / 1000]


def _of(there: Sequence[Mapping[str, Gpu]], card: str, figure: str) -> Numbers:
    return [getattr(each[card], figure) if card in each else None for each in there]
