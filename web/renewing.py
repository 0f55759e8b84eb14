"""The dashboard with the settings of now: the application is put together anew when they change, in page or file.

Nothing in it has to know that settings can change, so nothing can have forgotten it. Requests that are under way end in
the application that they began in.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask

from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.home import stamp_of
from rigwatch.layers import ServerLayers
from rigwatch.settings import ServerSettings
from rigwatch.settings.fingerprint import with_live
from store import Store, marks, page_settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class RenewingApp:
    """A WSGI application. `settings` are those of the start; `make` puts one together. Several threads may call it.

    A look costs some 50 µs, and is taken once a second at most, and after each change that somebody makes here.
    """

    def __init__(
        self,
        settings: ServerSettings,
        store: Store,
        *,
        layers: ServerLayers,
        clock: Clock,
        make: Callable[[ServerSettings], Flask],
    ) -> None:
        self._settings = settings
        self._store = store
        self._layers = layers
        self._clock = clock
        self._make = make
        self._lock = threading.Lock()
        self._seen: object = None
        self._looked_at = -LOOK_S
        self._problem = ""
        self._app = make(settings)
        self._look()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        self._keep_current()
        app = self._app
        if environ.get("REQUEST_METHOD") not in _SAFE:
            # Who has just changed something sees it with the next page.
            self._looked_at = -LOOK_S
        return app(environ, start_response)

    def _keep_current(self) -> None:
        """Others go on with what there is while one looks."""
        if self._clock.monotonic() - self._looked_at < LOOK_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._looked_at = self._clock.monotonic()
            self._look()
        finally:
            self._lock.release()

    def _look(self) -> None:
        try:
            with self._store.read() as tx:
                seen = (marks.settings_changed(tx), stamp_of(self._layers.home.server_toml))
                if seen == self._seen:
                    return
                wanted = with_live(self._settings, page_settings.layered(tx, self._layers).settings)
            if wanted != self._settings:
                self._app, self._settings = self._make(wanted), wanted
                log.info("settings taken over")
            self._seen, self._problem = seen, ""
        except RigwatchError as exc:
            # A file that is wrong, or a database that does not answer, which each page says for itself.
            self._complain(str(exc))

    def _complain(self, why: str) -> None:
        if why != self._problem:
            log.error("settings are not taken over, those of before count: %s", why)
        self._problem = why
