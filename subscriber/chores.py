"""What is due by the clock: the sign of life, the list of enrolled nodes, forgetting what is old."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Protocol

from rigwatch.clock import Clock, Millis
from rigwatch.errors import RigwatchError
from rigwatch.first import first_of
from rigwatch.registry import Enrollment, Registry
from rigwatch.topics import NodeId
from store import Unusable, housekeeping, marks
from store.transaction import Transaction
from subscriber.outage import Outage
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

BEAT_S = 2.0
PRUNE_EVERY_S = 60.0


class Link(Protocol):
    """Whether there is a broker: `subscriber.session.SubscriberSession`."""

    changed: asyncio.Event

    @property
    def connected_at(self) -> Millis | None: ...


class Chores:
    """`name` is under which this subscriber's sign of life is kept."""

    def __init__(
        self,
        worker: StoreWorker,
        link: Link,
        registry: Registry,
        *,
        outage: Outage,
        clock: Clock,
        name: str,
        keep: timedelta,
    ) -> None:
        self._worker = worker
        self._link = link
        self._registry = registry
        self._outage = outage
        self._clock = clock
        self._name = name
        self._noted: dict[NodeId, Enrollment] | None = None
        self._failing: set[str] = set()
        self.keep = keep
        """For how long samples are kept; what is set counts from the next round on."""

    async def beat(self) -> None:
        """Every 2 s, and at once when the broker came or went."""
        while True:
            self._link.changed.clear()
            await self._try("sign of life", lambda: self._say(self._link.connected_at))
            await self._try("enrolled nodes", self._note_enrolled)
            await first_of(self._clock.sleep(BEAT_S), self._link.changed.wait())

    async def prune(self) -> None:
        """Every minute; a step at a time, so that batches get their turn in between."""
        while True:
            await self._try("forgetting old samples", self._prune, counts=False)
            await self._clock.sleep(PRUNE_EVERY_S)

    async def say_goodbye(self) -> None:
        """The last sign of life says that there is no broker any more."""
        await self._try("sign of life", lambda: self._say(None))

    async def _say(self, connected_at: Millis | None) -> None:
        now = self._clock.now()
        await self._worker.write(lambda tx: housekeeping.beat(tx, self._name, now=now, connected_at=connected_at))

    async def _note_enrolled(self) -> None:
        listed = self._registry.nodes()
        if listed == self._noted:
            return
        enrolled = {node: each.enrolled_at for node, each in listed.items() if not each.revoked}
        revoked = listed.keys() - enrolled.keys()
        now = self._clock.now()
        await self._worker.write(lambda tx: housekeeping.set_enrolled(tx, enrolled))
        await self._worker.write(lambda tx: _note_revoked(tx, revoked, now))
        newest = {node: each.generation for node, each in listed.items()}
        await self._worker.write(lambda tx: housekeeping.set_back(tx, newest))
        await self._begin_anew({node: each.first_generation for node, each in listed.items() if each.first_generation})
        self._noted = listed

    async def _begin_anew(self, since: Mapping[NodeId, int]) -> None:
        """Also for nodes that were revoked and enrolled again between two looks."""
        now = self._clock.now()
        left = await self._worker.read(lambda tx: housekeeping.behind(tx, since))
        for node in left:
            step = partial(housekeeping.begin_anew, node=node, since=since[node], now=now)
            while not await self._worker.write(step):
                pass

    async def _prune(self) -> None:
        keep, now = self.keep, self._clock.now()
        steps = await self._worker.do(lambda store: store.prune(keep, now))
        while await self._worker.do(lambda _store: next(steps, None)) is not None:
            pass

    async def _try(self, what: str, chore: Callable[[], Awaitable[None]], *, counts: bool = True) -> None:
        """A database or a file that cannot be used now is named once; the chore is tried again when it is next due."""
        try:
            await chore()
        except Unusable as exc:
            # Counts where it is tried again soon, or its end would be noticed late.
            if counts:
                self._outage.failed(what, exc)
        except RigwatchError as exc:
            if what not in self._failing:
                log.warning("not done chore=%r: %s", what, exc)
            self._failing.add(what)
        else:
            self._outage.worked(what)
            if what in self._failing:
                log.info("done again chore=%r", what)
            self._failing.discard(what)


def _note_revoked(tx: Transaction, revoked: Collection[NodeId], now: Millis) -> None:
    if housekeeping.set_revoked(tx, revoked, now):
        marks.touch(tx)
