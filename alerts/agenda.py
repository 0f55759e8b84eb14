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
        # One entry a thing, at its plan or before it: a plan that moves on is followed when its entry comes up.
        self._heap: list[tuple[Millis, int, T]] = []
        self._entered: dict[T, Millis] = {}
        self._count = 0

    def add(self, thing: T) -> None:
        self._ready.add(thing)

    def update(self, things: Iterable[T]) -> None:
        self._ready.update(things)

    def plan(self, thing: T, at: Millis) -> None:
        self._planned[thing] = at
        entered = self._entered.get(thing)
        if entered is None or at < entered:
            self._enter(thing, at)

    def ready(self) -> set[T]:
        """What was added and not taken yet."""
        return set(self._ready)

    def due(self, now: Millis) -> list[T]:
        """Takes what was added, and what is planned until `now`."""
        while (next_at := self._settled()) is not None and next_at <= now:
            _, _, thing = heapq.heappop(self._heap)
            del self._entered[thing], self._planned[thing]
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
        return self._settled()

    def _enter(self, thing: T, at: Millis) -> None:
        self._entered[thing] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, thing))

    def _settled(self) -> Millis | None:
        """When the first entry is due, once it is the plan of its thing and no other."""
        while self._heap:
            at, _, thing = self._heap[0]
            planned = self._planned.get(thing)
            if at == planned == self._entered.get(thing):
                return at
            heapq.heappop(self._heap)
            if at == self._entered.get(thing):
                del self._entered[thing]
                if planned is not None:
                    self._enter(thing, planned)
        return None
