"""A clock that moves only when a test moves it."""

import asyncio
import heapq
import itertools

from rigwatch.clock import Millis

START: Millis = 1_760_000_000_000


class FakeClock:
    """Starts at `START`; sleepers wake in order of their time while `advance` runs."""

    def __init__(self, now: Millis = START) -> None:
        self._wall_offset = now
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> Millis:
        return self._wall_offset + round(self._elapsed * 1000)

    def monotonic(self) -> float:
        return self._elapsed

    def set_wall(self, now: Millis) -> None:
        """Makes the wall clock jump; monotonic time does not notice."""
        self._wall_offset = now - round(self._elapsed * 1000)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Moves time forward, stopping at each sleeper on the way so that what it does next sees its own moment."""
        await settle()
        until = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                self._elapsed = due
                waiter.set_result(None)
                await settle()
        self._elapsed = until
        await settle()

    def move(self, seconds: float) -> None:
        """Moves time forward for code that never sleeps."""
        self._elapsed += seconds


async def settle(rounds: int = 20) -> None:
    """Lets tasks that are ready run until they wait for time or I/O; none here needs more turns than this."""
    for _ in range(rounds):
        await asyncio.sleep(0)
