"""The page that compares nodes, `/compare`: one figure of up to eight, in one chart."""

from typing import Final

from flask import Blueprint, render_template, request, url_for

from rigwatch.clock import Clock
from web.charts.compare import FIGURES, MOST, Comparison
from web.charts.lines import range_links
from web.snapshot import Snapshots
from web.zone import Zone

_OFFERED: Final = 300


class ComparePage:
    """Its nodes, figure and range stand in the address, so that it can be a bookmark."""

    def __init__(self, snapshots: Snapshots, clock: Clock, *, zone: Zone) -> None:
        self._snapshots = snapshots
        self._clock = clock
        self._zone = zone

    def page(self) -> str:
        asked, now = Comparison.parse(request.args), self._clock.now()
        there = {each.facts.id: each.facts.title for each in self._snapshots.lately(now).fleet.views}
        free = [str(node) for node in there if node not in asked.nodes]
        return render_template(
            "compare.html",
            asked=asked,
            chosen=[(node, there.get(node, "")) for node in asked.nodes],
            figures=FIGURES,
            full=len(asked.nodes) >= MOST,
            offered=free[:_OFFERED],
            most=MOST,
            series_url=url_for("series.compared") + asked.query(),
            ranges=range_links(asked.span, asked.query()),
            zone=self._zone,
        )


def create(snapshots: Snapshots, clock: Clock, *, zone: Zone) -> Blueprint:
    blueprint = Blueprint("compare", __name__)
    blueprint.add_url_rule("/compare", "page", ComparePage(snapshots, clock, zone=zone).page)
    return blueprint
