"""Our own sign of life to somebody elsewhere, so that our death is noticed there."""

import logging
from collections.abc import Callable

from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.http import ask
from rigwatch.settings.alerts import HeartbeatSettings
from subscriber.notify.thread import in_thread

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_LOOK_AGAIN_S = 1.0
_REFUSED_FROM = 300


class Heartbeat:
    """Asks the address while all is well, and the same with `/fail` behind it while it is not (as healthchecks.io
    has it). `well` says which; None: nothing is known yet, or it is another subscriber's to say, so nothing is said.
    """

    def __init__(self, settings: HeartbeatSettings, well: Callable[[], bool | None], *, clock: Clock) -> None:
        self._settings = settings
        self._well = well
        self._clock = clock
        self._failure = ""

    async def run(self) -> None:
        """Until it is cancelled; at once without an address."""
        while self._settings.url:
            well = self._well()
            if well is None:
                await self._clock.sleep(_LOOK_AGAIN_S)
                continue
            await self._beat(self._settings.url if well else _failing(self._settings.url))
            await self._clock.sleep(self._settings.every.total_seconds())

    async def _beat(self, url: str) -> None:
        try:
            await in_thread(lambda: _ask(url), timeout=_TIMEOUT_S + 2, name="heartbeat")
        except TimeoutError:
            self._tell("no answer in time")
        except RigwatchError as exc:
            self._tell(str(exc))
        except Exception as exc:  # noqa: BLE001 - named just below
            # A defect of ours costs this beat. The text may repeat the address, and that may hold a secret.
            self._tell(f"{type(exc).__name__} in rigwatch itself")
        else:
            if self._failure:
                log.warning("the heartbeat address answers again")
            self._failure = ""

    def _tell(self, why: str) -> None:
        if why != self._failure:
            log.warning("the heartbeat address does not answer: %s", why)
        self._failure = why


def _failing(url: str) -> str:
    """The address of the same check's `/fail`, before what may follow a `?`."""
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/fail{mark}{query}"


def _ask(url: str) -> None:
    answer = ask(url, timeout=_TIMEOUT_S, most=0)
    if answer.status >= _REFUSED_FROM:
        raise RigwatchError(f"HTTP status {answer.status}")
