"""Who has seen what around one node: the situation that its cause is told from, out of the facts of the fleet. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from alerts.cause import Neighbours, Situation, Symptom
from alerts.endings import ending_in
from alerts.facts import NodeFacts
from alerts.machine import missing_cards
from alerts.node_history import NodeHistory
from alerts.rule import SECOND, Rule
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId

TOGETHER: Final[Millis] = 30 * SECOND
"""What one cause takes away is missed within so long: keep-alives run out up to 15 s apart, and a plug's later."""
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


def situation_of(symptom: Symptom, facts: NodeFacts, history: NodeHistory, fleet: Iterable[NodeFacts]) -> Situation:
    """What is known around the node now. Looks at every node of the fleet: 0.3 µs each."""
    if symptom is not Symptom.GONE:
        return _at_work(symptom, facts.sample, history)
    gone_at = facts.state_at or 0
    machines: defaultdict[tuple[str, str], list[_Fate]] = defaultdict(list)
    for each in fleet:
        fate = _fate(each, gone_at)
        if fate is not None and each.id != facts.id:
            machines[each.id.site, each.host or each.id.node].append(fate)
    own = machines.pop((facts.id.site, facts.host or facts.id.node), [])
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
    )


def _at_work(symptom: Symptom, sample: Sample | None, history: NodeHistory) -> Situation:
    if sample is None:
        return Situation(symptom)
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
    )


def _fate(facts: NodeFacts, gone_at: Millis) -> _Fate | None:
    """None: what was away before has seen nothing."""
    at = facts.state_at or 0
    match facts.state:
        case NodeState.LOST if abs(at - gone_at) <= TOGETHER:
            return _Fate.GONE
        case NodeState.ONLINE:
            heard_at = max(facts.last_report_at or 0, facts.born_at or 0)
            return _Fate.WELL if heard_at >= gone_at + SINCE_LEAST else _Fate.OPEN
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
