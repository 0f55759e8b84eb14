"""What a rule looks at, and what it answers. No rule lives here."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from alerts.facts import NodeFacts, ServerFacts
from alerts.fleet import Chain
from alerts.node_history import NodeHistory
from alerts.status import NodeStatus
from rigwatch.clock import Millis
from rigwatch.messages import Sample


class CheckContext(Struct, frozen=True):
    """A node at one moment. `fresh` is its latest sample where that still speaks of the present; None = nothing is
    known of it now. `baseline` is its own median hashrate (H/s); None = too little history to say."""

    facts: NodeFacts
    server: ServerFacts
    now: Millis
    status: NodeStatus
    fresh: Sample | None = None
    history: NodeHistory = NodeHistory()
    chain: Chain = Chain()
    baseline: float | None = None
    grace: Millis = 0
    maintained: bool = False


class Holds(StrEnum):
    """A rule's answer. What is not known neither fires nor resolves."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    # nobody will ever know: what it was about has become another thing
    MOOT = "moot"


Words: TypeAlias = str | Callable[[], str]
"""A text, or how to make it: most findings are "no", and nobody asks those why."""


class CheckResult(Struct, frozen=True):
    """`since` is from when on it holds, where the facts say so; `check_at` when time alone may change the answer."""

    holds: Holds
    words: Words = ""
    since: Millis | None = None
    check_at: Millis | None = None

    @property
    def evidence(self) -> str:
        """What was seen; made when asked for."""
        return self.words if isinstance(self.words, str) else self.words()


UNKNOWN = CheckResult(Holds.UNKNOWN)


def yes(words: Words, since: Millis | None = None) -> CheckResult:
    return CheckResult(Holds.YES, words, since)


def no(words: Words = "", check_at: Millis | None = None) -> CheckResult:
    return CheckResult(Holds.NO, words, check_at=check_at)


def moot(why: str) -> CheckResult:
    """Closes what is open, which is no recovery."""
    return CheckResult(Holds.MOOT, why)


def either(holds: bool, words: Words) -> CheckResult:  # noqa: FBT001 - the question itself
    """The same words for both answers."""
    return CheckResult(Holds.YES if holds else Holds.NO, words)
