"""A node's status from stored facts and one `now`: pure, computed when asked, so that silence needs no writer."""

from datetime import timedelta
from enum import StrEnum

from alerts.facts import NodeFacts, ServerFacts
from rigwatch.clock import Millis, in_millis
from rigwatch.messages import NodeState

SILENT_AFTER = 3
"""Intervals without a report after which a connected node is silent."""

BROKER_DOWN_AFTER = timedelta(seconds=10)
"""A subscriber that gave no sign of life for this long (it beats every 2 s) knows nothing any more."""


class NodeStatus(StrEnum):
    """What people are shown."""

    # enrolled, never seen
    PENDING = "pending"
    # connected and reporting, or connected so recently that no report is due
    ONLINE = "online"
    # connected and reporting, but one of its sources could not be read
    DEGRADED = "degraded"
    # connected, but no report for three intervals; also what is left of a node whose broker died with its will
    SILENT = "silent"
    # said goodbye
    OFFLINE = "offline"
    # its will came: the connection broke, or its keep-alive ran out
    LOST = "lost"
    # an operator works on it
    MAINTENANCE = "maintenance"
    # the subscriber has no broker or is not running, so nobody can say
    UNKNOWN = "unknown"


_BROKER_DOWN_MS = in_millis(BROKER_DOWN_AFTER)
_GONE = {NodeState.LOST: NodeStatus.LOST, NodeState.OFFLINE: NodeStatus.OFFLINE}


def status_at(facts: NodeFacts, server: ServerFacts, now: Millis, *, maintained: bool = False) -> NodeStatus:
    """The first of these that holds: pending, unknown, lost or offline, silent, degraded; else online.

    A node that is worked on (`maintained`, see `alerts.silence`) may come and go: it is in maintenance while it is not
    simply online.
    """
    status = _status(facts, server, now)
    quiet = (NodeStatus.PENDING, NodeStatus.UNKNOWN, NodeStatus.ONLINE)
    return NodeStatus.MAINTENANCE if maintained and status not in quiet else status


def _status(facts: NodeFacts, server: ServerFacts, now: Millis) -> NodeStatus:
    if facts.state is None:
        return NodeStatus.PENDING
    if is_broker_down(server, now):
        return NodeStatus.UNKNOWN
    if facts.state in _GONE:
        return _GONE[facts.state]
    if now - _heard_at(facts, server) > SILENT_AFTER * in_millis(facts.interval):
        return NodeStatus.SILENT
    if facts.sample is not None and facts.sample.errors:
        return NodeStatus.DEGRADED
    return NodeStatus.ONLINE


def is_broker_down(server: ServerFacts, now: Millis) -> bool:
    """Whether the subscriber has no broker, or gave no sign of life for `BROKER_DOWN_AFTER`."""
    if server.connected_at is None or server.beat_at is None:
        return True
    return now - server.beat_at > _BROKER_DOWN_MS


def _heard_at(facts: NodeFacts, server: ServerFacts) -> Millis:
    """From when on a report was due: the last one, the node's connect, or our own, whichever was latest.

    Our own counts because reports that came while the subscriber was away reached nobody: a node is given its three
    intervals again rather than called silent for our absence.
    """
    return max(facts.last_report_at or 0, facts.state_at or 0, server.connected_at or 0)
