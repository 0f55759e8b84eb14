"""Tells people that nothing can be stored, without the database: from memory, through the channels that are known."""

import itertools
import logging
from collections.abc import Sequence
from typing import Final

from alerts.blackout import Blackout, Trouble
from alerts.letter import Letter
from rigwatch.clock import Clock
from store import Fault, Unusable
from store.outbox import Posted
from subscriber.alerter import Alerter
from subscriber.notify.postman import Postman
from subscriber.outage import Outage
from subscriber.worker import Worker

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
STALLED_S: Final = 20.0
"""How long one piece of work may take; a disk or a server that hangs raises no error."""

# Below every stored message's number: there is no row that could be marked, and earlier ones come first.
_NUMBERS_FROM: Final = -(2**40)


class Emergency:
    """Only whoever drives the alerts speaks, or would if the database could say so."""

    def __init__(
        self, outage: Outage, blackout: Blackout, *, worker: Worker, alerter: Alerter, postman: Postman, clock: Clock
    ) -> None:
        self._outage = outage
        self._blackout = blackout
        self._worker = worker
        self._alerter = alerter
        self._postman = postman
        self._clock = clock
        self._numbers = itertools.count(_NUMBERS_FROM)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                self.step()
            except Exception:
                # A defect of ours; what is known stays, and is looked at again.
                log.exception("nobody is told for a while whether anything can be stored")
            await self._clock.sleep(LOOK_S)

    def step(self) -> None:
        """One look; never blocks."""
        busy_for = self._worker.busy_for
        if busy_for > STALLED_S:
            stalled = f"the database has not answered for {busy_for:.0f} s"
            self._outage.failed("answer", Unusable(stalled, Fault.STALLED))
        else:
            self._outage.worked("answer")
        since = self._outage.since if self._alerter.speaks else None
        trouble = None if since is None else Trouble(since, self._outage.fault.value, self._outage.text)
        self._hand_over(self._blackout.step(trouble, self._alerter.known, self._clock.now()))
        for past in self._blackout.take_over():
            self._alerter.record(past)

    def _hand_over(self, letters: Sequence[Letter]) -> None:
        self._postman.hand_over(self._posted(each) for each in letters)

    def _posted(self, letter: Letter) -> Posted:
        number, kind, severity = next(self._numbers), letter.kind.value, letter.severity.value
        return Posted(number, letter.channel, kind, severity, letter.title, letter.body, (), self._clock.now(), 1)
