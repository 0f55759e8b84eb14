"""A node's history as a bounded number of means, however long the span is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from alerts.facts import Point
from rigwatch.clock import Clock, Millis
from rigwatch.topics import NodeId
from store import Store, series
from store.times import HOUR
from web.api.moments import Given, Moment, moment, span
from web.api.operation import Operation
from web.errors import BadQuery
from web.snapshot import Snapshots

POINTS: Final = 500
POINTS_MAX: Final = 2000
_DAY: Final = timedelta(days=1)
Step = Annotated[int, Meta(ge=1, le=366 * 86_400, description="Seconds of each point; by default as few as `points`.")]


class SeriesPoint(Struct, frozen=True):
    """Means of `samples` samples, taken from `first_at` to `last_at`; `at` is their mean moment, `block` the highest.
    `failing`: in how many of them a source had failed."""

    at: Moment
    first_at: Moment
    last_at: Moment
    samples: int
    hashrate: float | None
    peers: float | None
    block: int | None
    temperature: float | None
    power: float | None
    failing: int


class Series(Struct, frozen=True):
    """By time; steps without a sample have no point. Over more than eight days `step_s` is whole hours, hashrate and
    peers are means of the hours, and the other figures those of one sample a step."""

    from_at: Moment
    to_at: Moment
    step_s: int
    points: Sequence[SeriesPoint]


class SeriesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which span, and in how many points."""

    since: Annotated[Given, Meta(description="First moment; a day before `to` by default.")] = msgspec.field(
        name="from", default=UNSET
    )
    until: Annotated[Given, Meta(description="Just after the last; now by default.")] = msgspec.field(
        name="to", default=UNSET
    )
    step_s: Step | UnsetType = UNSET
    points: Annotated[int, Meta(ge=1, le=POINTS_MAX, description="At most about so many; see `step_s`.")] = POINTS


@dataclass(frozen=True, slots=True)
class History:
    """Reads samples, or the sums of hours where there are more of those than anybody would look at."""

    snapshots: Snapshots
    store: Store
    clock: Clock

    def series(self, site: str, node: str, query: SeriesQuery) -> Series:
        now = self.clock.now()
        wanted = self.snapshots.lately(now).view(NodeId(site, node)).facts.id
        since, until = span(query.since, query.until, now=now, default=_DAY)
        step = step_of(query, until - since)
        with self.store.read() as tx:
            found = series.points(tx, wanted, step, since=since, until=until)
        return Series(moment(since), moment(until), step // 1000, [_point(each) for each in found])


def operations(snapshots: Snapshots, store: Store, clock: Clock) -> Sequence[Operation]:
    return (
        Operation(
            path="/nodes/<site>/<node>/series",
            name="get_series",
            tag="nodes",
            summary="A node's history as means over steps.",
            view=History(snapshots, store, clock).series,
            query=SeriesQuery,
            answer=Series,
            refusals=(404,),
        ),
    )


def step_of(query: SeriesQuery, length: Millis) -> Millis:
    """What was asked for, or whole seconds such that there are few enough; whole hours where sums of hours are read.

    Raises `BadQuery` for more points than anybody may ask for.
    """
    unit = HOUR if length > series.LONG else 1000
    if query.step_s is UNSET:
        return max(1, -(-length // query.points // unit)) * unit
    step = -(-query.step_s * 1000 // unit) * unit
    if length // step > POINTS_MAX:
        raise BadQuery(f"step_s: would make more than {POINTS_MAX} points; at least {-(-length // POINTS_MAX // 1000)}")
    return step


def _point(of: Point) -> SeriesPoint:
    return SeriesPoint(
        at=moment(of.at),
        first_at=moment(of.first),
        last_at=moment(of.last),
        samples=of.samples,
        hashrate=of.hashrate,
        peers=of.peers,
        block=of.block,
        temperature=of.temperature,
        power=of.power,
        failing=of.failing,
    )
