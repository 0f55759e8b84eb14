"""Takes over what is changed in `server.toml` or in the page while the subscriber runs, and says in the store what it
runs with."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.home import stamp_of
from rigwatch.layers import ServerLayers
from rigwatch.settings.fingerprint import differing, fingerprints, with_live
from rigwatch.settings.server import ServerSettings
from store import marks, page_settings
from store import running as stored
from store.running import Running
from subscriber.alert_service import AlertService
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
_ANEW: Final = 30
"""Looks after which the settings are read though the file is the same: a secret may stand in a file of its own."""
_TOPICS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class SettingsSource:
    """Where settings come from; None: they stay as they are. `key` is that of the installation, for fingerprints."""

    layers: ServerLayers | None
    key: str


class Renewal:
    """`name` is that of this subscriber's sign of life, `unstorable` counts what the database could not hold, `told`
    the nodes that were told all addresses of the server."""

    def __init__(
        self,
        settings: ServerSettings,
        alerting: AlertService,
        *,
        source: SettingsSource,
        worker: StoreWorker,
        name: str,
        unstorable: Callable[[], Mapping[str, int]],
        told: Callable[[], int] = lambda: 0,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._alerting = alerting
        self._source = source
        self._worker = worker
        self._name = name
        self._unstorable = unstorable
        self._told = told
        self._clock = clock
        self._stamp = self._taken = self._file_stamp()
        self._page = -1
        self._looks = 0
        self._problem = ""
        self._waiting: list[str] = []
        self._left_out: frozenset[str] = frozenset()
        self._noted: Running | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look()
            await self._note()
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Reads the file when it has changed and has been left alone since the last look: it may be half written. And
        all of it when the page has changed something."""
        layers = self._source.layers
        if layers is None:
            return
        before, self._stamp = self._stamp, self._file_stamp()
        self._looks += 1
        page = await self._page_stamp()
        changed = self._stamp != self._taken or page != self._page
        if self._stamp != before or not (changed or self._looks >= _ANEW):
            return
        self._looks, self._taken = 0, self._stamp
        try:
            rows = await self._worker.read(page_settings.every)
            found = await asyncio.to_thread(page_settings.layered_of, rows, layers)
            await self._take_over(found.settings)
            self._page = page
            self._problem = ""
            self._name_left_out(found.problems)
        except RigwatchError as exc:
            self._complain(str(exc))
        except Exception as exc:  # noqa: BLE001 - named just below
            # A defect in reading what is odd; what was set before goes on to count.
            self._complain(f"{type(exc).__name__} in rigwatch itself")

    def _file_stamp(self) -> object:
        return stamp_of(self._source.layers.home.server_toml) if self._source.layers else None

    async def _page_stamp(self) -> int:
        """As before while the database does not answer."""
        try:
            return await self._worker.read(marks.settings_changed)
        except RigwatchError:
            return self._page

    def _name_left_out(self, problems: tuple[str, ...]) -> None:
        for each in set(problems) - self._left_out:
            log.warning("a setting of the page is left out: %s", each)
        self._left_out = frozenset(problems)

    async def _take_over(self, wanted: ServerSettings) -> None:
        taken = with_live(self._settings, wanted)
        if taken != self._settings:
            await self._alerting.use(taken)
            self._settings = taken
            log.info("settings taken over channels=%s", len(self._alerting.channels))
        waiting = differing(self._sections(self._settings), self._sections(wanted))
        if waiting and waiting != self._waiting:
            log.warning("settings changed that count after a restart sections=%s", ",".join(waiting))
        self._waiting = waiting

    def _complain(self, why: str) -> None:
        if why != self._problem:
            log.error("settings are not taken over, those of before count: %s", why)
        self._problem = why

    async def _note(self) -> None:
        topics = sorted(self._unstorable().items(), key=lambda each: -each[1])[:_TOPICS_MAX]
        now = Running(
            self._sections(self._settings), self._alerting.channels, self._problem, dict(topics), self._told()
        )
        if now == self._noted:
            return
        try:
            await self._worker.write(lambda tx: stored.note(tx, self._name, now))
        except RigwatchError:
            # Noted at the next look; that nothing can be stored is told elsewhere.
            return
        self._noted = now

    def _sections(self, settings: ServerSettings) -> dict[str, str]:
        return dict(fingerprints(settings, self._source.key))
