"""What people in Telegram's chats may do and ask, done in the store, with a line in the audit list."""

from typing import Protocol

from alerts.incident import Acknowledged, Incident
from alerts.policy import Policy
from alerts.silence import SilenceKind
from alerts.silence_request import Breadth, SilenceRequest, around, silence_of
from rigwatch.clock import Clock
from store import Store, alerts, audit, reader, silences
from store.transaction import Transaction
from subscriber.notify.answers import FleetState
from subscriber.notify.updates import Pressed

SILENCE_FOR = "2h"


class Leadership(Protocol):
    """Whether it is this subscriber that drives the alerts: a bot may be asked for news by one at a time."""

    @property
    def drives(self) -> bool: ...


class ChatCommands:
    """Used by the store's one thread only."""

    def __init__(self, policy: Policy, *, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock

    def known(self, store: Store) -> FleetState:
        """What questions are answered from."""
        now = self._clock.now()
        return store.look(
            lambda tx: FleetState(
                reader.nodes(tx), reader.server(tx), alerts.live(tx), silences.running(tx, now),
                self._policy.zone, now,
            )
        )  # fmt: skip

    def pressed(self, store: Store, button: Pressed) -> str:
        """Does what the button says; the answer is what the person reads."""

        def change(tx: Transaction) -> str:
            incident = alerts.one(tx, button.incident) if button.verb else None
            if incident is None:
                return "no such incident"
            return (
                self._acknowledge(tx, incident, button) if button.verb == "ack" else self._silence(tx, incident, button)
            )

        return store.change(change)

    def _acknowledge(self, tx: Transaction, incident: Incident, button: Pressed) -> str:
        now, by = self._clock.now(), _by(button)
        if incident.acknowledged is not None:
            return f"acknowledged already, by {incident.acknowledged.by}"
        if not incident.is_open or not alerts.acknowledge(tx, [incident.id], Acknowledged(now, by)):
            return "over already"
        detail = f"{incident.subject} {incident.rule.value}{_where(button)}"
        audit.record(tx, who=by, action="incident.acknowledge", subject=f"#{incident.id}", detail=detail, now=now)
        return "acknowledged"

    def _silence(self, tx: Transaction, incident: Incident, button: Pressed) -> str:
        now, by = self._clock.now(), _by(button)
        asked = SilenceRequest(
            SilenceKind.SILENCE, around(incident, Breadth.RULE, ""), SILENCE_FOR, by, "muted for 2 h"
        )
        silence = silence_of(asked, now, self._policy.zone)
        if any(each.matcher == silence.matcher and each.starts_at <= now for each in silences.running(tx, now)):
            return "muted already"
        number = silences.add(tx, silence)
        detail = f"{silence.matcher} for {SILENCE_FOR}{_where(button)}"
        audit.record(tx, who=by, action="silence.add", subject=f"quiet {number}", detail=detail, now=now)
        return "muted for 2 h"


def _by(button: Pressed) -> str:
    return f"{button.who.name} (Telegram)"


def _where(button: Pressed) -> str:
    """Anybody may call himself anything: the numbers are Telegram's own."""
    person = f" user {button.who.number}," if button.who.number else ""
    return f", from Telegram:{person} chat {button.chat}"
