"""Made-up nodes for the dashboard's tests: what the store would say of them."""

from datetime import timedelta

import msgspec

from alerts.facts import NodeFacts, ServerFacts
from alerts.status import NodeStatus
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from tests.fake_clock import START
from web.node_view import FleetView, NodeView, fleet_at

SERVER = ServerFacts(connected_at=START - 3_600_000, beat_at=START)
MINUTE: Millis = 60_000


def sample(at: Millis = START, **figures: object) -> Sample:
    return msgspec.convert({"n": at, "at": at, **figures}, Sample)


def node(name: str = "rig1", *, site: str = "main", reported_ago: Millis | None = 0, **figures: object) -> NodeFacts:
    """A node that is connected for an hour and reported `figures` so long ago; None = never."""
    at = None if reported_ago is None else START - reported_ago
    return NodeFacts(
        NodeId(site, name),
        host="host1",
        interval=timedelta(seconds=60),
        state=NodeState.ONLINE,
        state_at=START - 3_600_000,
        session=1,
        last_report_at=at,
        sample=None if at is None else sample(at, **figures),
    )


def gone(facts: NodeFacts, state: NodeState = NodeState.LOST) -> NodeFacts:
    return msgspec.structs.replace(facts, state=state, state_at=START)


def fleet(*nodes: NodeFacts, server: ServerFacts = SERVER, now: Millis = START) -> FleetView:
    return fleet_at(nodes, server, now)


def view(facts: NodeFacts, *, lag: int | None = None) -> NodeView:
    return NodeView(facts, NodeStatus.ONLINE, counted=True, until=0, lag=lag)
