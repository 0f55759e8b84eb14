"""Rows that stay rendered while a node does not change: with a thousand nodes few of them do between two looks."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Final, NamedTuple

from flask import Flask
from markupsafe import Markup

from alerts.facts import Average
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from web import units
from web.colours import age_level
from web.live import Piece
from web.node_view import NodeView
from web.overview.columns import Columns
from web.row import NO_AVERAGE, DisplaySettings, average_cells, node_row

_TEMPLATE: Final = "overview_rows.html"
_COLUMNS_KEPT: Final = 8
_ROWS_KEPT: Final = 4000
# No name of a node has it.
_MARK: Final = Markup(f"@{secrets.token_hex(16)}@")  # noqa: S704 - hexadecimal


class RowLook(NamedTuple):
    """What a kind of row has besides its node: its columns, and whether it can be picked."""

    columns: Columns
    picks: bool = False


class _Kept(NamedTuple):
    """What was rendered, cut where the moment comes in, and from what: the standing but for its age. No two have the
    same `number`."""

    view: NodeView
    average: Average | None
    parts: tuple[str, ...]
    number: int


class KeptRows:
    """Renders rows by the macro of `overview_rows.html`: about 50 µs for a row that is new, 2 µs for one that is not.

    Several threads may use it at once: each entry is replaced whole.
    """

    def __init__(self, look: DisplaySettings) -> None:
        self._look = look
        self._kept: dict[RowLook, dict[NodeId, _Kept]] = {}
        self._numbers = count(1)

    def pieces(
        self,
        app: Flask,
        shown: Iterable[NodeView],
        look: RowLook,
        *,
        averages: Mapping[NodeId, Average],
        sparks: Mapping[NodeId, Markup],
        now: Millis,
    ) -> dict[str, Piece]:
        """By the node's name, in the order of `shown`. One looks anew when its node does, or its age has another
        colour at `now`."""
        template = app.jinja_env.get_template(_TEMPLATE).module
        macro: Callable[..., Markup] = template.row  # type: ignore[attr-defined] # a macro of it
        kept = self._of(look)
        pieces: dict[str, Piece] = {}
        for each in shown:
            node, average = each.facts.id, averages.get(each.facts.id)
            row = kept.get(node)
            if row is None or row.average != average or not _same(row.view, each):
                cells = NO_AVERAGE if average is None else average_cells(each, average)
                parts = str(macro(node_row(each, self._look), cells, _MARK, look)).split(_MARK)
                row = kept[node] = _Kept(each, average, tuple(parts), next(self._numbers))
            pieces[str(node)] = self._piece(row, sparks.get(node, ""), now)
        return pieces

    def _piece(self, row: _Kept, spark: str, now: Millis) -> Piece:
        reported_at = row.view.facts.last_report_at

        def html(now: Millis) -> str:
            age = None if reported_at is None else now - reported_at
            head, day, last, tail = row.parts
            return "".join((head, spark, day, self._level(age), last, units.age(age), tail))

        return Piece((row.number, self._level(None if reported_at is None else now - reported_at), spark), html)

    def _level(self, age: Millis | None) -> str:
        return age_level(age, self._look.colours).value or "nil"

    def _of(self, look: RowLook) -> dict[NodeId, _Kept]:
        """The rows of that kind. Of too many none is kept: so nobody has to look for nodes that are gone."""
        kept = self._kept.get(look)
        if kept is None or len(kept) > _ROWS_KEPT:
            if len(self._kept) >= _COLUMNS_KEPT:
                self._kept = {}
            kept = self._kept[look] = {}
        return kept


def _same(one: NodeView, other: NodeView) -> bool:
    """Whether both look alike but for the age."""
    return (
        one.status is other.status
        and one.counted is other.counted
        and one.lag == other.lag
        and one.troubles == other.troubles
        and (one.facts is other.facts or one.facts == other.facts)
    )
