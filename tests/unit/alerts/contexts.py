"""What a rule is asked about, in tests of one rule by itself: a node that reports now, and nothing else is known."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from alerts.check import CheckContext
from alerts.facts import NodeFacts, ServerFacts
from alerts.status import NodeStatus
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from tests.fake_clock import START

LONG_AGO = START - 24 * 3_600_000
FACTS = NodeFacts(
    NodeId("hall", "rig"),
    host="box",
    state=NodeState.ONLINE,
    state_at=LONG_AGO,
    session=1,
    interval=timedelta(seconds=60),
    first_seen_at=LONG_AGO,
    last_report_at=START,
    clock_offset=0,
)
SERVER = ServerFacts(connected_at=LONG_AGO, beat_at=START)
ABSENT = CheckContext(FACTS, SERVER, START, NodeStatus.SILENT)
"""Of which nothing is known now."""


def reporting(**figures: Any) -> CheckContext:  # noqa: ANN401 - a sample's
    """A node that has just reported these."""
    sample = Sample(n=START, at=START, **figures)
    return replace(ABSENT, status=NodeStatus.ONLINE, fresh=sample, facts=replace(FACTS, sample=sample))
