"""What a rule looks at, and what it answers. No rule lives here."""

from enum import StrEnum

from msgspec import Struct

from rigwatch.clock import Millis
from rigwatch.messages import Sample
from subscriber.alerts.fleet import Chain
from subscriber.alerts.status import NodeStatus
from subscriber.alerts.trail import Trail
from subscriber.facts import NodeFacts, ServerFacts


class View(Struct, frozen=True):
    """A node at one moment. `usual` is its own median hashrate (H/s); None = too little history to say."""

    facts: NodeFacts
    server: ServerFacts
    now: Millis
    status: NodeStatus
    trail: Trail = Trail()
    chain: Chain = Chain()
    usual: float | None = None
    grace: Millis = 0

    @property
    def fresh(self) -> Sample | None:
        """The latest sample, where it still speaks of the present; None = nothing is known of it now."""
        return self.facts.sample if self.status in (NodeStatus.ONLINE, NodeStatus.DEGRADED) else None


class Holds(StrEnum):
    """A rule's answer. What is not known neither fires nor resolves."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Finding(Struct, frozen=True):
    """`since` is from when on it holds, where the facts say so; `check_at` when time alone may change the answer."""

    holds: Holds
    evidence: str = ""
    since: Millis | None = None
    check_at: Millis | None = None


UNKNOWN = Finding(Holds.UNKNOWN)


def yes(evidence: str, since: Millis | None = None) -> Finding:
    return Finding(Holds.YES, evidence, since)


def no(evidence: str = "", check_at: Millis | None = None) -> Finding:
    return Finding(Holds.NO, evidence, check_at=check_at)
