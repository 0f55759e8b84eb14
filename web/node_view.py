"""How each node stands at one moment, and the fleet with it: judged from the stored facts for every page. Pure."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from alerts.facts import NodeFacts, ServerFacts
from alerts.fleet import chain_of
from alerts.silence import nobody_at_work
from alerts.status import BROKER_DOWN_AFTER, SILENT_AFTER, NodeStatus, is_broker_down, status_at
from alerts.totals import Hashrates, hashrates
from rigwatch.clock import Millis, in_millis
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from web.natural import natural
from web.trouble import Trouble

SIMULATED = "simulated"
"""The tag that `rigwatch simulate` gives its nodes."""

_LEAST_WATTS = 0.5
"""Less is written as 0 W."""


class NodeView(NamedTuple):
    """One node now. `until` is the moment from which on time alone may make something of it look different.

    `counted`: its latest figures are of now: it is connected, and reported within three intervals. Only such nodes make
    up the total and the highest block. `lag` is in blocks behind the highest of its chain when it reported: whoever
    reports seldom is not behind for what others have reported since. None where not counted or without a block.
    `troubles` are its incidents that count now, alone or as part of a group, the worst first.
    """

    facts: NodeFacts
    status: NodeStatus
    counted: bool
    until: Millis
    lag: int | None
    troubles: tuple[Trouble, ...] = ()

    def age_at(self, now: Millis) -> Millis | None:
        """That of its last report, in ms."""
        return None if self.facts.last_report_at is None else now - self.facts.last_report_at


class _Basis(NamedTuple):
    """What all views hang on besides their nodes: who has the same may take over what has not changed."""

    broker_down: bool
    connected_at: Millis | None
    borders: Sequence[Millis]
    is_maintained: Callable[[NodeFacts], bool]


@dataclass(frozen=True, slots=True)
class FleetView:
    """Every node's standing at `now`, by name; `rates` are of those that count."""

    now: Millis
    broker_down: bool
    views: Sequence[NodeView]
    by_status: Mapping[NodeStatus, int]
    rates: Hashrates
    counted: int
    highest_block: int | None
    basis: _Basis

    @property
    def hashrate(self) -> float | None:
        """The sum in H/s; None when no node has one, or they mine different algorithms."""
        return self.rates.total

    @property
    def hashing(self) -> int:
        return self.rates.nodes


_NONE: Final[Mapping[NodeId, tuple[Trouble, ...]]] = {}
_NOT_BY_TIME: Final[Millis] = 2**62


def fleet_at(
    nodes: Iterable[NodeFacts],
    server: ServerFacts,
    now: Millis,
    *,
    is_maintained: Callable[[NodeFacts], bool] = nobody_at_work,
    troubles: Mapping[NodeId, tuple[Trouble, ...]] = _NONE,
    borders: Sequence[Millis] = (),
    before: FleetView | None = None,
) -> FleetView:
    """The fleet at `now`; about 6 µs a node, and 2 µs one whose view of `before` still holds.

    `is_maintained` is `alerts.silence.at_work`; `borders` are the ages, in ms, at which a report's colour changes.
    """
    broker_down = is_broker_down(server, now)
    basis = _Basis(broker_down, server.connected_at, borders, is_maintained)
    holds = before is not None and before.basis == basis and before.now <= now and is_maintained is nobody_at_work
    known = {each.facts.id: each for each in before.views} if before is not None and holds else {}
    seen = [_seen(facts, known.get(facts.id), now, broker_down=broker_down) for facts in sorted(nodes, key=named)]
    heights = _heights(facts for facts, counted, _ in seen if counted)
    views = []
    for facts, counted, kept in seen:
        lag = _lag(facts, heights) if counted else None
        troubled = troubles.get(facts.id, ())
        if kept is not None and kept.lag == lag and kept.troubles == troubled:
            views.append(kept)
            continue
        status = status_at(facts, server, now, maintained=is_maintained(facts))
        views.append(NodeView(facts, status, counted, _until(facts, server, now, borders), lag, troubled))
    samples = [facts.sample for facts, counted, _ in seen if counted and facts.sample]
    return FleetView(
        now=now,
        broker_down=broker_down,
        views=views,
        by_status=Counter([each.status for each in views]),
        rates=hashrates(samples),
        counted=len(samples),
        highest_block=max((each.highest[-1] for each in heights.values()), default=None),
        basis=basis,
    )


def fleet_of(fleet: FleetView, sites: frozenset[str]) -> FleetView:
    """The same of these sites' nodes; how far a chain is, the whole fleet still tells."""
    views = [each for each in fleet.views if each.facts.id.site in sites]
    samples = [each.facts.sample for each in views if each.counted and each.facts.sample]
    return FleetView(
        now=fleet.now,
        broker_down=fleet.broker_down,
        views=views,
        by_status=Counter(each.status for each in views),
        rates=hashrates(samples),
        counted=len(samples),
        highest_block=max((each.block for each in samples if each.block is not None), default=None),
        basis=fleet.basis,
    )


def next_change_at(fleet: FleetView) -> Millis:
    """The earliest moment after `fleet.now` at which time alone may change a status or a colour, or a minute begins.

    It may name a moment at which nothing changes, never one too late. That the subscriber falls silent is not foreseen:
    whoever keeps a page asks for that each time.
    """
    return min([(fleet.now // 60_000 + 1) * 60_000, *[each.until for each in fleet.views]])


def named(facts: NodeFacts) -> tuple[tuple[str | int, ...], NodeId]:
    """A sort key."""
    return natural(facts.title), facts.id


def against(views: Iterable[NodeView], before: Mapping[NodeId, float]) -> tuple[float | None, float | None]:
    """What those nodes hash now that hashed `before` as well, and what they did: so that one which joined or went is no
    change of the others."""
    both = [
        (sample.hashrate, before[each.facts.id])
        for each in views
        if each.counted and (sample := each.facts.sample) and sample.hashrate is not None and each.facts.id in before
    ]
    return (sum(now for now, _ in both), sum(then for _, then in both)) if both else (None, None)


def is_running(server: ServerFacts, now: Millis) -> bool:
    """Whether the subscriber gave a sign of life lately, with a broker or without."""
    return server.beat_at is not None and now - server.beat_at <= in_millis(BROKER_DOWN_AFTER)


def efficiency(sample: Sample | None) -> float | None:
    """H/s of each watt."""
    return per_watt(sample.hashrate, sample.power) if sample else None


def per_watt(hashrate: float | None, power: float | None) -> float | None:
    """None also where there is no power to speak of."""
    return None if hashrate is None or power is None or power < _LEAST_WATTS else hashrate / power


def hottest(sample: Sample | None) -> float | None:
    """°C of the hottest of the node, its cards and its boards: not every publisher makes the hottest the node's."""
    if sample is None:
        return None
    of_cards = (gpu.temperature for gpu in sample.gpus or ())
    of_boards = (board.temperature for board in sample.boards or ())
    told = (sample.temperature, *of_cards, *of_boards)
    return max((celsius for celsius in told if celsius is not None), default=None)


def cards(sample: Sample | None) -> int | None:
    """How many cards it has, or hash boards; None where it tells of none."""
    return len(sample.gpus or sample.boards or ()) or None if sample else None


def remarks(facts: NodeFacts) -> tuple[str, ...]:
    """What is wrong with a node though it reports: sources that failed."""
    if facts.sample is None:
        return ()
    return tuple(f"{source}: {why}" for source, why in sorted(facts.sample.errors.items()))


class _Heights(NamedTuple):
    """Of one chain, in order: when each node's sample was taken, and the highest block of it and all before."""

    taken: list[Millis]
    highest: list[int]


def _heights(counted: Iterable[NodeFacts]) -> dict[str, _Heights]:
    blocks: defaultdict[str, list[tuple[Millis, int]]] = defaultdict(list)
    for facts in counted:
        if facts.sample and facts.sample.block is not None:
            blocks[chain_of(facts)].append((facts.sample.at, facts.sample.block))
    return {
        chain: _Heights([at for at, _ in sorted(of)], list(accumulate((block for _, block in sorted(of)), max)))
        for chain, of in blocks.items()
    }


def _lag(facts: NodeFacts, heights: Mapping[str, _Heights]) -> int | None:
    if facts.sample is None or facts.sample.block is None:
        return None
    known = heights[chain_of(facts)]
    return known.highest[bisect_right(known.taken, facts.sample.at) - 1] - facts.sample.block


def _seen(
    facts: NodeFacts, view: NodeView | None, now: Millis, *, broker_down: bool
) -> tuple[NodeFacts, bool, NodeView | None]:
    """The node, whether it counts, and its view of before where that still holds."""
    if view is not None and view.facts is facts and now < view.until:
        return facts, view.counted, view
    return facts, not broker_down and _is_fresh(facts, now), None


def _until(facts: NodeFacts, server: ServerFacts, now: Millis, borders: Sequence[Millis]) -> Millis:
    timeout, reported = _timeout(facts), facts.last_report_at
    # A border is still inside its colour: the change comes one millisecond after it.
    ends = [at + timeout + 1 for at in (reported, facts.state_at, server.connected_at) if at is not None]
    if reported is not None:
        ends += [reported + border + 1 for border in borders]
    return min([end for end in ends if end > now], default=_NOT_BY_TIME)


def _is_fresh(facts: NodeFacts, now: Millis) -> bool:
    if not facts.connected or facts.last_report_at is None:
        return False
    return now - facts.last_report_at <= _timeout(facts)


def _timeout(facts: NodeFacts) -> Millis:
    return SILENT_AFTER * in_millis(facts.interval)
