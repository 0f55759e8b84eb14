"""The page of one node, `/node/<site>/<node>`, and the live part of it that the page polls."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for

from alerts.facts import NodeChange
from alerts.incident import Incident
from rigwatch.clock import Clock, Millis, in_millis
from rigwatch.figures import FIGURES
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from store import Store, alerts, changes, devices, incidents, series
from store.incidents import IncidentFilter, IncidentPart
from web.charts.lines import Range, range_links
from web.language.texts import gettext as _
from web.node.cards import CardOrder, board_table, fan_texts, gpu_table
from web.node.figures import facts_of, figures, had, tags, warnings, works
from web.node.past import awaited, change_rows, incident_lines, sample_rows
from web.node.wall_power import DAY, wall_power
from web.node_view import SIMULATED, NodeView
from web.parts import LiveParts
from web.row import MEANING, DisplaySettings
from web.snapshot import Snapshot, Snapshots
from web.zone import Zone

_SAMPLES: Final = 15
_INCIDENTS: Final = 8
_CHANGES: Final = 8


class NodePageView:
    """Renders one node; its live part changes with this node, whatever the others do."""

    def __init__(
        self, settings: ServerSettings, store: Store, snapshots: Snapshots, clock: Clock, *, zone: Zone
    ) -> None:
        self._store = store
        self._keep = in_millis(settings.database.keep)
        self._snapshots = snapshots
        self._clock = clock
        self._look = DisplaySettings(settings.web.colours, zone)
        self._parts = LiveParts()

    def page(self, site: str, node: str) -> str:
        now = self._clock.now()
        snapshot = self._snapshots.at(now)
        each = snapshot.view(NodeId(site, node))
        live_url = url_for("node.live", site=site, node=node) + CardOrder.parse(request.args).query()
        past = self._incidents(each.facts.id)
        return render_template("node.html", live_url=live_url, **self._context(snapshot, each, past, now))

    def live(self, site: str, node: str) -> Response:
        """The part that changes, or 304 while it has not."""
        now = self._clock.now()
        snapshot = self._snapshots.lately(now)
        each = snapshot.view(NodeId(site, node))
        past, order = self._incidents(each.facts.id), CardOrder.parse(request.args)
        with self._store.read() as tx:
            stamp = series.stamp(tx, each.facts.id)
            plugs = tuple(plug.state for plug in devices.of_node(tx, each.facts.id))
        version = (each._replace(until=0), snapshot.fleet.broker_down, stamp, past, plugs)

        def render() -> str:
            return render_template("node_live.html", **self._context(snapshot, each, past, now))

        return self._parts.answer(str(each.facts.id) + order.query(), version, render)

    def _incidents(self, node: NodeId) -> list[Incident]:
        """Those that are open, then the latest of the others."""

        def wanted(part: IncidentPart) -> IncidentFilter:
            return IncidentFilter(part=part, site=node.site, node=node.node)

        with self._store.read() as tx:
            now = incidents.page(tx, wanted(IncidentPart.OPEN), _INCIDENTS)
            return now + incidents.page(tx, wanted(IncidentPart.PAST), _INCIDENTS)

    def _changes(self, node: NodeId, now: Millis) -> list[NodeChange]:
        with self._store.read() as tx:
            return changes.of(tx, node, now - self._keep)

    def _context(self, snapshot: Snapshot, each: NodeView, past: list[Incident], now: Millis) -> Mapping[str, Any]:
        facts, look, order = each.facts, self._look, CardOrder.parse(request.args)
        with self._store.read() as tx:
            samples = series.latest(tx, facts.id, _SAMPLES)
            plugs = devices.of_node(tx, facts.id)
            drawn = devices.energy(tx, now - DAY, now) if plugs else {}
        ever = had(each, samples, snapshot.averages.of([facts.id]).get(facts.id))
        return {
            **self._cards(each, order, now),
            "now": now,
            "now_full": look.zone.full(now),
            "zone": look.zone,
            "broker_down": snapshot.fleet.broker_down,
            "node": facts,
            "here": url_for("node.page", site=facts.id.site, node=facts.id.node),
            "status": each.status.value,
            "meaning": facts.reason or _(MEANING[each.status]),
            "stale": not each.counted,
            "simulated": SIMULATED in facts.tags,
            "tags": tags(each),
            "figures": [*figures(each, look, ever), *wall_power(plugs, drawn, now)],
            "works": works(each),
            "troubles": each.troubles,
            "warnings": warnings(each),
            "facts": facts_of(each, look, now),
            "ranges": range_links(Range.parse(request.args), order.query()),
            "incidents": incident_lines(past, look),
            "sample_columns": [FIGURES[name].label for name in ever],
            "samples": sample_rows(samples, look, now, ever),
            "changes": change_rows(self._changes(facts.id, now), look, _CHANGES),
            "awaited": awaited(in_millis(facts.interval)),
        }

    def _cards(self, each: NodeView, order: CardOrder, now: Millis) -> Mapping[str, Any]:
        sample, colours, fresh = each.facts.sample, self._look.colours, each.counted
        if sample is None:
            return {"tables": [], "fans": []}
        with self._store.read() as tx:
            known = alerts.cards_of(tx, each.facts.id) if sample.gpus is not None else ()
        tables = {
            "gpus": gpu_table(sample.gpus or (), known, order, colours, now=now, fresh=fresh),
            "boards": board_table(sample.boards or (), order, colours, fresh=fresh),
        }
        return {
            "tables": [(name, table) for name, table in tables.items() if table],
            "fans": fan_texts(sample.fans or (), fresh=fresh),
        }


def create(settings: ServerSettings, store: Store, snapshots: Snapshots, clock: Clock, *, zone: Zone) -> Blueprint:
    page = NodePageView(settings, store, snapshots, clock, zone=zone)
    blueprint = Blueprint("node", __name__, url_prefix="/node/<site>/<node>")
    blueprint.add_url_rule("", "page", page.page)
    blueprint.add_url_rule("/live", "live", page.live)
    return blueprint
