"""The table of statuses, one sentence a row."""

from datetime import timedelta

import pytest

from alerts.facts import NodeFacts, ServerFacts
from alerts.status import NodeStatus, status_at
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId

NOW: Millis = 1_760_000_000_000
SECOND = 1_000
MINUTE = 60 * SECOND
WATCHING = ServerFacts(connected_at=NOW - 100 * MINUTE, beat_at=NOW - SECOND)
BLIND = ServerFacts(connected_at=None, beat_at=NOW - SECOND)


def node(
    state: NodeState | None = NodeState.ONLINE,
    *,
    since: int | None = 60 * MINUTE,
    report: int | None = 30 * SECOND,
    interval_s: float = 60,
    errors: dict[str, str] | None = None,
) -> NodeFacts:
    """`since` and `report` are ages; None = never."""
    return NodeFacts(
        NodeId("main", "rig1"),
        state=state,
        state_at=None if since is None else NOW - since,
        last_report_at=None if report is None else NOW - report,
        sample=None if report is None else Sample(n=1, at=NOW - report, errors=errors or {}),
        interval=timedelta(seconds=interval_s),
    )


ROWS = [
    ("enrolled and never seen is pending", node(None, since=None, report=None), WATCHING, NodeStatus.PENDING),
    ("never seen stays pending while nobody watches", node(None, since=None, report=None), BLIND, NodeStatus.PENDING),
    ("connected and reporting is online", node(), WATCHING, NodeStatus.ONLINE),
    ("a failing source makes it degraded", node(errors={"xmrig": "refused"}), WATCHING, NodeStatus.DEGRADED),
    ("at exactly three intervals without a report it is online", node(report=180_000), WATCHING, NodeStatus.ONLINE),
    ("after more than three intervals it is silent", node(report=180_001), WATCHING, NodeStatus.SILENT),
    ("silence outweighs a failing source", node(report=180_001, errors={"a": "b"}), WATCHING, NodeStatus.SILENT),
    ("the node's own interval counts", node(report=31_000, interval_s=10), WATCHING, NodeStatus.SILENT),
    ("just connected, no report yet, is online", node(since=179 * SECOND, report=None), WATCHING, NodeStatus.ONLINE),
    (
        "reconnected after a long absence is given three intervals",
        node(since=SECOND, report=50 * MINUTE),
        WATCHING,
        NodeStatus.ONLINE,
    ),
    ("connected for long without any report is silent", node(since=181_000, report=None), WATCHING, NodeStatus.SILENT),
    (
        "reports that came while the subscriber was away are not missed yet",
        node(report=50 * MINUTE),
        ServerFacts(connected_at=NOW - SECOND, beat_at=NOW),
        NodeStatus.ONLINE,
    ),
    (
        "a node whose broker died with its will is silent three intervals after the subscriber is back",
        node(report=50 * MINUTE),
        ServerFacts(connected_at=NOW - 181 * SECOND, beat_at=NOW),
        NodeStatus.SILENT,
    ),
    ("its will makes it lost", node(NodeState.LOST), WATCHING, NodeStatus.LOST),
    ("its goodbye makes it offline", node(NodeState.OFFLINE), WATCHING, NodeStatus.OFFLINE),
    ("lost stays lost however old", node(NodeState.LOST, report=90 * MINUTE), WATCHING, NodeStatus.LOST),
    ("without a broker nobody knows", node(), BLIND, NodeStatus.UNKNOWN),
    ("without a broker not even a lost node is certain", node(NodeState.LOST), BLIND, NodeStatus.UNKNOWN),
    ("a subscriber that never ran knows nothing", node(), ServerFacts(), NodeStatus.UNKNOWN),
    (
        "a subscriber that was heard 10 s ago is believed",
        node(),
        ServerFacts(WATCHING.connected_at, NOW - 10 * SECOND),
        NodeStatus.ONLINE,
    ),
    (
        "a subscriber that was not heard for longer is dead, whatever it said",
        node(),
        ServerFacts(WATCHING.connected_at, NOW - 10 * SECOND - 1),
        NodeStatus.UNKNOWN,
    ),
]


@pytest.mark.parametrize(("facts", "server", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_status_follows_from_the_facts(facts: NodeFacts, server: ServerFacts, expected: NodeStatus) -> None:
    assert status_at(facts, server, NOW) is expected


def test_every_status_but_maintenance_is_in_the_table() -> None:
    assert {row[3] for row in ROWS} == set(NodeStatus) - {NodeStatus.MAINTENANCE}
