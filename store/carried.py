"""Minutes without a sample: a node counts in them with its last one, so that the fleet is whole whatever the intervals.

The rule, for each node and minute: the mean of its samples in that minute, if there are any; else its last sample
before, while that is fresh (`FRESH` of the intervals the node had then) when the minute begins. A node that went away
counts no longer, unless its next sample comes while the last is fresh: that one shows that it went on.

Minutes between two samples are added to the fleet's when the second one is stored, whatever the order. Those after a
node's last sample are nowhere stored: `open_spans` tells of them, and whoever reads adds them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from msgspec import Struct

from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from store.rows import StoredSample
from store.times import MINUTE
from store.transaction import Row, Transaction

FRESH: Final = 3
"""Intervals: as long as a node that reports nothing more is not called silent."""

LONGEST: Final[Millis] = FRESH * 86_400_000
"""How long a sample of the longest interval is fresh."""

FROM: Final = "carried_from"
_FROM = f"SELECT value FROM mark WHERE name = '{FROM}'"  # noqa: S608 - constants
_CHANGES = """
SELECT at, state, interval FROM node_change WHERE node_id = ? AND at >= coalesce(
    (SELECT max(at) FROM node_change WHERE node_id = ? AND at <= ?), 0) ORDER BY at
"""
_AROUND = """
SELECT n + lag, n, hashrate FROM sample WHERE node_id = ? AND n + lag >= ? AND n + lag <= ? AND n >= ? AND n <= ?
"""
# A node that is away has stopped counting when it went; one that nobody shows any more, when it was hidden.
_OPEN = """
SELECT first, last, sum(rate), count(*) FROM (
    SELECT tail_at / 60000 + 1 AS first, tail_rate AS rate, (
        CASE WHEN retired_at < tail_until AND (state = 'online' OR retired_at < state_at) THEN retired_at
             WHEN state <> 'online' AND state_at < tail_until THEN state_at ELSE tail_until END - 1) / 60000 AS last
    FROM node WHERE tail_rate IS NOT NULL) spans
WHERE last >= first GROUP BY first, last
"""


class CarriedSample(NamedTuple):
    """A sample as the minutes after it see it: when it was taken, its number, and its hashrate as it is stored."""

    at: Millis
    n: int
    rate: float | None


class MinuteSpan(NamedTuple):
    """Minutes from `first` to `last`, both included, in which so many nodes count with `rate` together."""

    first: int
    last: int
    rate: float
    nodes: int


class NodeTail(Struct):
    """A node's last sample: when it was taken, with what hashrate, and until when it is fresh.

    `interval` is the node's for samples taken from `since` on. `stray` is how far apart `n` and the time of any of its
    samples are. `stored_at` is when its latest one was taken, by whoever stored that.
    """

    at: Millis | None
    rate: float | None
    until: Millis
    stray: Millis
    interval: Millis
    since: Millis | None
    stored_at: Millis = 0

    @property
    def row(self) -> Row:
        return self.at, self.rate, self.until, self.stray

    def move(self, to: CarriedSample, until: Millis) -> None:
        self.at, self.rate, self.until = to.at, to.rate, until


class Steps:
    """Spans of minutes added up: at the price of one step up and one down each, however long they are."""

    def __init__(self) -> None:
        # Whole numbers of any size: what is taken away again leaves nothing behind.
        self._rates: defaultdict[int, int] = defaultdict(int)
        self._nodes: defaultdict[int, int] = defaultdict(int)

    def add(self, span: MinuteSpan) -> None:
        if span.first > span.last:
            return
        for minute, sign in ((span.first, 1), (span.last + 1, -1)):
            self._rates[minute] += sign * int(span.rate)
            self._nodes[minute] += sign * span.nodes

    def minutes(self) -> Iterator[tuple[int, float, int]]:
        """Each minute that anything was added to or taken from, with what came of it."""
        borders = sorted(self._rates)
        rates = accumulate(self._rates[each] for each in borders)
        nodes = accumulate(self._nodes[each] for each in borders)
        for (first, after), rate, count in zip(pairwise(borders), rates, nodes, strict=False):
            if rate or count:
                for minute in range(first, after):
                    yield minute, rate, count


class _Change(NamedTuple):
    """What a node was from `at` on; `interval` is None where it was not known."""

    at: Millis
    state: str
    interval: Millis | None


class _Past:
    """When a node went, and which interval it had: read only where it is asked for."""

    def __init__(self, tx: Transaction, node: int, tail: NodeTail, since: Millis) -> None:
        self._ask = (tx, node, since)
        self._tail = tail
        self._read: list[_Change] | None = None

    def interval_at(self, at: Millis) -> Millis:
        tail = self._tail
        if tail.since is not None and at >= tail.since:
            return tail.interval
        rows = self._rows()
        known = max(0, bisect_right(rows, at, key=lambda change: change.at) - 1)
        return (rows[known].interval if rows else None) or tail.interval

    def until(self, taken: CarriedSample) -> Millis:
        return taken.at + FRESH * self.interval_at(taken.at)

    def went_after(self, at: Millis) -> Millis | None:
        return next((each.at for each in self._rows() if each.at > at and each.state != NodeState.ONLINE.value), None)

    def around(self, new: Sequence[CarriedSample]) -> list[CarriedSample]:
        """Those samples, and all others between which and them anything may count."""
        tx, node, _ = self._ask
        reach = FRESH * max([self._tail.interval, *(each.interval or 0 for each in self._rows())]) + MINUTE
        since, until, stray = new[0].at - reach, new[-1].at + reach, self._tail.stray
        return sorted(
            CarriedSample(*row) for row in tx.rows(_AROUND, (node, since, until, since - stray, until + stray))
        )

    def _rows(self) -> list[_Change]:
        if self._read is None:
            tx, node, since = self._ask
            self._read = tx.typed(_Change, _CHANGES, (node, node, since - LONGEST - MINUTE))
        return self._read


def settle(
    tx: Transaction, tails: Mapping[int, NodeTail], rows: Iterable[StoredSample]
) -> Iterator[tuple[int, float, int]]:
    """What new samples, stored already as `rows`, change in the fleet's minutes beside their own; moves the tails.

    Costs nothing to read for a sample that follows its node's last while that is fresh.
    """
    steps, taken = Steps(), defaultdict(list)
    for row in rows:
        taken[row.node_id].append(CarriedSample(row.n + row.lag, row.n, row.hashrate))
    for node, new in taken.items():
        new.sort()
        tail = tails[node]
        tail.stray = max(tail.stray, *(abs(each.at - each.n) for each in new), 0)
        past = _Past(tx, node, tail, min(new[0].at, new[0].at if tail.at is None else tail.at))
        is_next = tail.at is None or new[0].at > tail.at
        if is_next and tail.stored_at <= (tail.at or 0):
            _follow(steps, tail, new, past)
        else:
            _insert(steps, tail, new, past)
    changed = list(steps.minutes())
    if not changed:
        return
    begin = int(tx.value(_FROM))
    yield from ((minute, rate, nodes) for minute, rate, nodes in changed if minute >= begin)


def open_spans(tx: Transaction) -> list[MinuteSpan]:
    """The minutes in which nodes count with their last sample, as far as it is fresh; some may be to come."""
    return [MinuteSpan(int(first), int(last), float(rate), count) for first, last, rate, count in tx.rows(_OPEN)]


def _follow(steps: Steps, tail: NodeTail, new: Sequence[CarriedSample], past: _Past) -> None:
    for each in new:
        if tail.at is not None and tail.rate is not None and each.at // MINUTE > tail.at // MINUTE + 1:
            steps.add(_between(CarriedSample(tail.at, 0, tail.rate), each.at, tail.until, past))
        tail.move(each, past.until(each))


def _insert(steps: Steps, tail: NodeTail, new: Sequence[CarriedSample], past: _Past) -> None:
    """Samples among others: what is between those around them changes."""
    after = past.around(new)
    added = {each.n for each in new}
    before = [each for each in after if each.n not in added]
    end = [] if tail.at is None or tail.at <= after[-1].at else [CarriedSample(tail.at, 0, None)]
    for chain, sign in ((before, -1), (after, 1)):
        for early, late in pairwise([*chain, *end]):
            if early.rate is not None and late.at // MINUTE > early.at // MINUTE + 1:
                span = _between(early, late.at, past.until(early), past)
                steps.add(span._replace(rate=sign * span.rate, nodes=sign * span.nodes))
    if not end:
        tail.move(after[-1], past.until(after[-1]))


def _between(early: CarriedSample, late_at: Millis, fresh_until: Millis, past: _Past) -> MinuteSpan:
    """The minutes after one sample and before the next."""
    until = late_at
    if late_at > fresh_until:
        went = past.went_after(early.at)
        until = fresh_until if went is None else min(fresh_until, went)
    last = min((until - 1) // MINUTE, late_at // MINUTE - 1)
    return MinuteSpan(early.at // MINUTE + 1, last, early.rate or 0, 1)
