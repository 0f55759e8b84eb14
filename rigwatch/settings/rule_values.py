"""What people type for a rule's settings, as TOML has it: in a form, or behind `--set`. Bounds are the schema's."""

import math
from collections.abc import Sequence
from typing import Any, Final

from rigwatch.errors import SettingsError
from rigwatch.settings.alerts import Rules, RuleSettings
from rigwatch.settings.toml_lines import KeyPath

_BOOLEANS: Final = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


def rule_value(key: str, text: str) -> Any:  # noqa: ANN401 - a TOML value is anything
    """None for what is left empty: then the next wider place counts. Raises `SettingsError`, which names the key."""
    text = text.strip()
    if not text:
        return None
    if key in ("enabled", "recovery"):
        if text.lower() not in _BOOLEANS:
            raise SettingsError(f"{key}: should be on or off (got {text[:40]!r})")
        return _BOOLEANS[text.lower()]
    if key in ("threshold", "clear", "often"):
        return _number(key, text)
    return text.replace(",", " ").split() if key == "schedule" else text


def rule_path(rule: str, key: str, *, site: str = "", node: str = "") -> KeyPath:
    """Of a rule's setting for all, or for a site, or for a node (`site/node`)."""
    table: KeyPath = ("alerts", "node", node) if node else ("alerts", "site", site) if site else ("alerts",)
    return (*table, rule, key)


def rule_changes(assignments: Sequence[str], *, site: str = "", node: str = "") -> dict[KeyPath, Any]:
    """Of each `rule.key=value`; an empty value takes away what is set. Raises `SettingsError`."""
    changes = {}
    for each in assignments:
        name, equals, text = each.partition("=")
        rule, _, key = name.strip().partition(".")
        if not equals or rule not in Rules.__struct_fields__ or key not in RuleSettings.__struct_fields__:
            raise SettingsError(f"--set {each[:60]!r}: write it as 'hot.threshold=90'")
        changes[rule_path(rule, key, site=site, node=node)] = rule_value(key, text)
    return changes


def toml_number(text: str) -> int | float:
    """Raises `ValueError`, also for what is no finite number: JSON, in which the store keeps it, has none."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return int(number) if number.is_integer() else number


def _number(key: str, text: str) -> int | float:
    try:
        return toml_number(text)
    except ValueError:
        raise SettingsError(f"{key}: should be a number (got {text[:40]!r})") from None
