"""Our own sign of life to somebody elsewhere, so that our death is noticed there."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.http import ask, status_text
from rigwatch.settings.alerts import HeartbeatSettings
from rigwatch.thread import in_thread

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
DOUBTS_MAX: Final = 30
"""Looks in a row that find it not well, before that is known."""
_TIMEOUT_S = 10.0
_REFUSED_FROM = 300


class HeartbeatFacts(Struct, frozen=True):
    """`leads`: this subscriber drives the alerts, as far as it knows; `steps`: they have been decided of late."""

    leads: bool
    connected: bool
    steps: bool


class WellBeing:
    """What there is to say now. Asked every `LOOK_S`; the looks are counted, not the time, so that a process that was
    frozen, and does not know yet that another leads, cries over nothing.
    """

    def __init__(self, facts: Callable[[], HeartbeatFacts]) -> None:
        self._facts = facts
        self._doubts = 0

    def __call__(self) -> bool | None:
        """Whether all is well; None: it is another subscriber's to say, or not known yet, as after a start."""
        facts = self._facts()
        if not facts.leads or (facts.connected and facts.steps):
            self._doubts = 0
            return True if facts.leads else None
        self._doubts += 1
        return False if self._doubts >= DOUBTS_MAX else None


class Heartbeat:
    """Asks the address while all is well, and the same with `/fail` behind it while it is not (as healthchecks.io
    has it); at once when that changes, and not at all while `well` is None.
    """

    def __init__(self, settings: HeartbeatSettings, well: Callable[[], bool | None], *, clock: Clock) -> None:
        self._settings = settings
        self._well = well
        self._clock = clock
        self._failure = ""

    async def run(self) -> None:
        """Until it is cancelled; at once without an address."""
        url, every = self._settings.url, self._settings.every.total_seconds()
        said: bool | None = None
        due = self._clock.monotonic()
        while url:
            well = self._well()
            if well is not None and (well is not said or self._clock.monotonic() >= due):
                said, due = well, self._clock.monotonic() + every
                await self._beat(url if well else _failing(url))
            await self._clock.sleep(min(LOOK_S, every))

    async def _beat(self, url: str) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S + 2):
                await in_thread(lambda: _ask(url), name="heartbeat")
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
        raise RigwatchError(status_text(answer.status))
