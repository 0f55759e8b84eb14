"""What people type for a rule's settings, and what stands behind `--set`."""

from typing import Any

import pytest

from rigwatch.errors import SettingsError
from rigwatch.settings.rule_values import rule_changes, rule_value


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("threshold", "90", 90),
        ("threshold", " 90.5 ", 90.5),
        ("threshold", "", None),
        ("enabled", "off", False),
        ("recovery", "On", True),
        ("often", "6", 6),
        # Not cut to 6 without a word: the schema says that it should be whole.
        ("often", "6.7", 6.7),
        ("hold", "5m", "5m"),
        ("severity", "info", "info"),
        ("schedule", "0s, 5m 1h", ["0s", "5m", "1h"]),
    ],
)
def test_a_text_becomes_what_toml_would_say(key: str, text: str, value: Any) -> None:  # noqa: ANN401 - a TOML value
    found = rule_value(key, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("threshold", "hot"),
        ("threshold", "nan"),
        ("clear", "-inf"),
        ("threshold", "1e999"),
        ("often", "1e999"),
        ("enabled", "maybe"),
    ],
)
def test_what_cannot_be_names_the_key(key: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{key}: should be"):
        rule_value(key, text)


def test_an_assignment_is_for_all_a_site_or_a_node() -> None:
    assert rule_changes(["hot.threshold=90", "hot.hold="]) == {
        ("alerts", "hot", "threshold"): 90,
        ("alerts", "hot", "hold"): None,
    }
    assert rule_changes(["hot.threshold=90"], site="main") == {("alerts", "site", "main", "hot", "threshold"): 90}
    assert rule_changes(["hot.threshold=90"], node="main/rig1") == {
        ("alerts", "node", "main/rig1", "hot", "threshold"): 90
    }


@pytest.mark.parametrize("wrong", ["hot.threshold", "hott.threshold=1", "hot.thresh=1", "=", "hot=1"])
def test_what_is_no_assignment_says_how_one_looks(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"write it as 'hot\.threshold=90'"):
        rule_changes([wrong])
