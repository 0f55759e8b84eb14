"""Histories as charts draw them, in JSON: of one node and of the fleet, over 1 h, 24 h, 7 d or all that is kept."""

from collections.abc import Sequence
from heapq import nlargest
from typing import Final

import msgspec
from flask import Blueprint, Response, request

from alerts.facts import NodeFacts
from alerts.fleet import chain_of
from rigwatch.clock import Clock, Millis, in_millis
from rigwatch.texts import visible
from rigwatch.topics import NodeId
from store import Store, changes, chart_events, series, site_series
from web.access.sites import visible_sites
from web.charts.compare import Comparison
from web.charts.events import ChartEvent, incidents_of, marked, of_node
from web.charts.lines import Range, Window, card_lines, excerpt, fleet_lines, node_lines, window
from web.node.band import band, intervals_at, stays, tally
from web.node_view import FleetView
from web.parts import LiveParts
from web.snapshot import Snapshots

_COMPANIONS: Final = 4
_MINUTE: Final[Millis] = 60_000
_json = msgspec.json.Encoder()


class SeriesAnswers:
    """Answers with a history, or 304 for who has it; one is read again only when it has changed or moved on."""

    def __init__(self, store: Store, snapshots: Snapshots, clock: Clock) -> None:
        self._store = store
        self._snapshots = snapshots
        self._clock = clock
        self._parts = LiveParts("application/json")

    def node(self, site: str, node: str) -> Response:
        now, span, name = self._clock.now(), Range.parse(request.args), NodeId(site, node)
        facts = self._snapshots.lately(now).view(name).facts
        with self._store.read() as tx:
            stamp, troubled = series.stamp(tx, name), incidents_of(tx, name)
        seen = excerpt(request.args, now)
        # With time alone the window moves by a step; "all" begins where it began.
        step = (seen or window(span, now, lambda: None)).step
        moved = None if seen else now // max(step, 10_000)

        def render() -> bytes:
            with self._store.read() as tx:
                shown = seen or window(span, now, lambda: series.oldest(tx, name))
            return self._node(facts, shown, now, troubled)

        asked = (seen.since, seen.until) if seen else span.value
        return self._parts.answer(f"{name} {asked}", (stamp, facts.interval, troubled, moved), render)

    def fleet(self) -> Response:
        now, span = self._clock.now(), Range.parse(request.args)
        mixed = self._snapshots.lately(now).fleet.rates.mixed
        seen = excerpt(request.args, now, unit=_MINUTE)
        with self._store.read() as tx:
            troubled = incidents_of(tx)
        asked = f"{seen.since} {seen.until}" if seen else span.value
        version = (now // _MINUTE, mixed, troubled)
        return self._parts.answer(asked, version, lambda: self._fleet(seen, span, now, troubled, mixed=mixed))

    def compared(self) -> Response:
        """One figure of several nodes, each with its own moments."""
        now, asked = self._clock.now(), Comparison.parse(request.args)
        fleet = self._snapshots.lately(now).fleet
        there = {each.facts.id: each.facts for each in fleet.views}
        facts = [there[node] for node in asked.nodes if node in there]
        seen = excerpt(request.args, now) or window(asked.span, now, lambda: self._oldest(facts))
        with self._store.read() as tx:
            stamps = [series.stamp(tx, each.id) for each in facts]
        version = (stamps, [each.title for each in facts], now // max(seen.step, 10_000))
        key = f"compared {asked.query()} {request.args.get('from')} {request.args.get('to')}"
        return self._parts.answer(key, version, lambda: self._compared(asked, facts, seen))

    def _oldest(self, facts: Sequence[NodeFacts]) -> Millis | None:
        with self._store.read() as tx:
            return min((at for each in facts if (at := series.oldest(tx, each.id)) is not None), default=None)

    def _compared(self, asked: Comparison, facts: Sequence[NodeFacts], seen: Window) -> bytes:
        nodes = []
        with self._store.read() as tx:
            for each in facts:
                points = series.points(tx, each.id, seen.step, since=seen.since, until=seen.until + 1)
                drawn = node_lines(points, seen, in_millis(each.interval))
                values = drawn["lines"].get(asked.figure, [])
                nodes.append({"node": str(each.id), "title": visible(each.title), "at": drawn["at"], "values": values})
        return _json.encode(
            {"since": seen.since / 1000, "until": seen.until / 1000, "figure": asked.figure, "compared": nodes}
        )

    def _node(self, facts: NodeFacts, seen: Window, now: Millis, troubled: Sequence[ChartEvent]) -> bytes:
        name, interval, until = facts.id, in_millis(facts.interval), seen.until + 1
        others = _companions(self._snapshots.lately(now).fleet, facts)
        with self._store.read() as tx:
            points = series.points(tx, name, seen.step, since=seen.since, until=until)
            cards = series.cards(tx, name, points)
            heights = series.heights(tx, others, seen.step, since=seen.since, until=until)
            past = changes.of(tx, name, seen.since)
            restarts = chart_events.restarts(tx, name, since=seen.since, until=until)
            others_now = chart_events.changes(tx, name, since=seen.since, until=until)
        known = stays(past, points, interval, since=seen.since, until=seen.until)
        counted = tally(known, points)
        answer = {
            "since": seen.since / 1000,
            "until": seen.until / 1000,
            **node_lines(points, seen, interval, heights, intervals=intervals_at(known, points)),
            "gpus": card_lines(cards, seen, interval),
            "band": [
                (each.status.value, each.since / 1000, each.until / 1000, visible(each.why))
                for each in band(known, points)
            ],
            "events": marked([*troubled, *of_node(restarts, others_now)], seen),
            "samples": sum(point.samples for point in points),
            **counted._asdict(),
        }
        return _json.encode(answer)

    def _fleet(
        self, asked: Window | None, span: Range, now: Millis, troubled: Sequence[ChartEvent], *, mixed: bool
    ) -> bytes:
        with self._store.read() as tx:
            if (sites := visible_sites()) is None:
                seen = asked or window(span, now, lambda: series.fleet_oldest(tx), unit=_MINUTE)
                points = series.fleet(tx, seen.step, since=seen.since, until=seen.until)
            else:
                seen = asked or window(span, now, lambda: site_series.oldest(tx, sites), unit=_MINUTE)
                points = site_series.fleet(tx, sites, seen.step, since=seen.since, until=seen.until, now=now)
        lines, events = fleet_lines(points, seen), marked(troubled, seen)
        told = {"since": seen.since / 1000, "until": seen.until / 1000, "mixed": mixed, "events": events}
        return _json.encode({**told, **lines})


def _companions(fleet: FleetView, facts: NodeFacts) -> list[NodeId]:
    """A few other nodes of the same chain, the highest of those that report now: who was behind, was behind them."""
    chain = chain_of(facts)
    there = [
        (each.facts.sample.block, each.facts.id)
        for each in fleet.views
        if each.counted and each.facts.sample and each.facts.sample.block is not None
        if each.facts.id != facts.id and chain_of(each.facts) == chain
    ]
    return [node for _, node in nlargest(_COMPANIONS, there)]


def create(store: Store, snapshots: Snapshots, clock: Clock) -> Blueprint:
    answers = SeriesAnswers(store, snapshots, clock)
    blueprint = Blueprint("series", __name__)
    blueprint.add_url_rule("/node/<site>/<node>/series", "node", answers.node)
    blueprint.add_url_rule("/series", "fleet", answers.fleet)
    blueprint.add_url_rule("/compare/series", "compared", answers.compared)
    return blueprint
