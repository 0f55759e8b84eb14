import ast
import re
from pathlib import Path

import pytest

from alerts.facts import UserRole
from alerts.incident import IncidentState
from alerts.notice import NoticeReason
from alerts.rule import OF_THE_SERVER, TITLES, Rule, Severity, plural
from alerts.silence import SilenceKind
from alerts.status import NodeStatus
from rigwatch.figures import FIGURES
from web.incidents import titles
from web.incidents.rows import state_word
from web.language.vocabulary import STATUSES, WORDS
from web.language.words import SPOKEN, script_texts

WEB = Path(__file__).parents[4] / "web"


@pytest.mark.parametrize("word", [*NodeStatus, *Severity, *UserRole, *SilenceKind, *NoticeReason])
def test_a_value_that_is_shown_as_a_word_is_marked_for_translation(word: str) -> None:
    assert str(word) in {*STATUSES, *WORDS}


def test_so_is_how_an_incident_stands_and_what_a_figure_is_called() -> None:
    marked = {*STATUSES, *WORDS}
    assert {state_word(state) for state in IncidentState} <= marked
    assert {figure.label for figure in FIGURES.values() if figure.label} <= marked


def test_the_titles_of_rules_are_those_that_messages_have() -> None:
    assert titles.TITLES == TITLES
    for rule in Rule:
        if rule not in OF_THE_SERVER:
            assert titles.TOGETHER[rule] % {"number": 3} == f"3 nodes {plural(TITLES[rule])} together"


def test_the_texts_of_scripts_are_found() -> None:
    assert {"Copied.", "Hashrate and nodes", "%(number)s of those due are missing"} <= set(script_texts())


def test_what_the_style_sheets_say_is_what_can_be_translated() -> None:
    sheet = (WEB / "static" / "rigwatch.css").read_text()
    for name, text in SPOKEN.items():
        assert f'--say-{name}: "{text}";' in sheet
    for path in (WEB / "static").glob("*.css"):
        assert re.findall(r'content:[^;]*"[^";]*[a-zA-Z][^";]*"', path.read_text()) == [], path


@pytest.mark.parametrize("path", sorted(WEB.rglob("*.py")), ids=lambda path: str(path.relative_to(WEB)))
def test_no_text_is_put_together_before_it_is_translated(path: Path) -> None:
    """What is not written out in the call cannot be found: `_(f"…")`, `_("…" + x)`, `_("…".format(x))`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "N_", "ngettext"}:
            assert not any(isinstance(each, ast.JoinedStr | ast.BinOp) for each in node.args), node.lineno
