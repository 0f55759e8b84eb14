"""What is to be looked at again, now or at a known moment, without asking everything each time. Pure."""

import heapq
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from rigwatch.clock import Millis

T = TypeVar("T", bound=Hashable)


class Agenda(Generic[T]):
    """`add` is for now, `plan` for later; a later plan replaces an earlier one of the same thing."""

    def __init__(self, now: Iterable[T] = ()) -> None:
        self._ready = set(now)
        self._planned: dict[T, Millis] = {}
        self._heap: list[tuple[Millis, int, T]] = []
        self._count = 0

    def add(self, thing: T) -> None:
        self._ready.add(thing)

    def update(self, things: Iterable[T]) -> None:
        self._ready.update(things)

    def plan(self, thing: T, at: Millis) -> None:
        if self._planned.get(thing) == at:
            return
        self._planned[thing] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, thing))

    def ready(self) -> set[T]:
        """What was added and not taken yet."""
        return set(self._ready)

    def due(self, now: Millis) -> list[T]:
        """Takes what was added, and what is planned until `now`."""
        while self._heap and self._heap[0][0] <= now:
            at, _, thing = heapq.heappop(self._heap)
            if self._planned.get(thing) == at:
                del self._planned[thing]
                self._ready.add(thing)
        taken, self._ready = self._ready, set()
        return sorted(taken)  # type: ignore[type-var]  # node names or numbers; the order makes runs repeatable

    def forget(self, thing: T) -> None:
        self._ready.discard(thing)
        self._planned.pop(thing, None)

    @property
    def next_at(self) -> Millis | None:
        """The earliest plan that still stands; the present (0) when something is ready."""
        if self._ready:
            return 0
        while self._heap and self._planned.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
