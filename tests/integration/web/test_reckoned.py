"""Every figure of every page is what is reckoned, one by one, from all that was said.

Of any intervals, with gaps, samples that come late, intervals that change, and nodes that join and go.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from flask.testing import FlaskClient

from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Sample
from store import Store, housekeeping
from tests import reckoning
from tests.fake_clock import FakeClock
from tests.integration.web.test_overview import between, page, row, text
from tests.reckoning import Came, Said, Taken
from tests.rigs import Rig, birth, goodbye, report, rig, will
from web import units

MINUTE: Millis = 60_000
HOUR = 60 * MINUTE
KEEP = 48 * HOUR
INTERVALS = (1, 10, 61, 600, 3600, 86_400)
# Further back than what is kept is looked at, so that what is forgotten counts for nothing.
SPANS = (2 * MINUTE, 20 * MINUTE, 5 * HOUR, 30 * HOUR, 70 * HOUR)


@dataclass(slots=True)
class Node:
    """What one node has said: its samples with the moment at which each came, and when it came and went."""

    rig: Rig
    interval: int
    session: int = 0
    state: NodeState = NodeState.OFFLINE
    kept: list[Sample] = field(default_factory=list)
    samples: list[tuple[Sample, Millis, Millis]] = field(default_factory=list)
    changes: list[Came] = field(default_factory=list)

    @property
    def reported_at(self) -> Millis | None:
        return max((came for _, came, _ in self.samples), default=None)

    def latest(self) -> Sample | None:
        """The newest of those that were younger than two intervals when they came."""
        live = [each for each, came, interval in self.samples if each.at > came - 2 * interval]
        return max(live, key=lambda each: each.n, default=None)

    def counts(self, now: Millis) -> bool:
        at = self.reported_at
        return self.state is NodeState.ONLINE and at is not None and now - at <= 3000 * self.interval

    def status(self, now: Millis) -> str:
        if self.state is not NodeState.ONLINE:
            return self.state.value
        due = max(self.reported_at or 0, self.changes[-1].at)
        return "silent" if now - due > 3000 * self.interval else "online"

    def rates(self, since: Millis, until: Millis) -> list[float]:
        return [each.hashrate for each, _, _ in self.samples if since <= each.at < until and each.hashrate is not None]

    def average(self, now: Millis) -> float | None:
        rates = self.rates((now - KEEP) // HOUR * HOUR, 2**62)
        return sum(rates) / len(rates) if rates else None

    def said(self) -> Said:
        def stored(rate: float | None) -> float | None:
            return None if rate is None else round(rate * 1000)

        return Said([Taken(each.at, each.n, stored(each.hashrate)) for each, _, _ in self.samples], self.changes)

    def rate_at(self, then: Millis) -> float | None:
        begin = then - 150_000
        near = self.rates(begin // MINUTE * MINUTE, (begin + 5 * MINUTE) // MINUTE * MINUTE)
        before = [each for each, _, _ in self.samples if each.at <= then]
        changes = [each for each in self.changes if each.at <= then]
        if near:
            return sum(near) / len(near)
        if not before or not changes or changes[-1].state is not NodeState.ONLINE:
            return None
        last = max(before, key=lambda each: each.at)
        return last.hashrate if last.at + 3 * (changes[-1].interval or MINUTE) > then else None


class World:
    """Nodes that live through the time before `now`; each thing that happens is stored and noted down."""

    def __init__(self, store: Store, chance: random.Random, now: Millis) -> None:
        self.store, self.chance, self.now = store, chance, now
        self.nodes = [Node(rig(f"rig{at}"), interval) for at, interval in enumerate(INTERVALS)]
        events = [each for node in self.nodes for each in self._life(node)]
        for at, _, node, what in sorted(events, key=lambda each: each[:2]):
            getattr(self, what)(node, at)

    def _life(self, node: Node) -> list[tuple[Millis, int, Node, str]]:
        """From when it joined; what it says at each of its intervals, and now and then something else."""
        span = min(self.chance.choice(SPANS), 150_000 * node.interval)
        at, events = self.now - span, []
        events.append((at, 0, node, "come"))
        while (at := at + round(node.interval * self.chance.uniform(900, 1100))) < self.now:
            what = self.chance.choices(("tell", "keep", "skip", "go", "come", "change"), (60, 8, 6, 3, 3, 2))[0]
            events.append((at, len(events), node, what))
        return events

    def _say(self, node: Node, at: Millis, said: object) -> None:
        self.store.take([node.rig.heard(said, at)])  # type: ignore[arg-type]

    def _sample(self, at: Millis) -> Sample:
        def maybe(value: float) -> float | None:
            return value if self.chance.random() < 0.9 else None

        return Sample(
            n=at, at=at, hashrate=maybe(round(self.chance.uniform(0, 9e6), 3)),
            peers=self.chance.randrange(40), block=at // MINUTE - self.chance.randrange(3),
            temperature=float(self.chance.randrange(20, 90)), power=float(self.chance.randrange(50, 400)),
        )  # fmt: skip

    def come(self, node: Node, at: Millis) -> None:
        node.session, node.state = node.session + 1, NodeState.ONLINE
        self._say(node, at, birth(node.session, interval=node.interval))
        node.changes.append(Came(at, node.state, node.interval * 1000))

    def change(self, node: Node, at: Millis) -> None:
        node.interval = self.chance.choice(INTERVALS)
        self.come(node, at)

    def go(self, node: Node, at: Millis) -> None:
        if node.state is NodeState.ONLINE:
            node.state = self.chance.choice((NodeState.LOST, NodeState.OFFLINE))
            self._say(node, at, (will if node.state is NodeState.LOST else goodbye)(node.session))
            node.changes.append(Came(at, node.state, node.interval * 1000))

    def keep(self, node: Node, at: Millis) -> None:
        """Taken, and sent later."""
        node.kept.append(self._sample(at))

    def skip(self, node: Node, at: Millis) -> None:
        """Nothing was measured."""

    def tell(self, node: Node, at: Millis) -> None:
        if node.state is not NodeState.ONLINE:
            self.keep(node, at)
            return
        # The newest first, then what was kept, as a publisher does.
        parts = [[self._sample(at)], *([node.kept] if node.kept else [])]
        for part in parts:
            self._say(node, at, report(*part, session=node.session, sent_at=at))
            node.samples += [(each, at, node.interval * 1000) for each in part]
        node.kept = []


@pytest.fixture(params=range(4))
def world(request: pytest.FixtureRequest, store: Store, clock: FakeClock) -> World:
    made = World(store, random.Random(request.param), clock.now())  # noqa: S311 - no secret
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=clock.now(), connected_at=1)
    return made


def written(name: str, value: float | None) -> str:
    return units.UNKNOWN if value is None else str(units.quantity(name, value))


def cells(html: str, node: str) -> dict[str, str]:
    found = re.findall(r'<t[dh][^>]*class="[^"]*c-(\w+)[^"]*"[^>]*>(.*?)</t[dh]>', row(html, node), re.DOTALL)
    return {name: text(inner) for name, inner in found}


def lag(nodes: Sequence[Node], node: Node, now: Millis) -> int | None:
    """Behind the highest that any node that counts had when this one's sample was taken."""
    own = node.latest()
    if own is None or own.block is None or not node.counts(now):
        return None
    others = [each.latest() for each in nodes if each.counts(now)]
    return max(each.block for each in others if each and each.block is not None and each.at <= own.at) - own.block


def the_overview_says_what_was_said(ada: FlaskClient, world: World) -> None:
    now, nodes = world.now, world.nodes
    html = page(ada, "/?cols=place+hashrate+peers+block+temperature+power+average+change+samples")
    counted = [each for each in nodes if each.counts(now)]
    latest = {node.rig.id: node.latest() for node in nodes}
    rates = [own.hashrate for each in counted if (own := latest[each.rig.id]) and own.hashrate is not None]
    total = sum(rates) if rates else None
    both = [
        (own.hashrate, then)
        for each in counted
        if (own := latest[each.rig.id]) and own.hashrate is not None
        if (then := each.rate_at(now - HOUR)) is not None
    ]
    compared = units.change(sum(a for a, _ in both), sum(b for _, b in both)) if both else units.UNKNOWN
    said = f"{units.hashrate(total)} from {len(rates)} of {len(nodes)} nodes"
    more = "" if compared == units.UNKNOWN else f" {compared} against an hour ago"
    assert text(between(html, "<h2>Hashrate now</h2>", "</div>")) == said + more
    highest = max((own.block or 0 for each in counted if (own := latest[each.rig.id])), default=None)
    assert text(between(html, "<h2>Highest block</h2>", "</div>")).startswith(units.count(highest))
    statuses = Counter(each.status(now) for each in nodes)
    for status, number in statuses.items():
        assert f'<b>{number}</b> <span class="pill {status}">' in html
    for node in nodes:
        found, own, behind = cells(html, str(node.rig.id)), latest[node.rig.id], lag(nodes, node, now)
        average = node.average(now)
        rate = own.hashrate if own and node.counts(now) else None
        assert found["status"] == node.status(now)
        assert found["hashrate"] == str(units.hashrate(own.hashrate if own else None))
        assert found["peers"] == units.count(own.peers if own else None)
        assert found["block"] == units.count(own.block if own else None) + (f" −{behind}" if behind else "")
        assert found["temperature"] == written("temperature", own.temperature if own else None)
        assert found["power"] == written("power", own.power if own else None)
        assert found["average"] == str(units.hashrate(average))
        assert found["change"] == units.change(rate, average)
        with_rate = len(node.rates((now - KEEP) // HOUR * HOUR, 2**62))
        assert found["samples"] in ({"0", "–"} if not with_rate else {units.count(with_rate)})
        at = node.reported_at
        assert found["age"].startswith(units.age(None if at is None else now - at))


def the_totals_say_what_was_said(ada: FlaskClient, world: World) -> None:
    expected = reckoning.fleet([each.said() for each in world.nodes], world.now)
    html = between(page(ada), '<tbody data-place="minutes">', "</tbody>")
    found = [text(each) for each in re.findall(r"<tr.*?</tr>", html, re.DOTALL)]
    latest = sorted(expected.items(), reverse=True)[:10]
    shown = [f"{units.hashrate(rate / 1000)} {number} node{'s' * (number != 1)}" for _, (rate, number) in latest]
    offset = int(bool(latest) and latest[0][0] < world.now // MINUTE)
    assert [each.removeprefix("so far ").split(" ", 1)[1].removeprefix("so far ") for each in found[offset:]] == shown


def the_page_of_a_node_and_its_chart_say_what_it_said(ada: FlaskClient, world: World) -> None:
    for node in world.nodes:
        html = page(ada, f"/node/{node.rig.id}")
        newest = sorted((each for each, _, _ in node.samples), key=lambda each: -each.n)[:15]
        table = between(between(html, '<table class="samples"', "</table>"), "<tbody>", "</tbody>")
        rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
        assert len(rows) == len(newest)
        for shown, each in zip(rows, newest, strict=True):
            assert str(units.hashrate(each.hashrate)) in text(shown)
        series = ada.get(f"/node/{node.rig.id}/series?range=24h").get_json()
        step = -(-24 * HOUR // 480 // 1000) * 1000
        slots: dict[int, list[float | None]] = {}
        for each in sorted((each for each, _, _ in node.samples), key=lambda each: each.at):
            if world.now - 24 * HOUR <= each.at <= world.now:
                slots.setdefault(each.at // step, []).append(each.hashrate)
        means = [
            round(sum(known) / len(known), 2)
            for _, rates in sorted(slots.items())
            if (known := [rate for rate in rates if rate is not None])
        ]
        drawn = [rate for rate in series["lines"].get("hashrate", []) if rate is not None]
        assert drawn == pytest.approx(means, abs=0.011)
        assert series["samples"] == sum(len(rates) for rates in slots.values())


def the_wall_and_programs_are_told_the_same(ada: FlaskClient, world: World) -> None:
    now, nodes = world.now, world.nodes
    counted = [(each, own) for each in nodes if each.counts(now) and (own := each.latest())]
    rates = [own.hashrate for _, own in counted if own.hashrate is not None]
    fleet = ada.get("/api/v1/fleet").get_json()
    assert fleet["hashrate"] == pytest.approx(sum(rates) if rates else None)
    assert fleet["counted"] == len(counted)
    assert {k: v for k, v in fleet["by_status"].items() if v} == Counter(each.status(now) for each in nodes)
    assert str(units.hashrate(sum(rates) if rates else None)) in text(page(ada, "/wall"))
    listed = {each["node"]: each for each in ada.get("/api/v1/nodes").get_json()["nodes"]}
    for node in nodes:
        own = node.latest()
        assert listed[node.rig.id.node]["status"] == node.status(now)
        assert listed[node.rig.id.node]["blocks_behind"] == lag(nodes, node, now)
    metrics = ada.get("/metrics").text
    told = dict(re.findall(r'rigwatch_node_hashes_per_second\{node="(\w+)",site="main"\} (\S+)', metrics))
    assert {name: float(value) for name, value in told.items()} == {
        each.rig.id.node: pytest.approx(own.hashrate) for each, own in counted if own.hashrate is not None
    }


def test_every_figure_is_what_is_reckoned_from_what_was_said(ada: FlaskClient, world: World) -> None:
    the_overview_says_what_was_said(ada, world)
    the_totals_say_what_was_said(ada, world)
    the_page_of_a_node_and_its_chart_say_what_it_said(ada, world)
    the_wall_and_programs_are_told_the_same(ada, world)
