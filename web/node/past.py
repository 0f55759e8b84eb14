"""What the node page tells of the past, as its template prints it: samples, comings and goings, incidents. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from alerts.facts import NodeChange
from alerts.incident import Incident, IncidentState
from alerts.words import duration
from rigwatch.clock import Millis
from rigwatch.messages import Sample
from web import units
from web.incidents.titles import what
from web.row import DisplaySettings, TimeText
from web.units import Quantity

_TODAY: Final[Millis] = 12 * 3_600_000
_TONES: Final = {
    IncidentState.RESOLVED: "offline",
    IncidentState.DISMISSED: "offline",
    IncidentState.PENDING: "silent",
    IncidentState.CLEARING: "degraded",
}


class SampleRow(NamedTuple):
    """A sample's figures in the order of the table's columns."""

    n: int
    at: TimeText
    taken: str
    figures: tuple[Quantity, ...]
    remarks: tuple[str, ...]


class ChangeRow(NamedTuple):
    """From then on the node was in that state; `lasted` is empty for the present."""

    at: TimeText
    state: str
    lasted: str
    reason: str


class IncidentLine(NamedTuple):
    """An incident in one line; `tone` is the class of its pill, `lasted` empty while it is open."""

    number: int
    title: str
    evidence: str
    state: str
    tone: str
    since: TimeText
    lasted: str


def sample_rows(samples: Sequence[Sample], look: DisplaySettings, now: Millis, names: Sequence[str]) -> list[SampleRow]:
    """`names` are the columns. What is wrong is said once, where it stays the same from one sample to the next."""
    above: list[dict[str, str]] = [{}, *(each.errors for each in samples)]
    return [
        SampleRow(
            each.n,
            (at := look.moment(each.at)),
            at.clock if now - each.at < _TODAY else at.full,
            units.quantities(each, *names),
            () if each.errors == newer else tuple(f"{source}: {why}" for source, why in sorted(each.errors.items())),
        )
        for each, newer in zip(samples, above, strict=False)
    ]


def change_rows(changes: Sequence[NodeChange], look: DisplaySettings, most: int) -> list[ChangeRow]:
    """The latest first; `changes` are in order."""
    ends = {early.at: duration(late.at - early.at) for early, late in pairwise(changes)}
    return [
        ChangeRow(look.moment(each.at), each.state.value, ends.get(each.at, ""), each.reason)
        for each in reversed(changes[-most:])
    ]


def incident_lines(incidents: Sequence[Incident], look: DisplaySettings) -> list[IncidentLine]:
    return [
        IncidentLine(
            number=each.id,
            title=what(each.rule, each.subject, each.members),
            evidence=each.evidence,
            state=each.state.value,
            tone=_TONES.get(each.state, "lost"),
            since=look.moment(each.since),
            lasted="" if each.is_open else duration((each.resolved_at or each.since) - each.since),
        )
        for each in incidents
    ]


def awaited(interval_ms: Millis) -> str:
    """When the first sample is due, for a node that has none."""
    return duration(interval_ms)
