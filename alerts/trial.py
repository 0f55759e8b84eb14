"""What a trial of a rule's settings says, and its JSON, which the command line prints and the dashboard reads. Pure."""

from msgspec import Struct

from alerts.words import duration
from rigwatch.clock import Millis


class WouldFire(Struct, frozen=True):
    """An incident that would have been told."""

    since: Millis
    lasted: Millis
    is_open: bool
    severity: str
    headline: str
    evidence: str


class TrialSide(Struct, frozen=True):
    """How many would have been told with one of the two; `fired` are the latest of them, latest first."""

    count: int
    fired: tuple[WouldFire, ...]


class RuleTrialResult(Struct, frozen=True):
    """The history that was taken is from `since` until `until`; `is_cut`: more of what was asked for is stored."""

    since: Millis
    until: Millis
    is_cut: bool
    samples: int
    nodes: int
    before: TrialSide
    after: TrialSide


def described(each: WouldFire) -> str:
    """On one line, without its moment."""
    lasted = duration(each.lasted) + (", still" if each.is_open else "")
    return f"{each.severity:<8}  {each.headline}  ({lasted}): {each.evidence}"
