"""What is let off a rule of ruff says why, as pyproject.toml promises."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WITHOUT_REASON = re.compile(r"# (?:ruff: )?noqa(?!: [A-Z0-9, ]+ - \S)")


def test_each_exception_from_a_rule_has_its_reason_beside_it() -> None:
    folders = [each.parent for each in ROOT.glob("*/__init__.py")]
    fetched = {"node_modules", "programs"}
    files = [each for folder in folders for each in folder.rglob("*.py") if fetched.isdisjoint(each.parts)]
    assert len(files) > 500
    bare = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if WITHOUT_REASON.search(line)
    ]
    assert not bare
