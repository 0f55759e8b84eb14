"""An incident that counts, in the words of the pages that are not about incidents. Pure."""

from collections.abc import Mapping
from typing import Final

from alerts.incident import Incident, Scope, State
from alerts.rule import TITLES, plural
from web.incidents.rows import Scene, flags
from web.trouble import Trouble

_NOTES: Final[Mapping[State, str]] = {
    State.CLEARING: "over, but not for long enough yet to say so",
    State.FLAPPING: "comes and goes",
}


def trouble(incident: Incident, scene: Scene) -> Trouble:
    wanted = incident.acknowledged is not None or scene.quiet(incident) is not None
    words = [each.text for each in flags(incident, scene) if each.kind != "group"]
    notes = [_NOTES[incident.state]] if incident.state in _NOTES else []
    title = TITLES[incident.rule]
    together = incident.subject.scope in {Scope.HOST, Scope.SITE, Scope.FLEET}
    return Trouble(
        number=incident.id,
        subject=incident.subject,
        rule=incident.rule,
        severity=incident.severity,
        headline=scene.title(incident),
        what=f"{incident.members} nodes {plural(title)} together" if together else title,
        evidence=incident.evidence,
        since=incident.since,
        quiet=", ".join(words) if wanted else "",
        note=", ".join(notes if wanted else [*notes, *words]),
        parent=incident.parent,
    )
