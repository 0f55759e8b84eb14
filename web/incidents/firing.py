"""An incident that counts, in the words of the pages that are not about incidents. Pure."""

from collections.abc import Mapping
from typing import Final

from alerts.incident import Incident, IncidentState, Scope
from alerts.rule import TITLES, plural
from web.incidents.rows import IncidentContext, flags
from web.trouble import Trouble

_NOTES: Final[Mapping[IncidentState, str]] = {
    IncidentState.CLEARING: "over, but not for long enough yet to say so",
    IncidentState.FLAPPING: "comes and goes",
}


def trouble(incident: Incident, row_context: IncidentContext) -> Trouble:
    wanted = incident.acknowledged is not None or row_context.quiet(incident) is not None
    words = [each.text for each in flags(incident, row_context) if each.kind != "group"]
    notes = [_NOTES[incident.state]] if incident.state in _NOTES else []
    title = TITLES[incident.rule]
    together = incident.subject.scope in {Scope.HOST, Scope.SITE, Scope.FLEET}
    return Trouble(
        number=incident.id,
        subject=incident.subject,
        rule=incident.rule,
        severity=incident.severity,
        headline=row_context.title(incident),
        what=f"{incident.members} nodes {plural(title)} together" if together else title,
        evidence=incident.evidence,
        since=incident.since,
        quiet=", ".join(words) if wanted else "",
        note=", ".join(notes if wanted else [*notes, *words]),
        parent=incident.parent,
    )
