"""Causes of the incidents that people are told of: found when a message is written, and looked for a little longer.

A witness speaks when it next reports, or when its keep-alive is over. A cause that is known by then, and was not when
people were told, is told once.
"""

from typing import Final, NamedTuple

from msgspec.structs import replace

from alerts.book import Book
from alerts.cause import Cause, Confidence, Explanation, Symptom, explain
from alerts.incident import Incident, IncidentState, NotificationKind, Scope
from alerts.node_history import NodeHistory
from alerts.rule import MINUTE, SECOND
from alerts.suppression import FleetFacts
from alerts.witnesses import member_of, situation_of, symptom_of
from rigwatch.clock import Millis
from rigwatch.topics import NodeId

ASKED_FOR: Final[Millis] = 2 * MINUTE
"""How long after people were told a cause is still looked for."""
SETTLED_AFTER: Final[Millis] = 10 * SECOND
"""How long a cause that is only likely has to last before it is told."""
_EVERY: Final[Millis] = SECOND
_ASK_EVERY: Final[Millis] = 5 * SECOND
_MOST: Final = 20
"""Incidents whose cause is looked for at a time."""
_NODES_A_LOOK: Final = 20_000
"""Each of them costs a look at the whole fleet, so in a large one they take turns: some 40 ms a second."""
_RANK: Final = {Confidence.UNSURE: 0, Confidence.LIKELY: 1, Confidence.CERTAIN: 2}


class _Asking(NamedTuple):
    """Until when is asked, the cause as it looks now, since when it does, and when the plugs were asked last."""

    until: Millis
    found: Explanation
    since: Millis
    asked_at: Millis


class Explainer:
    """One for a dispatcher."""

    def __init__(self, book: Book, fleet: FleetFacts) -> None:
        self._book = book
        self._fleet = fleet
        self._asking: dict[int, _Asking] = {}
        self._at: Millis = 0
        self._asked: set[str] = set()

    @property
    def next_at(self) -> Millis | None:
        """When to look again."""
        return self._at + _EVERY if self._asking else None

    def of(self, incident: Incident, now: Millis) -> Explanation | None:
        """The cause as far as it can be told now; None: nothing is asked for that rule."""
        symptom = symptom_of(incident.rule)
        if symptom is None:
            return None
        facts = member_of(self._nodes(incident), self._fleet.facts)
        if facts is None:
            return None
        history = self._fleet.histories.get(facts.id, NodeHistory())
        return explain(situation_of(symptom, facts, history, self._fleet.facts, now=now, plugs=self._fleet.plugs))

    def asked(self) -> tuple[str, ...]:
        """The plugs of those whose cause is looked for, each time once."""
        names, self._asked = tuple(sorted(self._asked)), set()
        return names

    def told(self, incident: Incident, now: Millis) -> Incident:
        """Of one that people are about to be told of for the first time; with its cause."""
        found = self.of(incident, now)
        if found is None:
            return incident
        is_open = found.confidence is not Confidence.CERTAIN and symptom_of(incident.rule) is Symptom.GONE
        if is_open and len(self._asking) < _MOST:
            self._asking[incident.id] = _Asking(now + ASKED_FOR, found, now, now)
            self._at = now
            self._ask(incident)
        return replace(incident, explanation=found)

    def look(self, now: Millis) -> None:
        """Those that people were told of lately: what is known by now is owed to them."""
        if not self._asking or 0 <= now - self._at < _EVERY:
            return
        self._at = now
        turns = max(1, _NODES_A_LOOK // max(len(self._fleet.facts), 1))
        for number, asking in list(self._asking.items()):
            incident = self._book.incidents.get(number)
            if incident is None or incident.state is not IncidentState.FIRING or not asking.since <= now < asking.until:
                del self._asking[number]
            elif turns:
                turns -= 1
                # To the end: who waited longest is next.
                del self._asking[number]
                self._look_at(incident, asking, now)

    def _look_at(self, incident: Incident, asking: _Asking, now: Millis) -> None:
        found = self.of(incident, now)
        if found is None:
            return
        if now - asking.asked_at >= _ASK_EVERY:
            self._ask(incident)
            asking = asking._replace(asked_at=now)
        lasts = found.cause is asking.found.cause
        settled = found.confidence is Confidence.CERTAIN or (lasts and now >= asking.since + SETTLED_AFTER)
        if not (settled and _is_news(incident.explanation, found)):
            self._asking[incident.id] = asking if lasts else asking._replace(found=found, since=now)
        elif not self._spoken_for(incident):
            self._owe(incident, found, now)

    def _owe(self, incident: Incident, found: Explanation, now: Millis) -> None:
        owes = {} if incident.owes is not None else {"owes": NotificationKind.CAUSE, "owed_at": now}
        self._book.save(replace(incident, explanation=found, **owes))
        self._book.note(incident.id, now, "cause", found.words)
        self._book.units.add(incident.id)

    def _ask(self, incident: Incident) -> None:
        for node in self._nodes(incident)[:_MOST]:
            self._asked |= {plug.name for plug in self._fleet.plugs.get(node, ())}

    def _spoken_for(self, incident: Incident) -> bool:
        """Whether others were told of as a group since, which says what these have in common."""
        parents = (self._book.incidents[each] for each in self._book.children if each in self._book.incidents)
        return any(each.rule is incident.rule and each.id > incident.id for each in parents)

    def _nodes(self, incident: Incident) -> list[NodeId]:
        members = [self._book.incidents[each] for each in self._book.children.get(incident.id, ())] or [incident]
        subjects = sorted(each.subject for each in members if each.is_open and each.subject.scope is Scope.NODE)
        return [NodeId(each.site, each.name) for each in subjects]


def _is_news(told: Explanation | None, found: Explanation) -> bool:
    # A guess is no message of its own.
    if told is None or found.cause is Cause.UNKNOWN or found.confidence is Confidence.UNSURE:
        return False
    return found.cause is not told.cause and _RANK[found.confidence] >= _RANK[told.confidence]
