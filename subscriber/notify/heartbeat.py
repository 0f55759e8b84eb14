"""Our own sign of life to somebody elsewhere, so that our death is noticed there."""

import logging
import urllib.error
import urllib.request
from collections.abc import Callable

from rigwatch.clock import Clock
from rigwatch.settings.alerts import HeartbeatSettings
from subscriber.notify.thread import in_thread

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0


class Heartbeat:
    """Asks the address while all is well, and the same with `/fail` behind it while it is not (as healthchecks.io
    has it). `well` says whether alerts are being decided and there is a broker."""

    def __init__(self, settings: HeartbeatSettings, well: Callable[[], bool], *, clock: Clock) -> None:
        self._settings = settings
        self._well = well
        self._clock = clock
        self._failing = False

    async def run(self) -> None:
        """Until it is cancelled; at once without an address."""
        while self._settings.url:
            await self._beat(self._settings.url if self._well() else f"{self._settings.url.rstrip('/')}/fail")
            await self._clock.sleep(self._settings.every.total_seconds())

    async def _beat(self, url: str) -> None:
        try:
            await in_thread(lambda: _ask(url), timeout=_TIMEOUT_S + 2, name="heartbeat")
        except (OSError, ValueError, TimeoutError) as exc:
            if not self._failing:
                # The address may hold a secret; the reason does not.
                log.warning("the heartbeat address does not answer: %s", getattr(exc, "reason", type(exc).__name__))
            self._failing = True
        else:
            self._failing = False


def _ask(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the owner's own address
            answer.read(1024)
    except urllib.error.HTTPError as exc:
        exc.close()
        raise
