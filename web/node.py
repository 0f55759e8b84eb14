"""The page of one node, `/node/<site>/<node>`, and the live part of it that the page polls."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, url_for
from werkzeug.exceptions import NotFound

from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from web.node_figures import facts_of, figures, tags, warnings
from web.parts import Parts
from web.row import MEANING, Look
from web.snapshot import Snapshot, Snapshots
from web.standing import SIMULATED, Standing
from web.zone import Zone


class NodePage:
    """Renders one node; its live part changes with this node, whatever the others do."""

    def __init__(self, settings: ServerSettings, snapshots: Snapshots, clock: Clock, *, zone: Zone) -> None:
        self._snapshots = snapshots
        self._clock = clock
        self._look = Look(settings.web.colours, zone)
        self._parts = Parts()

    def page(self, site: str, node: str) -> str:
        now = self._clock.now()
        snapshot = self._snapshots.at(now)
        each = _found(snapshot, NodeId(site, node))
        live_url = url_for("node.live", site=site, node=node)
        return render_template("node.html", live_url=live_url, **self._context(snapshot, each, now))

    def live(self, site: str, node: str) -> Response:
        """The part that changes, or 304 while it has not."""
        now = self._clock.now()
        snapshot = self._snapshots.at(now)
        each = _found(snapshot, NodeId(site, node))
        version = (each._replace(age=None), snapshot.fleet.blind)
        return self._parts.answer(
            str(each.facts.id), version, lambda: render_template("node_live.html", **self._context(snapshot, each, now))
        )

    def _context(self, snapshot: Snapshot, each: Standing, now: Millis) -> Mapping[str, Any]:
        facts, look = each.facts, self._look
        return {
            "now": now,
            "now_full": look.zone.full(now),
            "zone": look.zone,
            "blind": snapshot.fleet.blind,
            "node": facts,
            "status": each.status.value,
            "meaning": facts.reason or MEANING[each.status],
            "stale": not each.counted,
            "simulated": SIMULATED in facts.tags,
            "tags": tags(each),
            "figures": figures(each, look),
            "warnings": warnings(each),
            "facts": facts_of(each, look, now),
        }


def create(settings: ServerSettings, snapshots: Snapshots, clock: Clock, *, zone: Zone) -> Blueprint:
    page = NodePage(settings, snapshots, clock, zone=zone)
    blueprint = Blueprint("node", __name__, url_prefix="/node/<site>/<node>")
    blueprint.add_url_rule("", "page", page.page)
    blueprint.add_url_rule("/live", "live", page.live)
    return blueprint


def _found(snapshot: Snapshot, node: NodeId) -> Standing:
    for each in snapshot.fleet.standings:
        if each.facts.id == node:
            return each
    raise NotFound(f"There is no node {node}. It may have another name by now, or was never enrolled.")
