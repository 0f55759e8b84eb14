"""Stored history through the rules: what would have fired, before a threshold is changed. Nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge

import msgspec
from msgspec import Struct

from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from subscriber.alerts.engine import Engine, Outcome, Start
from subscriber.alerts.incident import Incident, State
from subscriber.alerts.letter import Letter
from subscriber.alerts.policy import Policy
from subscriber.alerts.route import Route
from subscriber.facts import NodeFacts, ServerFacts
from subscriber.store import Store

_STEPS_A_SAMPLE = 50


class Replayed(Struct, frozen=True):
    """What would have happened: every incident, and every message with its moment."""

    incidents: tuple[Incident, ...]
    letters: tuple[tuple[Millis, Letter], ...]
    samples: int


def replay(store: Store, policy: Policy, *, since: Millis, now: Millis) -> Replayed:
    """Runs the samples since then through a fresh engine; costs about 0.1 ms a sample.

    Births, wills and goodbyes are not part of the history: a gap between two samples is a silence here.
    """
    nodes = store.nodes()
    histories = {facts.id: store.samples(facts.id, since=since, until=now) for facts in nodes}
    usual = {node: rate.hashrate_mean for node, rate in store.averages(since).items() if rate.hashrate_mean}
    return play(nodes, histories, policy, usual=usual, since=since, now=now)


def play(
    nodes: Sequence[NodeFacts],
    histories: Mapping[NodeId, Sequence[Sample]],
    policy: Policy,
    *,
    usual: dict[NodeId, float],
    since: Millis,
    now: Millis,
) -> Replayed:
    """The pure part of `replay`."""
    facts = {each.id: each for each in nodes if histories.get(each.id)}
    engine = Engine(policy, (Route("replay"),), Start(usual=usual))
    run = _Run(engine, ServerFacts(connected_at=0), since)
    for at, node, sample in _moments(histories):
        run.until(at)
        facts[node] = _at(facts[node], sample, at)
        run.take(facts[node])
    run.until(now)
    return Replayed(tuple(run.incidents.values()), tuple(run.letters), run.samples)


class _Run:
    def __init__(self, engine: Engine, server: ServerFacts, now: Millis) -> None:
        self._engine = engine
        self._server = server
        self._now = now
        self._check_at: Millis | None = None
        self.incidents: dict[int, Incident] = {}
        self.letters: list[tuple[Millis, Letter]] = []
        self.samples = 0

    def until(self, at: Millis) -> None:
        for _ in range(_STEPS_A_SAMPLE):
            if self._check_at is None or self._check_at > at:
                break
            self._step(max(self._check_at, self._now))
        self._now = at

    def take(self, facts: NodeFacts) -> None:
        self.samples += 1
        self._engine.take([facts])
        self._step(self._now)

    def _step(self, now: Millis) -> None:
        self._now = now
        outcome: Outcome = self._engine.step(ServerFacts(self._server.connected_at, now), now)
        self.incidents |= {each.id: each for each in outcome.incidents}
        self.letters += [(now, letter) for letter in outcome.letters]
        self._check_at = outcome.check_at


def fired(replayed: Replayed) -> list[Incident]:
    """Those that people would have been told of, by time; children of a group are in it."""
    told = [each for each in replayed.incidents if each.fired_at is not None and each.state is not State.DISMISSED]
    return sorted((each for each in told if each.parent is None), key=lambda each: each.since)


def _moments(histories: Mapping[NodeId, Sequence[Sample]]) -> Iterator[tuple[Millis, NodeId, Sample]]:
    def of(node: NodeId, samples: Sequence[Sample]) -> Iterator[tuple[Millis, NodeId, Sample]]:
        return ((sample.at, node, sample) for sample in sorted(samples, key=lambda each: each.at))

    return merge(*(of(node, samples) for node, samples in histories.items()), key=lambda each: each[0])


def _at(facts: NodeFacts, sample: Sample, at: Millis) -> NodeFacts:
    return msgspec.structs.replace(
        facts, state=NodeState.ONLINE, state_at=facts.state_at and min(facts.state_at, at), last_report_at=at,
        sample=sample, clock_offset=0,
    )  # fmt: skip
