"""How good a figure of a node is, with the incidents that are about it."""

import pytest

from alerts.incident import Scope, Subject
from alerts.rule import Rule, Severity
from rigwatch.settings import WebColours
from tests.fake_clock import START
from tests.unit.web.made import node, view
from web.levels import levels
from web.node_view import NodeView
from web.trouble import Trouble

COLOURS = WebColours()
GOOD = node(hashrate=5e6, peers=30, block=7, temperature=60)


def troubled(*troubles: tuple[Rule, Severity]) -> NodeView:
    made = [
        Trouble(number, Subject(Scope.NODE, GOOD.id.site, GOOD.id.node), rule, severity, "", START)
        for number, (rule, severity) in enumerate(troubles, 1)
    ]
    return view(GOOD, lag=0)._replace(troubles=tuple(made))


def test_without_an_incident_the_settings_decide() -> None:
    assert levels(view(GOOD, lag=3), COLOURS) == {
        "hashrate": "green",
        "peers": "green",
        "block": "yellow",
        "temperature": "green",
    }


@pytest.mark.parametrize(
    ("rule", "severity", "figure", "level"),
    [
        (Rule.LOW_HASHRATE, Severity.WARNING, "hashrate", "orange"),
        (Rule.HOT, Severity.CRITICAL, "temperature", "red"),
        (Rule.FEW_PEERS, Severity.INFO, "peers", "yellow"),
        (Rule.FORK, Severity.CRITICAL, "block", "red"),
        (Rule.REJECTED_SHARES, Severity.WARNING, "accepted", "orange"),
        (Rule.GPU_MISSING, Severity.CRITICAL, "gpus", "red"),
        (Rule.CHIPS_MISSING, Severity.WARNING, "boards", "orange"),
    ],
)
def test_an_incident_colours_its_figure_and_no_other(rule: Rule, severity: Severity, figure: str, level: str) -> None:
    calm, found = levels(troubled(), COLOURS), levels(troubled((rule, severity)), COLOURS)
    assert found[figure] == level
    assert {name: value for name, value in found.items() if name != figure} == {
        name: value for name, value in calm.items() if name != figure
    }


def test_the_worst_counts_and_no_incident_makes_a_figure_look_better() -> None:
    both = troubled((Rule.COLD, Severity.WARNING), (Rule.HOT, Severity.CRITICAL), (Rule.HOT, Severity.INFO))
    assert levels(both, COLOURS)["temperature"] == "red"
    assert levels(troubled((Rule.BLOCK_LAG, Severity.INFO))._replace(lag=9), COLOURS)["block"] == "red"


def test_figures_of_the_past_have_no_colour_whatever_fires() -> None:
    assert levels(troubled((Rule.HOT, Severity.CRITICAL))._replace(counted=False), COLOURS) == {}
