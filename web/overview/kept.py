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
from web.overview.columns import EVERY, Columns
from web.row import DisplaySettings, average_row, node_row

_TEMPLATE = "overview_rows.html"


# No name of a node has it.
_MARK: Final = Markup(f"@{secrets.token_hex(16)}@")  # noqa: S704 - hexadecimal


class _Latest(NamedTuple):
    """What was rendered, cut where the moment comes in, and from what: the standing but for its age."""

    view: NodeView
    columns: Columns
    parts: tuple[str, ...]


class _Average(NamedTuple):
    average: Average
    view: NodeView
    columns: Columns
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
        self,
        app: Flask,
        shown: Iterable[NodeView],
        now: Millis,
        sparks: Mapping[NodeId, Markup],
        *,
        columns: Columns = EVERY,
    ) -> list[Markup]:
        macro = _macro(app, "latest")

        def render(each: NodeView) -> _Latest:
            parts = str(macro(node_row(each, self._look), _MARK, columns)).split(_MARK)
            return _Latest(each, columns, tuple(parts))

        rows = (self._latest_row(each, columns, render) for each in shown)
        return [self._at(row, now, sparks.get(row.view.facts.id, "")) for row in rows]

    def averages(
        self,
        app: Flask,
        shown: Iterable[NodeView],
        averages: Mapping[NodeId, Average],
        *,
        columns: Columns = EVERY,
    ) -> list[Markup]:
        """In the order of `shown`; nodes without a sample in the span have no row."""
        macro = _macro(app, "average")

        def render(each: NodeView, average: Average) -> _Average:
            return _Average(average, each, columns, macro(average_row(each, average, self._look), columns))

        known = ((each, averages.get(each.facts.id)) for each in shown)
        return [self._average_row(each, average, columns, render) for each, average in known if average]

    def forget(self, fleet: FleetView) -> None:
        """Drops rows of nodes that the fleet does not have any more."""
        if len(self._latest) > len(fleet.views):
            there = {each.facts.id for each in fleet.views}
            for gone in self._latest.keys() - there:
                self._latest.pop(gone, None)
                self._averages.pop(gone, None)

    def _latest_row(self, each: NodeView, columns: Columns, render: Callable[[NodeView], _Latest]) -> _Latest:
        kept = self._latest.get(each.facts.id)
        if kept is None or kept.columns != columns or not _same(kept.view, each):
            kept = self._latest[each.facts.id] = render(each)
        return kept

    def _at(self, row: _Latest, now: Millis, spark: str) -> Markup:
        at = row.view.facts.last_report_at
        age = None if at is None else now - at
        level = age_level(age, self._look.colours).value or "nil"
        head, day, last, tail = row.parts
        return Markup("".join((head, spark, day, level, last, units.age(age), tail)))  # noqa: S704 - all are rendered

    def _average_row(
        self,
        each: NodeView,
        average: Average,
        columns: Columns,
        render: Callable[[NodeView, Average], _Average],
    ) -> Markup:
        kept = self._averages.get(each.facts.id)
        if kept is None or kept.average != average or kept.columns != columns or not _same(kept.view, each):
            kept = self._averages[each.facts.id] = render(each, average)
        return kept.html


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
