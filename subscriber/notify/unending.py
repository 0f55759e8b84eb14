"""The last boundary of what runs beside the storing of reports: no defect in it ends the subscriber."""

import logging
from collections.abc import Awaitable, Callable

from rigwatch.clock import Clock

log = logging.getLogger(__name__)

_PAUSE_S = 60.0


async def unending(name: str, run: Callable[[], Awaitable[None]], *, clock: Clock) -> None:
    """Runs until it is cancelled or `run` returns by itself; after a defect it begins anew."""
    told: set[str] = set()
    while True:
        try:
            return await run()
        except Exception as exc:
            # Messages are in the database, so nothing is lost; what is due is handed over again by the next step.
            if (kind := type(exc).__name__) not in told:
                log.exception("%s failed, it begins anew in %g s", name, _PAUSE_S)
                told.add(kind)
            await clock.sleep(_PAUSE_S)
