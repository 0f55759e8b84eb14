"""Nodes: all of them with their latest figures, and one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from flask import Response
from msgspec import UNSET, Meta, Struct, UnsetType

from alerts.status import NodeStatus
from rigwatch.clock import Clock
from rigwatch.figures import AlgorithmFigures, Board, Fan, Gpu, Miner
from rigwatch.messages import Sample
from rigwatch.topics import NAME_PATTERN, NodeId
from web.api.moments import Moment, moment, moment_or_none
from web.api.operation import JSON, Operation, written
from web.api.paging import CURSOR, LIMIT, Limit, page
from web.node_view import FleetView, NodeView
from web.overview.listing import Listing
from web.parts import LiveParts
from web.snapshot import Snapshots

_TAG = "nodes"
Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
# A database may have no NUL in a text, and a name has none.
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\u0000-\u001f]+$")]


class Figures(Struct, frozen=True):
    """A sample: hashrate in H/s, temperature in °C, power in W, fan and cpu in %, uptime in s, pool_latency in ms.
    Hashrate and shares are of `algorithm`; `odd` names by source the figures that it told in a way that is none.
    """

    at: Moment
    hashrate: float | None
    peers: int | None
    block: int | None
    block_hash: str | None
    syncing: bool | None
    accepted: int | None
    rejected: int | None
    stale: int | None
    invalid: int | None
    hardware_errors: int | None
    algorithm: str | None
    algorithms: dict[str, AlgorithmFigures] | None
    last_share_at: Moment | None
    temperature: float | None
    power: float | None
    fan: float | None
    cpu: float | None
    uptime: float | None
    pool_latency: float | None
    gpus: tuple[Gpu, ...] | None
    boards: tuple[Board, ...] | None
    fans: tuple[Fan, ...] | None
    miner: Miner | None
    pool: str | None
    errors: dict[str, str]
    odd: dict[str, str]


class Node(Struct, frozen=True):
    """A node now. `name` is what the dashboard calls it: as it was given there, else by itself, else `node`. `counted`:
    its latest figures are of now, so that they are part of the fleet's totals."""

    site: str
    node: str
    name: str
    host: str
    version: str
    tags: tuple[str, ...]
    sources: tuple[str, ...]
    interval_s: float
    status: NodeStatus
    reason: str
    counted: bool
    blocks_behind: int | None
    clock_offset_ms: int | None
    state_at: Moment | None
    enrolled_at: Moment | None
    first_seen_at: Moment | None
    last_report_at: Moment | None
    latest: Figures | None


class NodePage(Struct, frozen=True):
    """`next` is the `after` of the next page."""

    nodes: Sequence[Node]
    next: str | None


class NodesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which nodes; all that is given must fit."""

    site: Annotated[Name, Meta(description="Only nodes of this site.")] = ""
    host: Annotated[Text, Meta(description="Only nodes of this host.")] = ""
    status: Annotated[NodeStatus | UnsetType, Meta(description="Only nodes that stand so.")] = UNSET
    tag: Annotated[Text, Meta(description="Only nodes with this tag.")] = ""
    q: Annotated[Text, Meta(description="Only nodes with this text in name, host or tags.")] = ""
    after: Annotated[str, Meta(pattern=CURSOR, description="Only nodes behind this one, `site/node`.")] = ""
    limit: Limit = LIMIT


@dataclass(frozen=True, slots=True)
class Nodes:
    """Answers from the snapshot that the pages share."""

    snapshots: Snapshots
    clock: Clock
    parts: LiveParts

    def list(self, query: NodesQuery) -> Response:
        snapshot = self.snapshots.lately(self.clock.now())
        return self.parts.answer(repr(query), snapshot.version, lambda: _listed(snapshot.fleet, query))

    def one(self, site: str, node: str) -> Response:
        snapshot = self.snapshots.lately(self.clock.now())
        found = snapshot.view(NodeId(site, node))
        return self.parts.answer(str(found.facts.id), snapshot.version, lambda: written(_node(found)))


def operations(snapshots: Snapshots, clock: Clock) -> Sequence[Operation]:
    nodes = Nodes(snapshots, clock, LiveParts(JSON))
    return (
        Operation(
            path="/nodes",
            name="list_nodes",
            tag=_TAG,
            summary="Nodes with their latest figures, by site and name.",
            view=nodes.list,
            query=NodesQuery,
            answer=NodePage,
            conditional=True,
        ),
        Operation(
            path="/nodes/<site>/<node>",
            name="get_node",
            tag=_TAG,
            summary="One node with its latest figures.",
            view=nodes.one,
            answer=Node,
            refusals=(404,),
            conditional=True,
        ),
    )


def _listed(fleet: FleetView, query: NodesQuery) -> bytes:
    listing = Listing(
        status=None if query.status is UNSET else query.status,
        text=query.q.strip(),
        site=query.site,
        host=query.host,
        tag=query.tag,
    )
    behind = NodeId.parse(query.after) if query.after else None
    chosen = [each for each in listing.apply(fleet.views) if behind is None or each.facts.id > behind]
    chosen.sort(key=lambda each: each.facts.id)
    shown, following = page(chosen, query.limit, lambda each: str(each.facts.id))
    return written(NodePage([_node(each) for each in shown], following))


def _node(each: NodeView) -> Node:
    facts = each.facts
    return Node(
        site=facts.id.site,
        node=facts.id.node,
        name=facts.title,
        host=facts.host,
        version=facts.version,
        tags=facts.tags,
        sources=facts.sources,
        interval_s=facts.interval.total_seconds(),
        status=each.status,
        reason=facts.reason,
        counted=each.counted,
        blocks_behind=each.lag,
        clock_offset_ms=facts.clock_offset,
        state_at=moment_or_none(facts.state_at),
        enrolled_at=moment_or_none(facts.enrolled_at),
        first_seen_at=moment_or_none(facts.first_seen_at),
        last_report_at=moment_or_none(facts.last_report_at),
        latest=None if facts.sample is None else Figures(**figures(facts.sample)),
    )


def figures(sample: Sample) -> dict[str, Any]:
    """The fields of `Figures`."""
    known = {name: getattr(sample, name) for name in Figures.__struct_fields__}
    known["at"] = moment(sample.at)
    known["last_share_at"] = moment_or_none(sample.last_share_at)
    return known
