"""What people in Telegram's chats may do and ask, done in the store, with a line in the audit list."""

from typing import Protocol

from alerts.incident import Incident
from alerts.policy import Policy
from alerts.silence import SilenceKind
from alerts.silence_request import Breadth, SilenceRequest, around, matcher_of
from rigwatch.clock import Clock
from store import Store, acts, alerts, reader, silences
from store.acts import Actor, Way
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
        with store.read() as tx:
            nodes, server, incidents = reader.nodes(tx), reader.server(tx), alerts.live(tx)
            return FleetState(nodes, server, incidents, silences.running(tx, now), self._policy.zone, now)

    def pressed(self, store: Store, button: Pressed) -> str:
        """Does what the button says; the answer is what the person reads."""
        with store.write() as tx:
            incident = alerts.one(tx, button.incident) if button.verb else None
            if incident is None:
                return "no such incident"
            act = self._acknowledge if button.verb == "ack" else self._silence
            return act(tx, _actor(button), incident)

    def _acknowledge(self, tx: Transaction, actor: Actor, incident: Incident) -> str:
        if incident.acknowledged is not None:
            return f"acknowledged already, by {incident.acknowledged.by}"
        acknowledged = incident.is_open and acts.incidents.acknowledge(tx, actor, self._clock.now(), incident)
        return "acknowledged" if acknowledged else "over already"

    def _silence(self, tx: Transaction, actor: Actor, incident: Incident) -> str:
        now, about = self._clock.now(), around(incident, Breadth.RULE, "")
        matcher = matcher_of(SilenceKind.SILENCE, about)
        if any(each.matcher == matcher and each.starts_at <= now for each in silences.running(tx, now)):
            return "muted already"
        asked = SilenceRequest(SilenceKind.SILENCE, about, SILENCE_FOR, "muted for 2 h")
        acts.silences.add(tx, actor, now, asked, zone=self._policy.zone)
        return "muted for 2 h"


def _actor(button: Pressed) -> Actor:
    """Anybody may call himself anything: the numbers are Telegram's own."""
    person = f"user {button.who.number}, " if button.who.number else ""
    return Actor(button.who.name, Way.TELEGRAM, f"{person}chat {button.chat}")
