"""The fleet as a whole: how it stands now, its totals minute by minute, and each node's means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import msgspec
from flask import Response
from msgspec import UNSET, Meta, Struct

from alerts.facts import Average
from alerts.rule import Severity
from alerts.status import NodeStatus
from rigwatch.clock import Clock, in_millis
from rigwatch.topics import NodeId
from store import Store, incidents, marks, reader, series, site_series
from web.access.sites import may_see, visible_sites
from web.api.moments import Given, Moment, moment, moment_or_none, span
from web.api.operation import JSON, Operation, written
from web.api.paging import CURSOR, LIMIT, Limit, page
from web.errors import BadQuery
from web.node_view import is_running
from web.parts import LiveParts
from web.snapshot import Snapshot, Snapshots

_TAG = "fleet"
_TOTALS_MAX = 1440
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Subscriber(Struct, frozen=True):
    """Who stores what nodes report. `connected_at` null = it has no broker; `beat_at` is its last sign of life, null
    while it is running."""

    running: bool
    connected_at: Moment | None
    beat_at: Moment | None


class AlgorithmRate(Struct, frozen=True):
    """H/s of so many nodes; `algorithm` null = of those that do not tell theirs. A node with several is in each."""

    algorithm: str | None
    hashrate: float
    nodes: int


class FleetNow(Struct, frozen=True):
    """`hashrate` (H/s) and `highest_block` are of the `counted` nodes, whose figures are of now; null = of none.
    `by_algorithm` is each algorithm's own hashrate, that of the most nodes first; where it names more than one,
    `hashrate` is null: their sum would say nothing."""

    at: Moment
    nodes: int
    by_status: dict[NodeStatus, int]
    counted: int
    hashrate: float | None
    by_algorithm: Sequence[AlgorithmRate]
    highest_block: int | None
    open_incidents: dict[Severity, int]
    subscriber: Subscriber


class Total(Struct, frozen=True):
    """A step that begins at `at`: the sum over nodes of each node's mean hashrate (H/s), whatever it is of, and of how
    many nodes; means of minutes where it is longer than one."""

    at: Moment
    hashrate: float
    nodes: float


class Totals(Struct, frozen=True):
    """By time, up to the last minute that is over; those in which no node had a hashrate are left out."""

    step_s: int
    totals: Sequence[Total]


class TotalsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which minutes."""

    since: Annotated[Given, Meta(description="First moment; an hour before `to` by default.")] = msgspec.field(
        name="from", default=UNSET
    )
    until: Annotated[Given, Meta(description="Just after the last; now by default.")] = msgspec.field(
        name="to", default=UNSET
    )
    step_s: Annotated[int, Meta(ge=60, le=86_400, multiple_of=60, description="Seconds of each total.")] = 60


class NodeAverage(Struct, frozen=True):
    """Means of one node; `samples` counts those with a hashrate, for a miner out of reach is not one at 0 H/s."""

    site: str
    node: str
    hashrate: float | None
    peers: float | None
    samples: int


class Averages(Struct, frozen=True):
    """From the full hour `from_at`; nodes without a sample since then are left out. `next`: see /nodes."""

    from_at: Moment
    averages: Sequence[NodeAverage]
    next: str | None


class AveragesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Over which time."""

    since: Annotated[Given, Meta(description="Taken back to the full hour; a day ago by default.")] = msgspec.field(
        name="from", default=UNSET
    )
    after: Annotated[str, Meta(pattern=CURSOR, description="Only nodes behind this one, `site/node`.")] = ""
    limit: Limit = LIMIT


@dataclass(frozen=True, slots=True)
class FleetResource:
    """Answers from the snapshot that the pages share, and from rollups: never from samples."""

    snapshots: Snapshots
    store: Store
    clock: Clock
    parts: LiveParts

    def now(self) -> Response:
        now = self.clock.now()
        snapshot = self.snapshots.lately(now)
        # The stamp is read first: what changes while the rest is read makes the next look differ.
        with self.store.read() as tx:
            version = snapshot.version, marks.stamp(tx)
        return self.parts.answer("", version, lambda: written(self._described(snapshot)))

    def totals(self, query: TotalsQuery) -> Totals:
        since, until = span(query.since, query.until, now=self.clock.now(), default=_HOUR)
        step = query.step_s * 1000
        if (until - since) // step > _TOTALS_MAX:
            raise BadQuery(f"step_s: would make more than {_TOTALS_MAX} totals; choose a longer one, or ask for less")
        with self.store.read() as tx:
            if (sites := visible_sites()) is None:
                found = series.fleet(tx, step, since=since, until=until)
            else:
                found = site_series.fleet(tx, sites, step, since=since, until=until, now=self.clock.now())
        return Totals(query.step_s, [Total(moment(each.at), each.hashrate, each.nodes) for each in found])

    def averages(self, query: AveragesQuery) -> Averages:
        now = self.clock.now()
        since, _ = span(query.since, UNSET, now=now, default=_DAY)
        with self.store.read() as tx:
            found = reader.averages(tx, since)
        behind = NodeId.parse(query.after) if query.after else None
        ids = sorted(node for node in found if may_see(node.site) and (behind is None or node > behind))
        shown, following = page(ids, query.limit, str)
        hour = in_millis(_HOUR)
        return Averages(moment(since // hour * hour), [_average(each, found[each]) for each in shown], following)

    def _described(self, snapshot: Snapshot) -> FleetNow:
        fleet, server = snapshot.fleet, snapshot.server
        running = is_running(server, fleet.now)
        with self.store.read() as tx:
            counted = incidents.open_by_severity(tx, visible_sites())
        return FleetNow(
            at=moment(fleet.now),
            nodes=len(fleet.views),
            by_status={status: fleet.by_status.get(status, 0) for status in NodeStatus},
            counted=fleet.counted,
            hashrate=fleet.hashrate,
            by_algorithm=[
                AlgorithmRate(each.algorithm or None, each.hashrate, each.nodes) for each in fleet.rates.by_algorithm
            ],
            highest_block=fleet.highest_block,
            open_incidents=_every_severity(counted),
            # While it beats, when it did is as good as now; the answer need not change with each beat.
            subscriber=Subscriber(
                running=running,
                connected_at=moment_or_none(server.connected_at),
                beat_at=moment_or_none(None if running else server.beat_at),
            ),
        )


def operations(snapshots: Snapshots, store: Store, clock: Clock) -> Sequence[Operation]:
    fleet = FleetResource(snapshots, store, clock, LiveParts(JSON))
    return (
        Operation(
            path="/fleet",
            name="get_fleet",
            tag=_TAG,
            summary="How the fleet stands now.",
            view=fleet.now,
            answer=FleetNow,
            conditional=True,
        ),
        Operation(
            path="/totals",
            name="list_totals",
            tag=_TAG,
            summary="The fleet's hashrate and node count, minute by minute.",
            view=fleet.totals,
            query=TotalsQuery,
            answer=Totals,
        ),
        Operation(
            path="/averages",
            name="list_averages",
            tag=_TAG,
            summary="Each node's means since a moment.",
            view=fleet.averages,
            query=AveragesQuery,
            answer=Averages,
        ),
    )


def _every_severity(counts: Mapping[Severity, int]) -> dict[Severity, int]:
    return {severity: counts.get(severity, 0) for severity in Severity}


def _average(node: NodeId, of: Average) -> NodeAverage:
    return NodeAverage(node.site, node.node, of.hashrate_mean, of.peers_mean, of.samples)
