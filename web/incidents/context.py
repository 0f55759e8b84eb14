"""What the pages about incidents have in common: store, clock, how things are written, in whose name they are done."""

from collections.abc import Iterable
from typing import Any, Final

from flask import redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from alerts.facts import NodeFacts
from alerts.incident import Incident, Scope
from alerts.policy import Policy
from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from store import Store, marks, outbox, reader, running, silences
from store.running import Running
from store.transaction import Transaction
from web.access.login import is_admin
from web.access.sites import visible_sites
from web.incidents.rows import IncidentContext
from web.row import DisplaySettings
from web.zone import Zone

_ALIVE_MS: Final = 10_000
_STEP_MS: Final = 30_000
"""How late a page may notice what changes by time alone and is not foreseen: a node's new name, a date."""


class PageContext:
    """What the pages about incidents have in common: the store, the clock, and how things are written."""

    def __init__(self, settings: ServerSettings, store: Store, clock: Clock, *, zone: Zone) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.look = DisplaySettings(settings.web.colours, zone)
        self.policy = Policy(settings.alerts, settings.web.timezone)

    def version(self, now: Millis) -> tuple[object, ...]:
        """Differs when anything about incidents has changed, a silence has begun or ended, or time went on a little."""
        with self.store.read() as tx:
            stamp, active = marks.stamp(tx), silences.running(tx, now)
        running = tuple(each.id for each in active if each.until(now, self.look.zone.tz) is not None)
        return stamp, running, now // _STEP_MS

    def row_context(self, tx: Transaction, shown: Iterable[Incident], now: Millis) -> IncidentContext:
        subjects = {each.subject for each in shown if each.subject.scope is Scope.NODE}
        facts = reader.some(tx, [NodeId(each.site, each.name) for each in subjects])
        return IncidentContext(self.look, by_id(facts), silences.running(tx, now), now)

    def refused_channels(self) -> list[str]:
        """Names only: why one was refused may hold part of a secret."""
        if visible_sites() is not None:
            return []
        with self.store.read() as tx:
            return sorted(outbox.refused(tx))

    def running(self) -> list[Running]:
        """What the subscribers that are at work run with; they take over what this process has not read."""
        since = self.clock.now() - _ALIVE_MS
        with self.store.read() as tx:
            return list(running.alive(tx, since).values())

    def reaches_nobody(self) -> bool:
        """Whether no channel is in use."""
        known = self.running()
        return not any(each.channels for each in known) if known else self.settings.alerts.reaches_nobody

    def not_taken_over(self) -> bool:
        """Whether settings that were written meanwhile are wrong. Not why: the text may hold what was written."""
        return any(each.problem for each in self.running())

    def context(self, now: Millis) -> dict[str, Any]:
        """What every one of these pages is given."""
        zone = self.look.zone
        return {"now": now, "now_full": zone.full(now), "zone": zone, "is_admin": is_admin()}


def by_id(facts: Iterable[NodeFacts]) -> dict[NodeId, NodeFacts]:
    return {each.id: each for each in facts}


def go(endpoint: str, *, note: str, number: int | None = None) -> AnyResponse:
    """To a page, by GET, with a word on what was done."""
    return redirect(url_for(endpoint, number=number, note=note), 303)
