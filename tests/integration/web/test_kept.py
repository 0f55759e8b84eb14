"""Rows are rendered once per change of their node, and forgotten with it."""

import msgspec
from flask import Flask

from rigwatch.settings import WebColours
from tests.fake_clock import START
from tests.unit.web.made import fleet, node
from web.kept import KeptRows
from web.row import Look
from web.zone import Zone


def test_a_row_is_rendered_anew_only_when_its_node_changes(app: Flask) -> None:
    rows = KeptRows(Look(WebColours(), Zone.find("UTC")))
    still, moving = node("still", hashrate=1), node("moving", hashrate=1)
    first = rows.latest(app, fleet(still, moving).standings, START, {})
    moved = msgspec.structs.replace(moving, name="Moved")
    second = rows.latest(app, fleet(still, moved).standings, START + 5000, {})
    assert second[0].cells is first[0].cells
    assert [each.age for each in second] == ["5 s", "5 s"]
    assert "Moved" in second[1].cells


def test_nothing_is_kept_of_a_node_that_is_gone(app: Flask) -> None:
    rows = KeptRows(Look(WebColours(), Zone.find("UTC")))
    nodes = [node(f"rig{number}") for number in range(5)]
    rows.latest(app, fleet(*nodes).standings, START, {})
    rows.forget(fleet(nodes[3]))
    assert list(rows._latest) == [nodes[3].id]
