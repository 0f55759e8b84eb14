"""docs/security.md claims nothing that has no test, and leaves out no limit."""

import re
from pathlib import Path

from rigwatch.settings.server import BrokerLimits

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert named <= there


def test_every_limit_is_on_the_page() -> None:
    assert [name for name in BrokerLimits.__struct_fields__ if f"`{name}`" not in PAGE] == []
