"""Stored history through the rules: what would have fired, before a threshold is changed. Nothing is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import TypeAlias

import msgspec
from msgspec import Struct

from alerts.engine import Engine, Start, StepResult
from alerts.facts import NodeChange, NodeFacts, ServerFacts
from alerts.incident import Incident, IncidentState
from alerts.notification import Notification
from alerts.policy import Policy
from alerts.route import Route
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from store import Store, changes, reader

_STEPS_A_SAMPLE = 50
_EVENTS_BETWEEN_LOOKS = 200

Event: TypeAlias = Sample | NodeChange


class Replayed(Struct, frozen=True):
    """What would have happened until a moment: every incident, and every message with its moment; and from how much it
    is known."""

    incidents: tuple[Incident, ...]
    notifications: tuple[tuple[Millis, Notification], ...]
    samples: int
    changes: int
    until: Millis


@dataclass(frozen=True, slots=True)
class ReplayedPast:
    """What was stored of some nodes since a moment. `baseline` is the usual rate of each."""

    nodes: Sequence[NodeFacts]
    events: Mapping[NodeId, Sequence[Event]]
    baseline: dict[NodeId, float]
    since: Millis


def history(
    store: Store, *, since: Millis, now: Millis, wanted: Callable[[NodeId], bool] = lambda _: True
) -> ReplayedPast:
    """Samples, births, wills and goodbyes of the nodes that are wanted; read once, it may be played several times."""
    with store.read() as tx:
        nodes = [each for each in reader.nodes(tx) if wanted(each.id)]
        events: dict[NodeId, Sequence[Event]] = {
            each.id: [*changes.of(tx, each.id, since), *reader.samples(tx, each.id, since=since, until=now)]
            for each in nodes
        }
        baseline = {node: rate.hashrate_mean for node, rate in reader.averages(tx, since).items() if rate.hashrate_mean}
    return ReplayedPast(nodes, events, baseline, since)


def replay(store: Store, policy: Policy, *, since: Millis, now: Millis) -> Replayed:
    """Runs the samples, births, wills and goodbyes since then through a fresh engine; costs about 0.1 ms a sample."""
    return play(history(store, since=since, now=now), policy, now=now)


def play(past: ReplayedPast, policy: Policy, *, now: Millis, is_over: Callable[[], bool] = lambda: False) -> Replayed:
    """The pure part of `replay`. It ends at `now`, or where it is when `is_over` says so, asked now and then.

    What came and went is not known of every node: a database that was filled by an older rigwatch has only samples.
    There a gap between two of them is a silence.
    """
    watched = {node for node, events in past.events.items() if any(isinstance(event, NodeChange) for event in events)}
    facts = {each.id: _forgetful(each) for each in past.nodes if past.events.get(each.id)}
    engine = Engine(policy, (Route("replay"),), Start(baseline=past.baseline))
    run = _Run(engine, ServerFacts(connected_at=0), past.since)
    for number, (at, node, event) in enumerate(_moments(past.events)):
        if at >= now or (number % _EVENTS_BETWEEN_LOOKS == 0 and is_over()):
            now = min(at, now)
            break
        run.until(max(at, past.since))
        if isinstance(event, NodeChange):
            facts[node] = _changed(facts[node], event, past.since)
        elif node not in watched or facts[node].connected:
            facts[node] = _reported(facts[node], event)
        else:
            # Taken while nobody heard of the node, and sent later: history, which never fires.
            run.samples += 1
            continue
        run.take(facts[node], event)
    run.until(now)
    return Replayed(tuple(run.incidents.values()), tuple(run.notifications), run.samples, run.changes, now)


class _Run:
    def __init__(self, engine: Engine, server: ServerFacts, now: Millis) -> None:
        self._engine = engine
        self._server = server
        self._now = now
        self._check_at: Millis | None = None
        self.incidents: dict[int, Incident] = {}
        self.notifications: list[tuple[Millis, Notification]] = []
        self.samples = 0
        self.changes = 0

    def until(self, at: Millis) -> None:
        for _ in range(_STEPS_A_SAMPLE):
            if self._check_at is None or self._check_at > at:
                break
            self._step(max(self._check_at, self._now))
        self._now = at

    def take(self, facts: NodeFacts, event: Event) -> None:
        if isinstance(event, NodeChange):
            self.changes += 1
        else:
            self.samples += 1
        self._engine.take([facts])
        self._step(self._now)

    def _step(self, now: Millis) -> None:
        self._now = now
        outcome: StepResult = self._engine.step(ServerFacts(self._server.connected_at, now), now)
        self.incidents |= {each.id: each for each in outcome.incidents}
        self.notifications += [(now, notification) for notification in outcome.notifications]
        self._check_at = outcome.check_at


def fired(replayed: Replayed) -> list[Incident]:
    """Those that people would have been told of, by time; children of a group are in it."""
    told = [
        each for each in replayed.incidents if each.fired_at is not None and each.state is not IncidentState.DISMISSED
    ]
    return sorted((each for each in told if each.parent is None), key=lambda each: each.since)


def _moments(histories: Mapping[NodeId, Sequence[Event]]) -> Iterator[tuple[Millis, NodeId, Event]]:
    def of(node: NodeId, events: Sequence[Event]) -> Iterator[tuple[Millis, NodeId, Event]]:
        return ((event.at, node, event) for event in sorted(events, key=_order))

    return merge(*(of(node, events) for node, events in histories.items()), key=lambda each: each[0])


def _order(event: Event) -> tuple[Millis, bool]:
    """A birth before the report of the same moment."""
    return event.at, isinstance(event, Sample)


def _forgetful(facts: NodeFacts) -> NodeFacts:
    """As nothing was known yet; who it is and its interval are those of today."""
    return msgspec.structs.replace(
        facts, state=None, state_at=None, reason="", last_report_at=None, sample=None, clock_offset=0
    )


def _changed(facts: NodeFacts, change: NodeChange, since: Millis) -> NodeFacts:
    # What it reported before the history begins is not looked at, and must not be missed.
    at = max(change.at, since) if change.state is NodeState.ONLINE else change.at
    return msgspec.structs.replace(facts, state=change.state, state_at=at, reason=change.reason)


def _reported(facts: NodeFacts, sample: Sample) -> NodeFacts:
    state_at = facts.state_at if facts.connected else sample.at
    return msgspec.structs.replace(
        facts, state=NodeState.ONLINE, state_at=state_at, reason="", last_report_at=sample.at, sample=sample
    )
