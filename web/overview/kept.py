"""Rows that stay rendered while a node does not change: with a thousand nodes few of them do between two looks."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from flask import Flask
from markupsafe import Markup

from alerts.facts import Average
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from web import units
from web.colours import age_level
from web.node_view import FleetView, NodeView
from web.row import AverageRow, DisplaySettings, NodeRow, average_row, node_row

_TEMPLATE = "overview_rows.html"


# No name of a node has it.
_MARK: Final = Markup(f"@{secrets.token_hex(16)}@")  # noqa: S704 - hexadecimal


class _Latest(NamedTuple):
    """What was rendered, cut where the moment comes in, and from what: the standing but for its age."""

    view: NodeView
    parts: tuple[str, ...]


class _Average(NamedTuple):
    average: Average
    view: NodeView
    html: Markup


class KeptRows:
    """Renders rows by the macros of `overview_rows.html`: about 50 µs for a row that is new, 2 µs for one that is not.

    Several threads may use it at once: each entry is replaced whole.
    """

    def __init__(self, look: DisplaySettings) -> None:
        self._look = look
        self._latest: dict[NodeId, _Latest] = {}
        self._averages: dict[NodeId, _Average] = {}

    def latest(
        self, app: Flask, shown: Iterable[NodeView], now: Millis, sparks: Mapping[NodeId, Markup]
    ) -> list[Markup]:
        render: Callable[[NodeRow, Markup], Markup] = _macro(app, "latest")
        return [self._latest_row(each, now, sparks.get(each.facts.id, ""), render) for each in shown]

    def averages(self, app: Flask, shown: Iterable[NodeView], averages: Mapping[NodeId, Average]) -> list[Markup]:
        """In the order of `shown`; nodes without a sample in the span have no row."""
        render: Callable[[AverageRow], Markup] = _macro(app, "average")
        return [self._average_row(each, average, render) for each in shown if (average := averages.get(each.facts.id))]

    def forget(self, fleet: FleetView) -> None:
        """Drops rows of nodes that the fleet does not have any more."""
        if len(self._latest) > len(fleet.views):
            there = {each.facts.id for each in fleet.views}
            for gone in self._latest.keys() - there:
                self._latest.pop(gone, None)
                self._averages.pop(gone, None)

    def _latest_row(
        self, each: NodeView, now: Millis, spark: str, render: Callable[[NodeRow, Markup], Markup]
    ) -> Markup:
        kept = self._latest.get(each.facts.id)
        if kept is None or not _same(kept.view, each):
            parts = str(render(node_row(each, self._look), _MARK)).split(_MARK)
            kept = self._latest[each.facts.id] = _Latest(each, tuple(parts))
        at = each.facts.last_report_at
        age = None if at is None else now - at
        level = age_level(age, self._look.colours).value or "nil"
        head, day, last, tail = kept.parts
        return Markup("".join((head, spark, day, level, last, units.age(age), tail)))  # noqa: S704 - all are rendered

    def _average_row(self, each: NodeView, average: Average, render: Callable[[AverageRow], Markup]) -> Markup:
        kept = self._averages.get(each.facts.id)
        if kept and kept.average == average and _same(kept.view, each):
            return kept.html
        html = render(average_row(each, average, self._look))
        self._averages[each.facts.id] = _Average(average, each, html)
        return html


def _same(one: NodeView, other: NodeView) -> bool:
    """Whether both look alike but for the age."""
    return (
        one.status is other.status
        and one.counted is other.counted
        and one.lag == other.lag
        and one.troubles == other.troubles
        and (one.facts is other.facts or one.facts == other.facts)
    )


def _macro(app: Flask, name: str) -> Callable[..., Markup]:
    macro: Callable[..., Markup] = getattr(app.jinja_env.get_template(_TEMPLATE).module, name)
    return macro
