"""An incident and the table of its transitions: everything that may happen to its state is written here. Pure.

A state changes by one lookup in `TRANSITIONS`; what is not in the table raises and changes nothing.
"""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from alerts.cause import Cause, Explanation
from alerts.rule import Rule, Severity
from rigwatch.clock import Millis


class IncidentState(StrEnum):
    """Where an incident stands."""

    # the rule holds, but not yet for long enough
    PENDING = "pending"
    # people are (or would be) told
    FIRING = "firing"
    # it is over, but not yet for long enough
    CLEARING = "clearing"
    # it came and went too often; people hear of it again when it is stable
    FLAPPING = "flapping"
    RESOLVED = "resolved"
    # over before it counted
    DISMISSED = "dismissed"


class Event(StrEnum):
    """What happens to an incident."""

    HELD = "held for its hold time"
    HELD_AGAIN = "held again, too often of late"
    ENDED = "ended"
    ENDED_AGAIN = "ended before its hold time, too often of late"
    CAME_BACK = "came back"
    STAYED_AWAY = "stayed away for its clear-hold time"
    SETTLED_BAD = "is stable, and still holds"
    SETTLED_GOOD = "is stable, and over"
    CLOSED = "is not looked at any more"


TRANSITIONS: dict[IncidentState, dict[Event, IncidentState]] = {
    IncidentState.PENDING: {
        Event.HELD: IncidentState.FIRING,
        Event.HELD_AGAIN: IncidentState.FLAPPING,
        Event.ENDED: IncidentState.DISMISSED,
        Event.ENDED_AGAIN: IncidentState.FLAPPING,
        Event.CLOSED: IncidentState.DISMISSED,
    },
    IncidentState.FIRING: {
        Event.ENDED: IncidentState.CLEARING,
        Event.CLOSED: IncidentState.RESOLVED,
    },
    IncidentState.CLEARING: {
        Event.CAME_BACK: IncidentState.FIRING,
        Event.STAYED_AWAY: IncidentState.RESOLVED,
        Event.CLOSED: IncidentState.RESOLVED,
    },
    IncidentState.FLAPPING: {
        Event.HELD: IncidentState.FIRING,
        Event.SETTLED_BAD: IncidentState.FIRING,
        Event.SETTLED_GOOD: IncidentState.RESOLVED,
        Event.CLOSED: IncidentState.RESOLVED,
    },
    IncidentState.RESOLVED: {},
    IncidentState.DISMISSED: {},
}

OVER = frozenset({IncidentState.RESOLVED, IncidentState.DISMISSED})


def following(state: IncidentState, event: Event) -> IncidentState:
    """Raises `ValueError` for what cannot happen in this state."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise ValueError(f"an incident that is {state.value} cannot be one that {event.value}") from None


class Scope(StrEnum):
    """What an incident is about."""

    NODE = "node"
    HOST = "host"
    SITE = "site"
    FLEET = "fleet"
    SERVER = "server"


class Subject(NamedTuple):
    """Which one. `name` is a node's or host's within its site; a channel's for the server; else empty."""

    scope: Scope
    site: str = ""
    name: str = ""

    def __str__(self) -> str:
        return {
            Scope.NODE: f"{self.site}/{self.name}",
            Scope.HOST: f"host {self.name} at {self.site}",
            Scope.SITE: self.site,
            Scope.FLEET: "the fleet",
            Scope.SERVER: f"rigwatch {self.name}".rstrip(),
        }[self.scope]


class NotificationKind(StrEnum):
    """What a message says of an incident."""

    FIRST = "first"
    REMINDER = "reminder"
    PROGRESS = "progress"
    RECOVERY = "recovery"
    FLAPPING = "flapping"
    SETTLED = "settled"
    # why, where that was not known yet when people were told first
    CAUSE = "cause"


class Spell(NamedTuple):
    """A time for which a rule held, shorter than its hold."""

    since: Millis
    until: Millis


class Acknowledged(Struct, frozen=True):
    """Somebody knows, and says so."""

    at: Millis
    by: str
    why: str = ""


class Incident(Struct, frozen=True, omit_defaults=True):
    """One rule that holds for one subject; or, as a parent, several that began together.

    `since` is from when on it held, `fired_at` from when on it counted; `turned_at` when it last came or went, and
    `holding` which of the two. `changes` are the last moments at which people would have been told. `told` counts the
    steps of the schedule that are done with, `owes` is what people must still be told since `owed_at`.
    `spells` are the last times it was over before it counted; an incident that flaps has them if it does so by them.
    `severity`, `evidence` and `members` are for showing; `came_back` counts what the last progress message said.
    `explanation` is the cause that people were told last; None: it was not asked for.
    """

    id: int
    rule: Rule
    subject: Subject
    state: IncidentState
    since: Millis
    severity: Severity = Severity.WARNING
    evidence: str = ""
    fired_at: Millis | None = None
    turned_at: Millis = 0
    holding: bool = True
    resolved_at: Millis | None = None
    ended: str = ""
    changes: tuple[Millis, ...] = ()
    spells: tuple[Spell, ...] = ()
    parent: int | None = None
    members: int = 0
    came_back: int = 0
    told: int = 0
    told_at: Millis | None = None
    owes: NotificationKind | None = None
    owed_at: Millis = 0
    reason: str = ""
    acknowledged: Acknowledged | None = None
    explanation: Explanation | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in OVER

    @property
    def cause(self) -> str:
        """'probably its publisher ended (its machine closed the connection)'; empty where it is not known."""
        found = self.explanation
        return "" if found is None or found.cause is Cause.UNKNOWN else found.words

    @property
    def gist(self) -> str:
        """What it rests on, in a line; of a group that is over how it ended, for its evidence is who was left last."""
        return self.ended or self.evidence if self.members and not self.is_open else self.evidence


def transition_table() -> str:
    """The table as Markdown, for `docs/alerts.md`."""
    lines = ["| an incident that is | and | becomes |", "|---|---|---|"]
    for state, events in TRANSITIONS.items():
        lines += [f"| {state.value} | {event.value} | {after.value} |" for event, after in events.items()]
        if not events:
            lines.append(f"| {state.value} | | stays for the record |")
    return "\n".join(lines)
