"""The broker's TLS contexts: the user's own files or the certificate made here, renewed while the broker runs."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.home import Home, stamp_of
from rigwatch.settings.server import BrokerSettings
from rigwatch.tls import certificate_paths, context_of, load_into

log = logging.getLogger(__name__)

# A clock that is set makes what was valid something else.
_LOOK_EVERY: Final = 60.0


class Certificate:
    """The certificate in use. Its context stays the same object; clients that connect later get what is new in it."""

    def __init__(self, home: Home, settings: BrokerSettings, clock: Clock) -> None:
        """Raises `RigwatchError` when there is no certificate to be had."""
        self._home = home
        self._settings = settings
        self._clock = clock
        paths = self._paths()
        self.context: ssl.SSLContext = context_of(*paths)
        self._stamp = _stamps(paths)

    async def keep_fresh(self) -> None:
        """Until cancelled: renews our own certificate in time, and takes over files that the user has replaced."""
        while True:
            await self._clock.sleep(_LOOK_EVERY)
            await self.refresh()

    async def refresh(self) -> None:
        """One look. Files that cannot be used are complained about once, and the old certificate goes on."""
        try:
            paths = await asyncio.to_thread(self._paths)
            stamp = _stamps(paths)
            if stamp != self._stamp:
                self._stamp = stamp
                # Into a throw-away context first: a half-replaced pair must not reach the one in use. And not in a
                # thread, where a handshake could meet the new certificate with the old key.
                context_of(*paths)
                load_into(self.context, *paths)
                log.info("TLS certificate replaced file=%s", paths[0])
        except RigwatchError as exc:
            log.error("TLS certificate cannot be replaced, the old one stays error=%s", exc)

    def _paths(self) -> tuple[Path, Path]:
        settings = self._settings
        if settings.tls_certificate:
            return self._home.path / settings.tls_certificate, self._home.path / settings.tls_key
        return certificate_paths(self._home, [settings.advertise] if settings.advertise else [], self._clock.now())


def _stamps(paths: tuple[Path, Path]) -> tuple[object, ...]:
    return tuple(stamp_of(path) for path in paths)
