"""Rows are rendered once per change of their node."""

from collections.abc import Mapping, Sequence

import msgspec
from flask import Flask

from alerts.facts import Average
from rigwatch.clock import Millis
from rigwatch.settings import WebColours
from rigwatch.topics import NodeId
from tests.fake_clock import START
from tests.unit.web.made import fleet, node
from web.live import Piece
from web.node_view import NodeView
from web.overview.columns import EVERY
from web.overview.kept import KeptRows, RowLook
from web.overview.listing import Sort
from web.row import DisplaySettings
from web.zone import Zone

ALL = RowLook(EVERY)


def made() -> KeptRows:
    return KeptRows(DisplaySettings(WebColours(), Zone.find("UTC")))


def pieces(
    rows: KeptRows,
    app: Flask,
    views: Sequence[NodeView],
    *,
    look: RowLook = ALL,
    averages: Mapping[NodeId, Average] | None = None,
    now: Millis = START,
) -> list[Piece]:
    return list(rows.pieces(app, views, look, averages=averages or {}, sparks={}, now=now).values())


def test_a_row_is_rendered_anew_only_when_its_node_changes(app: Flask) -> None:
    rows = made()
    still, moving = node("a", hashrate=1), node("b", hashrate=1)
    first = pieces(rows, app, fleet(still, moving).views)
    moved = msgspec.structs.replace(moving, name="Moved")
    second = pieces(rows, app, fleet(still, moved).views, now=START + 5000)
    assert first[0].look == second[0].look
    assert first[1].look != second[1].look
    assert "data-age>0 s<" in first[0].html(START)
    assert second[0].html(START + 5000) == first[0].html(START).replace("data-age>0 s<", "data-age>5 s<")
    assert "Moved" in second[1].html(START)


def test_an_age_makes_a_row_look_anew_when_it_changes_its_colour(app: Flask) -> None:
    rows, views = made(), fleet(node("rig1", hashrate=1)).views
    looks = [pieces(rows, app, views, now=START + minutes * 60_000)[0].look for minutes in (0, 3, 4, 6)]
    assert looks[0] == looks[1]
    assert len(set(looks)) == 3


def test_an_average_is_a_part_of_the_row(app: Flask) -> None:
    rows, views = made(), fleet(node("rig1", hashrate=1)).views
    known = {views[0].facts.id: Average(0.5, 2.0, 3)}
    (without,), (with_one,) = pieces(rows, app, views), pieces(rows, app, views, averages=known)
    assert without.look != with_one.look
    assert "+100 %" in with_one.html(START)


def test_nothing_that_a_rig_or_anybody_says_becomes_part_of_the_page(app: Flask) -> None:
    evil = '"><b x=">'
    facts = msgspec.structs.replace(
        node("rig1", hashrate=1), name=evil, host=evil, tags=(evil, "simulated"), reason=evil, clock_offset=9000
    )
    sample = facts.sample
    assert sample is not None
    facts = msgspec.structs.replace(facts, sample=msgspec.structs.replace(sample, errors={evil: evil}, syncing=True))
    (piece,) = pieces(made(), app, fleet(facts).views, look=RowLook(EVERY, picks=True))
    row = piece.html(START)
    assert "<b" not in row
    assert 'x="' not in row
    assert row.count("&lt;b x=") == 7


def test_each_choice_of_columns_has_its_rows(app: Flask) -> None:
    rows, views = made(), fleet(node("rig1", hashrate=1, peers=3)).views
    bare = RowLook(EVERY - {Sort.PEERS})
    found = [pieces(rows, app, views, look=look)[0] for look in (ALL, bare, ALL, RowLook(EVERY, picks=True))]
    assert ["c-peers" in each.html(START) for each in found] == [True, False, True, True]
    assert ['type="checkbox"' in each.html(START) for each in found] == [False, False, False, True]
    assert found[0].look == found[2].look
