"""A figure of the table is wherever the table says, stored, exported and documented; so that none is forgotten."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from rigwatch.figures import FIGURES, FLAG, MEASURED, RECORD, TEXT, AlgorithmFigures, Board, Fan, Figure, Gpu, Miner
from rigwatch.lines import COLUMNS, csv_head, csv_lines
from rigwatch.messages import Sample
from rigwatch.settings import WebColours
from store.rows import from_row, to_row
from tests.unit.subscriber.feed.test_homeassistant import device
from tests.unit.subscriber.feed.test_tree import NODE, state
from tests.unit.web.made import node, view
from web.api.nodes import Figures
from web.node.figures import figures
from web.node_metrics import node_metrics
from web.row import DisplaySettings
from web.zone import Zone

DOCS = Path(__file__).resolve().parents[3] / "docs"
PROTOCOL, API = ((DOCS / name).read_text(encoding="utf-8") for name in ("protocol.md", "api.md"))
PARTS = (Gpu, Board, Fan, AlgorithmFigures)
RECORDS = {
    "algorithms": {"rx/0": AlgorithmFigures(7.5)},
    "gpus": (Gpu("0000:01:00.0"),),
    "boards": (Board("0"),),
    "fans": (Fan("0", 900.0),),
    "miner": Miner("XMRig", "6"),
}


def value_of(name: str) -> Any:  # noqa: ANN401 - of the figure's own type
    unit = FIGURES[name].unit
    if unit is RECORD:
        return RECORDS[name]
    return "x" if unit is TEXT else True if unit is FLAG else 7 if unit.whole else 7.5


def sample_with(name: str) -> Sample:
    return Sample(n=1000, at=2000, **{name: value_of(name)})


def those_with(place: str) -> list[Figure]:
    return [each for each in FIGURES.values() if each.name in MEASURED and getattr(each, place)]


def name_of(figure: Figure) -> str:
    return figure.name


def test_the_table_has_each_figure_once_and_each_says_where_it_is_or_that_it_is_not() -> None:
    of_parts = {name for part in PARTS for name in part.__struct_fields__ if name in FIGURES}
    assert set(FIGURES) == {*MEASURED, *of_parts}
    assert set(Figure._field_defaults) == {"diagnostic"}
    for place in ("label", "key", "entity"):
        told = [getattr(each, place) for each in those_with(place)]
        assert len(set(told)) == len(told)


@pytest.mark.parametrize("name", MEASURED)
def test_a_figure_comes_back_from_its_column(name: str) -> None:
    sample = sample_with(name)
    assert from_row(to_row(1, sample, sample.at, None)) == sample


@pytest.mark.parametrize("name", MEASURED)
def test_a_figure_is_exported_and_in_the_api(name: str) -> None:
    lines = (csv_head() + csv_lines(NODE.id, [sample_with(name)])).decode()
    (row,) = csv.DictReader(io.StringIO(lines))
    assert row[name], COLUMNS
    assert name in Figures.__struct_fields__


@pytest.mark.parametrize("figure", those_with("label"), ids=name_of)
def test_a_figure_with_a_label_is_on_the_node_s_page(figure: Figure) -> None:
    look = DisplaySettings(WebColours(), Zone.find("UTC"))
    shown = {each.label: each.value for each in figures(view(node(**{figure.name: value_of(figure.name)})), look, ())}
    assert shown[figure.label or ""].text[0] in "78", "7.5 may be rounded"


@pytest.mark.parametrize("figure", those_with("key"), ids=name_of)
def test_a_figure_with_a_key_is_in_the_plain_state_and_documented(figure: Figure) -> None:
    assert state(replace(NODE, sample=sample_with(figure.name)))[figure.key or ""] == value_of(figure.name)
    assert f"`{figure.key}`" in PROTOCOL


@pytest.mark.parametrize("figure", those_with("entity"), ids=name_of)
def test_a_figure_with_an_entity_is_in_home_assistant(figure: Figure) -> None:
    part = device(replace(NODE, sample=sample_with(figure.name)))["cmps"][figure.key]
    assert (part["name"], part.get("unit_of_meas", "")) == (figure.entity, figure.unit.symbol)


@pytest.mark.parametrize("figure", those_with("metric"), ids=name_of)
def test_a_figure_with_a_metric_is_measured_in_base_units_and_documented(figure: Figure) -> None:
    assert figure.metric is not None
    facts = node(**{figure.name: value_of(figure.name)})
    families = text_string_to_metric_families(node_metrics([view(facts)]))
    told = {each.name: each.samples for each in families}
    (measured,) = told[f"rigwatch_node_{figure.metric.name}"]
    assert measured.value == value_of(figure.name) / figure.unit.per_base
    assert f"_{figure.metric.name}" in API
