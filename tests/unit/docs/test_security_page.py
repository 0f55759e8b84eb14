"""docs/security.md claims nothing without a test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))


def names_there() -> set[str]:
    files = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for text in files for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE)}


def tables() -> list[list[list[str]]]:
    """The tables of the page, each a list of rows of cells, the head first."""
    found = re.findall(r"(?:^\|.*\|\n)+", PAGE, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if set(line) - set("|-")]
        for table in found
    ]


def test_every_test_that_it_names_is_there() -> None:
    assert len(NAMED) > 100
    assert sorted(set(NAMED) - names_there()) == []


def test_every_row_of_a_table_of_claims_names_its_test() -> None:
    claims = [table for table in tables() if table[0][-1] == "test"]
    assert len(claims) >= 8
    assert [row for table in claims for row in table[1:] if not re.search(r"`test_\w+`", row[-1])] == []


@pytest.mark.parametrize(
    "subject",
    ["WebSocket", "server's disk", "thief leaves behind", "Another user of the server", "supply chain"],
)
def test_it_speaks_of(subject: str) -> None:
    assert subject in PAGE
