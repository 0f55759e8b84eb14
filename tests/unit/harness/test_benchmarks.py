"""`make bench` finds the benchmarks, and each takes what it is called with and has its tables in the document."""

import importlib.util
from pathlib import Path

import pytest

from benchmarks.__main__ import names
from tests.processes import ROOT

TABLES = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")


@pytest.mark.parametrize("name", names())
def test_each_takes_a_look_or_writes_its_tables(name: str) -> None:
    found = importlib.util.find_spec(f"benchmarks.{name}")
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).read_text("utf-8")
    assert '"--short"' in source
    assert '"--write"' in source
    assert f"python -m benchmarks.{name} --write" in TABLES
    assert f"<!-- {name} -->" in TABLES


def test_what_measures_nothing_is_none_of_them() -> None:
    assert {"broker", "ingest", "web"} <= set(names())
    assert not {"fuzz", "mutants"} & set(names())
