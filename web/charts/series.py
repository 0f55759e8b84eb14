"""Histories as charts draw them, in JSON: of one node and of the fleet, over 1 h, 24 h, 7 d or all that is kept."""

from heapq import nlargest
from typing import Final

import msgspec
from flask import Blueprint, Response, request

from alerts.facts import NodeFacts
from alerts.fleet import chain_of
from rigwatch.clock import Clock, Millis, in_millis
from rigwatch.texts import visible
from rigwatch.topics import NodeId
from store import Store, changes, series, site_series
from web.access.sites import visible_sites
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
            stamp = series.stamp(tx, name)
        if (seen := excerpt(request.args, now)) is not None:
            asked = (seen.since, seen.until)
            return self._parts.answer(f"{name} {asked}", (stamp, facts.interval), lambda: self._node(facts, seen, now))
        # With time alone the window moves by a step; "all" begins where it began.
        step = window(span, now, lambda: None).step
        version = (stamp, facts.interval, now // max(step, 10_000))

        def render() -> bytes:
            with self._store.read() as tx:
                seen = window(span, now, lambda: series.oldest(tx, name))
            return self._node(facts, seen, now)

        return self._parts.answer(f"{name} {span}", version, render)

    def fleet(self) -> Response:
        now, span = self._clock.now(), Range.parse(request.args)
        mixed = self._snapshots.lately(now).fleet.rates.mixed
        return self._parts.answer(span.value, (now // _MINUTE, mixed), lambda: self._fleet(span, now, mixed=mixed))

    def _node(self, facts: NodeFacts, seen: Window, now: Millis) -> bytes:
        name, interval, until = facts.id, in_millis(facts.interval), seen.until + 1
        others = _companions(self._snapshots.lately(now).fleet, facts)
        with self._store.read() as tx:
            points = series.points(tx, name, seen.step, since=seen.since, until=until)
            cards = series.cards(tx, name, points)
            heights = series.heights(tx, others, seen.step, since=seen.since, until=until)
            past = changes.of(tx, name, seen.since)
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
            "samples": sum(point.samples for point in points),
            **counted._asdict(),
        }
        return _json.encode(answer)

    def _fleet(self, span: Range, now: Millis, *, mixed: bool) -> bytes:
        with self._store.read() as tx:
            if (sites := visible_sites()) is None:
                seen = window(span, now, lambda: series.fleet_oldest(tx), unit=_MINUTE)
                points = series.fleet(tx, seen.step, since=seen.since, until=seen.until)
            else:
                seen = window(span, now, lambda: site_series.oldest(tx, sites), unit=_MINUTE)
                points = site_series.fleet(tx, sites, seen.step, since=seen.since, until=seen.until, now=now)
        lines = fleet_lines(points, seen)
        return _json.encode({"since": seen.since / 1000, "until": seen.until / 1000, "mixed": mixed, **lines})


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
    return blueprint
