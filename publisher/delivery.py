"""Decides which samples go to the server next, and when again; pure: no socket, no disk, no clock.

A sample goes out, and stays in flight until the subscriber has acked its n, its report has waited too long for that, or
the connection is lost. The newest sample is *live*: it goes at once, whatever else is under way. Everything else is
*history*: batches, newest first, one at a time, so that a long backlog never stands in front of a live sample; a few
at a time as long as acks come within `QUICK`, which says that the way is wide. A report without an ack (the subscriber
is away) is sent again with history, at intervals that double from `ACK_TIMEOUT_S` to `ACK_TIMEOUT_MAX_S`; one ack and
history flows again as fast as it is acked.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from rigwatch.backoff import doubled
from rigwatch.messages import SAMPLES_MAX

ACK_TIMEOUT_S: Final = 20.0
"""Seconds from the broker's receipt of a report to the time when its ack counts as missing."""
ACK_TIMEOUT_MAX_S: Final = 600.0
QUICK: Final = 0.5
"""Seconds from sending to ack within which the way to the server counts as wide and empty."""
BATCHES_MAX: Final = 8
"""The most batches of history on their way at once."""
REPORT_BYTES_MAX: Final = 128 * 1024
"""JSON of the samples in one report; brokers refuse large packets, and a slow uplink needs seconds for this much."""


class SampleKind(Enum):
    LIVE = auto()
    HISTORY = auto()


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples that go out as one report; `number` identifies the sending, not the samples."""

    number: int
    kind: SampleKind
    samples: tuple[int, ...]


@dataclass(slots=True)
class _InFlight:
    kind: SampleKind
    left: set[int]
    sent_at: float
    due: float | None = None
    """When it goes back to waiting; None while the broker has not confirmed it."""


class SampleDelivery:
    """The samples of one node on their way. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._waiting: set[int] = set()
        # Those that wait in their order, and some that do not wait any more; None when it has to be made anew.
        self._order: list[int] | None = None
        self._live: int | None = None
        self._in_flight: dict[int, _InFlight] = {}
        self._numbers = 0
        self._silences = 0
        self._batches = 1

    def restart(self, kept: Mapping[int, int]) -> None:
        """A new connection: these samples (n → bytes) are all that is to be sent, and nothing is in flight."""
        self._sizes = dict(kept)
        self._waiting = set(kept)
        self._order = None
        self._live = max(kept, default=None)
        self._in_flight.clear()
        self._silences = 0
        self._batches = 1

    def add(self, n: int, size: int) -> None:
        """A new sample; it becomes the live one."""
        self._sizes[n] = size
        self._waiting.add(n)
        if self._order is not None:
            self._order.append(n)
        self._live = n

    def next(self, now: float) -> Batch | None:
        """What to send now, or None; ask again until None. Reports that waited too long go back first."""
        self._expire(now)
        if self._live is not None:
            n, self._live = self._live, None
            return self._send(SampleKind.LIVE, (n,), now)
        if sum(report.kind is SampleKind.HISTORY for report in self._in_flight.values()) >= self._batches:
            return None
        history = self._next_history()
        return self._send(SampleKind.HISTORY, history, now) if history else None

    def wakes_at(self) -> float | None:
        """When `next` may have something without anything having happened."""
        return min((report.due for report in self._in_flight.values() if report.due is not None), default=None)

    def broker_has(self, number: int, now: float) -> None:
        """The broker confirmed this batch: from now on its ack is waited for."""
        report = self._in_flight.get(number)
        if report is not None and report.due is None:
            report.due = now + self._ack_timeout(report.kind)

    def forget(self, numbers: Collection[int], now: float) -> None:
        """These samples need not be sent any more: acked, or dropped from the outbox."""
        for n in numbers:
            self._sizes.pop(n, None)
            self._waiting.discard(n)
            if self._live == n:
                self._live = None
        for number, report in list(self._in_flight.items()):
            report.left.difference_update(numbers)
            if not report.left:
                del self._in_flight[number]
        self._bring_forward(now)

    def acked(self, numbers: Collection[int], now: float) -> tuple[int, ...]:
        """The subscriber has these; gives those that were kept here, for the outbox to forget."""
        self._silences = 0
        known = tuple(n for n in numbers if n in self._sizes)
        self._adapt(set(known), now)
        self.forget(known, now)
        return known

    def _adapt(self, acked: set[int], now: float) -> None:
        """One batch more on its way after each that was acked quickly, one alone after one that was not."""
        for report in self._in_flight.values():
            if report.kind is SampleKind.HISTORY and report.left <= acked:
                quick = now - report.sent_at <= QUICK
                self._batches = min(self._batches + 1, BATCHES_MAX) if quick else 1

    def _send(self, kind: SampleKind, samples: tuple[int, ...], now: float) -> Batch:
        self._numbers += 1
        self._waiting.difference_update(samples)
        self._in_flight[self._numbers] = _InFlight(kind, set(samples), now)
        return Batch(self._numbers, kind, samples)

    def _next_history(self) -> tuple[int, ...]:
        """The newest waiting samples that fit into one report, oldest first; one sample always fits."""
        if self._order is None:
            self._order = sorted(self._waiting)
        chosen: list[int] = []
        room = REPORT_BYTES_MAX
        while self._order and len(chosen) < SAMPLES_MAX:
            n = self._order[-1]
            if n in self._waiting:
                room -= self._sizes[n]
                if room < 0 and chosen:
                    break
                chosen.append(n)
            self._order.pop()
        return tuple(reversed(chosen))

    def _expire(self, now: float) -> None:
        for number, report in list(self._in_flight.items()):
            if report.due is not None and report.due <= now:
                self._waiting |= report.left
                self._order = None
                del self._in_flight[number]
                if report.kind is SampleKind.HISTORY:
                    self._silences += 1
                    self._batches = 1

    def _ack_timeout(self, kind: SampleKind) -> float:
        # A live report joins history after the first wait; history is what is repeated, so only it slows down.
        silences = self._silences if kind is SampleKind.HISTORY else 0
        return doubled(1 + silences, first=ACK_TIMEOUT_S, most=ACK_TIMEOUT_MAX_S)

    def _bring_forward(self, now: float) -> None:
        """After an ack nothing need wait longer than the subscriber, which is back, takes to answer."""
        if self._silences:
            return
        for report in self._in_flight.values():
            if report.due is not None:
                report.due = min(report.due, now + ACK_TIMEOUT_S)
