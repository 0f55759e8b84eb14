"""What the broker does by the clock: ends silent clients, rechecks rights that changed, forgets old sessions."""

import logging
from pathlib import Path
from typing import Final, TypeVar

from broker.accounts import AccountFile
from broker.figures import SysTopics
from broker.hub import PERIOD, Hub
from broker.watched import Watched
from rigwatch.clock import Clock, Millis
from rigwatch.registry import Registry
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)
K = TypeVar("K")
V = TypeVar("V")

_RIGHTS_EVERY: Final = 1.0
_FIGURES_EVERY: Final = 10.0


class RightsChanges:
    """Notices that enrolments and accounts have changed, each file by itself: a broken one must not hide the other."""

    def __init__(self, registry_path: Path, registry: Registry, accounts: AccountFile) -> None:
        self._nodes = Watched(registry_path, registry.nodes)
        self._accounts = Watched(accounts.path, accounts.all)
        self._endings: dict[NodeId, Millis] = {}

    def names(self, now: Millis) -> set[str]:
        """Accounts whose rights may have changed since the last call."""
        changed = self._nodes.look()
        # A key that was rotated away ends by the clock, while its file stays as it is.
        ended = {node for node, until in self._endings.items() if until <= now}
        if changed or ended:
            endings = {node: each.previous_until or 0 for node, each in self._nodes.known.items()}
            self._endings = {node: until for node, until in endings.items() if until > now}
        return {str(node) for node in changed | ended} | self._accounts.look()


class Housekeeping:
    """Runs beside the listeners for as long as the broker does."""

    def __init__(self, hub: Hub, changes: RightsChanges, clock: Clock) -> None:
        self._hub = hub
        self._changes = changes
        self._clock = clock
        self._figures = SysTopics(clock.monotonic())
        self._rights_at = 0.0
        self._figures_at = 0.0
        self._failed = ""

    async def run(self) -> None:
        """Until cancelled. A step that fails is logged, and the next one comes all the same: wills depend on it."""
        while True:
            try:
                self.step()
            except Exception as exc:
                # The loop's boundary: nothing was begun that the next step would not do again.
                if self._failed != repr(exc):
                    self._failed = repr(exc)
                    log.exception("housekeeping failed, will go on")
            await self._clock.sleep(PERIOD)

    def step(self) -> None:
        hub = self._hub
        hub.sweep()
        hub.broker.send_due_wills()
        if hub.tick >= self._rights_at:
            self._rights_at = hub.tick + _RIGHTS_EVERY
            hub.review.recheck(self._changes.names(self._clock.now()))
            hub.review.expire_sessions()
            hub.broker.store.expire(self._clock.monotonic())
            hub.end_unfinished()
        if hub.tick >= self._figures_at:
            self._figures_at = hub.tick + _FIGURES_EVERY
            self._figures.publish(hub.broker, self._clock.monotonic())
