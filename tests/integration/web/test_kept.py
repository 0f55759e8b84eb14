"""Rows are rendered once per change of their node, and forgotten with it."""

import msgspec
from flask import Flask

from alerts.facts import Average
from rigwatch.settings import WebColours
from tests.fake_clock import START
from tests.unit.web.made import fleet, node
from web.overview.columns import EVERY
from web.overview.kept import KeptRows
from web.overview.listing import Sort
from web.row import DisplaySettings
from web.zone import Zone


def test_a_row_is_rendered_anew_only_when_its_node_changes(app: Flask) -> None:
    rows = KeptRows(DisplaySettings(WebColours(), Zone.find("UTC")))
    still, moving = node("still", hashrate=1), node("moving", hashrate=1)
    first = rows.latest(app, fleet(still, moving).views, START, {})
    kept = rows._latest[still.id].parts
    moved = msgspec.structs.replace(moving, name="Moved")
    second = rows.latest(app, fleet(still, moved).views, START + 5000, {})
    assert "data-age>0 s<" in first[0]
    assert str(second[0]) == str(first[0]).replace("data-age>0 s<", "data-age>5 s<")
    assert "data-age>5 s<" in second[1]
    assert "Moved" in second[1]
    assert rows._latest[still.id].parts is kept


def test_nothing_is_kept_of_a_node_that_is_gone(app: Flask) -> None:
    rows = KeptRows(DisplaySettings(WebColours(), Zone.find("UTC")))
    nodes = [node(f"rig{number}") for number in range(5)]
    rows.latest(app, fleet(*nodes).views, START, {})
    rows.forget(fleet(nodes[3]))
    assert list(rows._latest) == [nodes[3].id]


def test_nothing_that_a_rig_or_anybody_says_becomes_part_of_the_page(app: Flask) -> None:
    rows = KeptRows(DisplaySettings(WebColours(), Zone.find("UTC")))
    evil = '"><b x=">'
    facts = msgspec.structs.replace(
        node("rig1", hashrate=1), name=evil, host=evil, tags=(evil, "simulated"), reason=evil, clock_offset=9000
    )
    sample = facts.sample
    assert sample is not None
    facts = msgspec.structs.replace(facts, sample=msgspec.structs.replace(sample, errors={evil: evil}, syncing=True))
    shown = fleet(facts).views
    (latest,) = rows.latest(app, shown, START, {})
    (average,) = rows.averages(app, shown, {facts.id: Average(1.0, 2.0, 3)})
    for row in (latest, average):
        assert "<b" not in row
        assert 'x="' not in row
        assert "&lt;b x=" in row
    assert latest.count("&lt;b x=") == 6


def test_a_row_is_rendered_anew_when_the_columns_change(app: Flask) -> None:
    rows = KeptRows(DisplaySettings(WebColours(), Zone.find("UTC")))
    views = fleet(node("rig1", hashrate=1, peers=3)).views
    bare = EVERY - {Sort.PEERS}
    averages = {views[0].facts.id: Average(1.0, 2.0, 3)}
    for columns in (EVERY, bare, EVERY):
        (latest,) = rows.latest(app, views, START, {}, columns=columns)
        (average,) = rows.averages(app, views, averages, columns=columns)
        assert ("c-peers" in latest) is ("c-peers" in average) is (columns == EVERY)
