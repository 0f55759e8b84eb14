"""One node's outbox and delivery, kept in step; connecting and sealing happen in `session`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from publisher.delivery import SampleDelivery
from publisher.outbox import Outbox, on_disk
from publisher.summary import UnnumberedSample
from rigwatch.clock import Clock


@dataclass(frozen=True, slots=True)
class OutgoingReport:
    """Samples to be sent as one report, the text of each by n; `number` is what `broker_has` wants back."""

    number: int
    samples: Mapping[int, bytes]


class Dispatch:
    """What the sampler puts in and the session takes out. `wake` is set when the session has something to look at."""

    def __init__(self, outbox: Outbox, *, clock: Clock) -> None:
        self.wake = asyncio.Event()
        self._outbox = outbox
        self._clock = clock
        self._delivery = SampleDelivery()
        # The disk is asked in threads; without the lock a sample could fall between the two while both change.
        self._lock = asyncio.Lock()

    async def keep(self, summary: UnnumberedSample) -> None:
        """Numbers and stores a sample, and has it sent."""
        async with self._lock:
            kept = await on_disk(self._outbox, partial(self._outbox.append, summary))
            self._delivery.forget(kept.dropped, self._clock.monotonic())
            self._delivery.add(kept.n, kept.size)
        self.wake.set()

    async def next_session(self) -> int:
        """A session number above every one before; it is on the disk."""
        async with self._lock:
            return await on_disk(self._outbox, self._outbox.next_session)

    async def raise_session_above(self, session: int) -> None:
        async with self._lock:
            await on_disk(self._outbox, partial(self._outbox.raise_session_above, session))

    async def restart(self) -> None:
        """A new connection: everything that is kept is to be sent, the newest first."""
        async with self._lock:
            self._delivery.restart(await on_disk(self._outbox, self._outbox.pending))

    async def next(self) -> OutgoingReport | None:
        """The next report to send now, or None."""
        async with self._lock:
            if self._outbox.is_set_free():
                self._delivery.restart(await on_disk(self._outbox, self._outbox.pending))
            while batch := self._delivery.next(self._clock.monotonic()):
                # Only what is sent for the first time is at hand: no thread and no disk stand before it.
                samples = self._outbox.at_hand(batch.samples) or await on_disk(
                    self._outbox, partial(self._outbox.load, batch.samples)
                )
                # What the disk does not give is asked for again with the next connection.
                self._delivery.forget(set(batch.samples).difference(samples), self._clock.monotonic())
                if samples:
                    return OutgoingReport(batch.number, samples)
            return None

    def broker_has(self, number: int) -> None:
        self._delivery.broker_has(number, self._clock.monotonic())
        self.wake.set()

    def wakes_at(self) -> float | None:
        """When `next` may have something by the passing of time alone, in monotonic seconds."""
        return self._delivery.wakes_at()

    async def acked(self, numbers: Sequence[int]) -> None:
        """Forgets what the subscriber has committed, whichever session it was sent in."""
        if not numbers:
            return
        async with self._lock:
            known = self._delivery.acked(numbers, self._clock.monotonic())
            if known:
                await on_disk(self._outbox, partial(self._outbox.forget, known))
