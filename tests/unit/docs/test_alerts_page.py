"""The alerts page states what the code does."""

import re

from alerts.rule import Rule
from alerts.tables import PAGE, filled
from rigwatch.settings.alerts import AlertSettings, RuleSettings


def test_its_tables_are_those_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert filled(page) == page, "run: python -m alerts.tables"


def test_it_names_every_setting_of_a_rule() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in RuleSettings.__struct_fields__ if f"`{name}`" not in page] == []


def test_every_rule_has_its_settings() -> None:
    assert {rule.value for rule in Rule} <= set(AlertSettings.__struct_fields__)
    assert not re.search(r"\bTODO\b", PAGE.read_text("utf-8"))
