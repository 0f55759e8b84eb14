"""Who has seen what around one node: the situation that its cause is told from, out of the facts of the fleet. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from alerts.cause import Neighbours, Plug, Situation, Symptom
from alerts.endings import ending_in
from alerts.facts import NodeFacts
from alerts.machine import missing_cards
from alerts.node_history import NodeHistory
from alerts.plugs import PlugFacts, PlugState
from alerts.rule import SECOND, Rule
from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId

TOGETHER: Final[Millis] = 30 * SECOND
"""What one cause takes away is missed within so long: keep-alives run out up to 15 s apart, and a plug's later."""
PLUG_TOGETHER: Final[Millis] = 90 * SECOND
"""Many plugs have a keep-alive of 30 or 60 s, of which they are missed after half as much again."""
_AT_WORK_FOR: Final[Millis] = 120 * SECOND
SINCE_LEAST: Final[Millis] = 2 * SECOND
"""A report that is taken so soon after a death may have been under way before it."""
SYMPTOMS: Final[Mapping[Rule, Symptom]] = {
    Rule.LOST: Symptom.GONE,
    Rule.NO_HASHRATE: Symptom.NOT_HASHING,
    Rule.SOURCE_FAILING: Symptom.NOT_HASHING,
    Rule.LOW_HASHRATE: Symptom.SLOWER,
    Rule.GPU_MISSING: Symptom.SLOWER,
}
"""The rules that are asked for a cause."""
_REFUSED: Final = "connection refused"


class _Fate(Enum):
    GONE = 1
    WELL = 2
    # has said nothing since
    OPEN = 3


def situation_of(
    symptom: Symptom,
    facts: NodeFacts,
    history: NodeHistory,
    fleet: Mapping[NodeId, NodeFacts],
    *,
    now: Millis,
    plugs: Mapping[NodeId, tuple[PlugFacts, ...]] = MappingProxyType({}),
) -> Situation:
    """What is known around the node now. Looks at every node of the fleet: about 2 µs each."""
    own_plugs = plugs.get(facts.id, ())
    if symptom is not Symptom.GONE:
        return _at_work(symptom, facts, history, _joined(own_plugs, fleet, _Window(_recent(facts), now)))
    gone_at = facts.state_at or 0
    window = _Window(gone_at + SINCE_LEAST, now, gone_at)
    machines: defaultdict[tuple[str, str], list[_Fate]] = defaultdict(list)
    for each in fleet.values():
        fate = _fate(each, window)
        if fate is not None and each.id != facts.id:
            machines[_host(each)].append(fate)
    own = machines.pop(_host(facts), [])
    sites: defaultdict[str, list[_Fate]] = defaultdict(list)
    for (site, _), fates in machines.items():
        sites[site].append(_common(fates))
    hosts = sites.pop(facts.id.site, [])
    return Situation(
        symptom,
        ending=ending_in(facts.reason) if facts.state is NodeState.LOST else None,
        nodes=_neighbours(own),
        hosts=_neighbours(hosts),
        sites=_neighbours([_common(fates) for fates in sites.values()]),
        plugs=_neighbours(_other_plugs(facts.id, plugs, window)),
        plug=_joined(own_plugs, fleet, window),
    )


class _Window(NamedTuple):
    """When a word counts, and when what is asked about went. What is dated in the future was said before our own clock
    was put back, and says nothing."""

    since: Millis
    now: Millis
    gone_at: Millis | None = None

    def holds(self, at: Millis) -> bool:
        return self.since <= at <= self.now


def _recent(facts: NodeFacts) -> Millis:
    return (facts.sample.at if facts.sample is not None else 0) - _AT_WORK_FOR


def _joined(plugs: Sequence[PlugFacts], fleet: Mapping[NodeId, NodeFacts], window: _Window) -> Plug | None:
    """Several plugs of one machine, as one. What several machines draw together says nothing of one."""
    if not plugs:
        return None
    states = [plug.state for plug in plugs]
    alone = all(len({_host(fleet[node]) for node in plug.nodes if node in fleet}) <= 1 for plug in plugs)
    told = [state.watts for state in states if state.watts is not None and window.holds(state.watts_at)]
    usual = [state.usual_watts for state in states if state.usual_watts is not None]
    return Plug(
        name=", ".join(plug.name for plug in plugs),
        is_on=None if any(state.is_on is None for state in states) else any(state.is_on for state in states),
        watts=sum(told) if alone and len(told) == len(plugs) else None,
        usual=sum(usual) if len(usual) == len(plugs) else None,
        gone=all(_went(state, window) for state in states),
    )


def _other_plugs(node: NodeId, plugs: Mapping[NodeId, tuple[PlugFacts, ...]], window: _Window) -> list[_Fate]:
    own = {plug.name for plug in plugs.get(node, ())}
    others = {plug.name: plug.state for of, found in plugs.items() if of.site == node.site for plug in found}
    fates = (_plug_fate(state, window) for name, state in others.items() if name not in own)
    return [fate for fate in fates if fate is not None]


def _plug_fate(state: PlugState, window: _Window) -> _Fate | None:
    if state.is_online is False:
        return _Fate.GONE if _went(state, window) else None
    spoke_at = max(state.watts_at, state.online_at)
    return _Fate.WELL if window.holds(spoke_at) else _Fate.OPEN


def _went(state: PlugState, window: _Window) -> bool:
    gone_at = window.gone_at
    return gone_at is not None and state.is_online is False and abs(state.online_at - gone_at) <= PLUG_TOGETHER


def _host(facts: NodeFacts) -> tuple[str, str]:
    return facts.id.site, facts.host or facts.id.node


def _at_work(symptom: Symptom, facts: NodeFacts, history: NodeHistory, plug: Plug | None) -> Situation:
    sample = facts.sample
    if sample is None:
        return Situation(symptom, plug=plug)
    cards = known = None
    if sample.gpus is not None:
        missing, together = missing_cards(history.cards, {gpu.id for gpu in sample.gpus})
        cards, known = len(sample.gpus), max(together, len(sample.gpus)) if missing else len(sample.gpus)
    return Situation(
        symptom,
        refused=any(_REFUSED in why.lower() for why in sample.errors.values()),
        watts=sample.power,
        usual_watts=history.draw,
        cards=cards,
        cards_known=known,
        plug=plug,
    )


def _fate(facts: NodeFacts, window: _Window) -> _Fate | None:
    """None: what was away before has seen nothing."""
    at = facts.state_at or 0
    match facts.state:
        case NodeState.LOST if window.gone_at is not None and abs(at - window.gone_at) <= TOGETHER:
            return _Fate.GONE
        case NodeState.ONLINE:
            heard_at = max(facts.last_report_at or 0, facts.born_at or 0)
            return _Fate.WELL if window.holds(heard_at) else _Fate.OPEN
        case _:
            return None


def _common(fates: list[_Fate]) -> _Fate:
    """Of a machine or a site: one that lives is enough."""
    if _Fate.WELL in fates:
        return _Fate.WELL
    return _Fate.OPEN if _Fate.OPEN in fates else _Fate.GONE


def _neighbours(fates: list[_Fate]) -> Neighbours:
    return Neighbours(len(fates), fates.count(_Fate.GONE), fates.count(_Fate.WELL))


def symptom_of(rule: Rule) -> Symptom | None:
    """What a cause is asked for; None: the rule's evidence says it all."""
    return SYMPTOMS.get(rule)


def member_of(nodes: Iterable[NodeId], facts: Mapping[NodeId, NodeFacts]) -> NodeFacts | None:
    """Of several that went together, the one that speaks for them: the first that is known."""
    return next((facts[node] for node in nodes if node in facts), None)
