"""What the broker does by the clock: ends silent clients, rechecks rights that changed, forgets old sessions."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from broker.accounts import AccountFile, StoredAccount
from broker.figures import publish_figures
from broker.hub import PERIOD, Hub
from rigwatch.clock import Clock, Millis
from rigwatch.errors import RigwatchError
from rigwatch.registry import Enrollment, Registry
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)
K = TypeVar("K")

_RIGHTS_EVERY: Final = 1.0
_FIGURES_EVERY: Final = 10.0


class RightsChanges:
    """Notices that the files which say who may log in have changed. Unchanged, it costs two `stat`."""

    def __init__(self, registry_path: Path, registry: Registry, accounts: AccountFile) -> None:
        self._path = registry_path
        self._registry = registry
        self._file = accounts
        self._stamps: tuple[object, object] = (None, None)
        self._nodes: dict[NodeId, Enrollment] = {}
        self._accounts: dict[str, StoredAccount] = {}
        self._endings: dict[NodeId, Millis] = {}

    def names(self, now: Millis) -> set[str]:
        """Accounts whose rights may have changed since the last call. Raises `RigwatchError` for a broken file."""
        stamps = (_stamp(self._path), _stamp(self._file.path))
        changed = {str(node) for node, until in self._endings.items() if until <= now}
        if stamps != self._stamps:
            # Noted first: a file that cannot be read is complained about once, and read again when it changes.
            self._stamps = stamps
            nodes, accounts = self._registry.nodes(), dict(self._file.all())
            changed |= {str(node) for node in _differing(self._nodes, nodes)}
            changed |= _differing(self._accounts, accounts)
            self._nodes, self._accounts = nodes, accounts
        if changed:
            endings = {node: each.previous_until or 0 for node, each in self._nodes.items()}
            self._endings = {node: until for node, until in endings.items() if until > now}
        return changed


class Housekeeping:
    """Runs beside the listeners for as long as the broker does."""

    def __init__(self, hub: Hub, changes: RightsChanges, clock: Clock) -> None:
        self._hub = hub
        self._changes = changes
        self._clock = clock
        self._rights_at = 0.0
        self._figures_at = 0.0
        self._failed = ""

    async def run(self) -> None:
        """Until cancelled. A step that fails is logged, and the next one comes all the same: wills depend on it."""
        while True:
            try:
                self.step()
            except RigwatchError as exc:
                log.error("rights cannot be read again, the last known ones count error=%s", exc)
            except Exception as exc:
                # The loop's boundary: nothing was begun that the next step would not do again.
                if self._failed != repr(exc):
                    self._failed = repr(exc)
                    log.exception("housekeeping failed, will go on")
            await self._clock.sleep(PERIOD)

    def step(self) -> None:
        hub = self._hub
        hub.sweep()
        if hub.tick >= self._rights_at:
            self._rights_at = hub.tick + _RIGHTS_EVERY
            hub.recheck(self._changes.names(self._clock.now()))
            hub.expire_sessions()
            hub.end_unfinished()
        if hub.tick >= self._figures_at:
            self._figures_at = hub.tick + _FIGURES_EVERY
            publish_figures(hub.broker)


def _differing(old: Mapping[K, object], new: Mapping[K, object]) -> set[K]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _stamp(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
