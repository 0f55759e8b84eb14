"""What people decide about incidents."""

from typing import Final

from alerts.incident import Acknowledged, Incident
from rigwatch.clock import Millis
from store import alerts
from store.acts.actor import Actor, reasoned
from store.transaction import Transaction

WHY_MAX: Final = 500


def acknowledge(tx: Transaction, actor: Actor, now: Millis, incident: Incident, *, why: str = "") -> bool:
    """Somebody knows: no more reminders, but its end is told.

    False when it is over or was acknowledged before; then nothing is changed.
    """
    # PostgreSQL has no NUL in a text.
    why = " ".join(why.replace("\0", "").split())[:WHY_MAX]
    if not alerts.acknowledge(tx, incident.id, Acknowledged(now, actor.signature, why)):
        return False
    about = f"{incident.subject} {incident.rule.value}"
    actor.note(tx, now, "incident.acknowledge", f"#{incident.id}", detail=reasoned(about, why))
    return True
