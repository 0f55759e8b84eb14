"""An incident that counts, in the words of the pages that are not about incidents. Pure."""

from collections.abc import Mapping
from typing import Final

from alerts.incident import Incident, IncidentState
from web.incidents.rows import IncidentContext, flags
from web.language.texts import N_, Phrase
from web.trouble import Trouble

_NOTES: Final[Mapping[IncidentState, str]] = {
    IncidentState.CLEARING: N_("over, but not for long enough yet to say so"),
    IncidentState.FLAPPING: N_("comes and goes"),
}


def trouble(incident: Incident, row_context: IncidentContext) -> Trouble:
    wanted = incident.acknowledged is not None or row_context.quiet(incident) is not None
    words = [each.text for each in flags(incident, row_context) if each.kind != "group"]
    notes = [Phrase(_NOTES[incident.state])] if incident.state in _NOTES else []
    return Trouble(
        number=incident.id,
        subject=incident.subject,
        rule=incident.rule,
        severity=incident.severity,
        members=incident.members,
        evidence=incident.evidence,
        since=incident.since,
        hush=tuple(words) if wanted else (),
        notes=tuple(notes if wanted else [*notes, *words]),
        parent=incident.parent,
    )
