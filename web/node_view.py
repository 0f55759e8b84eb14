"""How each node stands at one moment, and the fleet with it: judged from the stored facts for every page. Pure."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from alerts.facts import NodeFacts, ServerFacts
from alerts.fleet import chain_of
from alerts.status import BROKER_DOWN_AFTER, SILENT_AFTER, NodeStatus, is_broker_down, status_at
from alerts.totals import Hashrates, hashrates
from rigwatch.clock import Millis, in_millis
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from web.trouble import Trouble

SIMULATED = "simulated"
"""The tag that `rigwatch simulate` gives its nodes."""

_LEAST_WATTS = 0.5
"""Less is written as 0 W."""


class NodeView(NamedTuple):
    """One node now. `age` is that of its last report, in ms.

    `counted`: its latest figures are of now: it is connected, and reported within three intervals. Only such nodes make
    up the total and the highest block. `lag` is in blocks behind the highest of its chain when it reported: whoever
    reports seldom is not behind for what others have reported since. None where not counted or without a block.
    `troubles` are its incidents that count now, alone or as part of a group, the worst first.
    """

    facts: NodeFacts
    status: NodeStatus
    counted: bool
    age: Millis | None
    lag: int | None
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetView:
    """Every node's standing at `now`; `rates` are of those that count."""

    now: Millis
    broker_down: bool
    views: Sequence[NodeView]
    by_status: Mapping[NodeStatus, int]
    rates: Hashrates
    counted: int
    highest_block: int | None

    @property
    def hashrate(self) -> float | None:
        """The sum in H/s; None when no node has one, or they mine different algorithms."""
        return self.rates.total

    @property
    def hashing(self) -> int:
        return self.rates.nodes


_NONE: Mapping[NodeId, tuple[Trouble, ...]] = {}


def _never(_facts: NodeFacts) -> bool:
    return False


def fleet_at(
    nodes: Iterable[NodeFacts],
    server: ServerFacts,
    now: Millis,
    *,
    is_maintained: Callable[[NodeFacts], bool] = _never,
    troubles: Mapping[NodeId, tuple[Trouble, ...]] = _NONE,
) -> FleetView:
    """The fleet at `now`; about 2 µs a node. `is_maintained` is `alerts.silence.at_work`."""
    broker_down = is_broker_down(server, now)
    seen = [(facts, not broker_down and _is_fresh(facts, now)) for facts in nodes]
    samples = [facts.sample for facts, counted in seen if counted and facts.sample]
    heights = _heights(facts for facts, counted in seen if counted)
    views = [
        _view(
            facts,
            status_at(facts, server, now, maintained=is_maintained(facts)),
            now,
            lag=_lag(facts, heights) if counted else None,
            counted=counted,
            troubles=troubles.get(facts.id, ()),
        )
        for facts, counted in seen
    ]
    return FleetView(
        now=now,
        broker_down=broker_down,
        views=views,
        by_status=Counter(each.status for each in views),
        rates=hashrates(samples),
        counted=len(samples),
        highest_block=max((each.highest[-1] for each in heights.values()), default=None),
    )


def next_change_at(fleet: FleetView, server: ServerFacts, borders: Sequence[Millis]) -> Millis:
    """The earliest moment after `fleet.now` at which time alone may change a status or a colour, or a minute begins.

    `borders` are the ages, in ms, at which a report's colour changes. It may name a moment at which nothing changes,
    never one too late. That the subscriber falls silent is not foreseen: whoever keeps a page asks for that each time.
    """
    soonest = (fleet.now // 60_000 + 1) * 60_000
    for each in fleet.views:
        facts = each.facts
        timeout = _timeout(facts)
        for since in (facts.last_report_at, facts.state_at, server.connected_at):
            # A border is still inside its colour: the change comes one millisecond after it.
            if since is not None and fleet.now < since + timeout + 1 < soonest:
                soonest = since + timeout + 1
        if facts.last_report_at is not None:
            for border in borders:
                if fleet.now < facts.last_report_at + border + 1 < soonest:
                    soonest = facts.last_report_at + border + 1
    return soonest


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


def _view(
    facts: NodeFacts,
    status: NodeStatus,
    now: Millis,
    *,
    counted: bool,
    lag: int | None,
    troubles: tuple[Trouble, ...],
) -> NodeView:
    return NodeView(
        facts=facts,
        status=status,
        counted=counted,
        age=None if facts.last_report_at is None else now - facts.last_report_at,
        lag=lag,
        troubles=troubles,
    )


def _is_fresh(facts: NodeFacts, now: Millis) -> bool:
    if not facts.connected or facts.last_report_at is None:
        return False
    return now - facts.last_report_at <= _timeout(facts)


def _timeout(facts: NodeFacts) -> Millis:
    return SILENT_AFTER * in_millis(facts.interval)
