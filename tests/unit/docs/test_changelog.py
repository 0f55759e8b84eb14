"""The change log names the version that this is, and what waits for the next one has its kind."""

import re

from rigwatch import __version__
from tests.processes import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
_KINDS = "CHANGE|FEATURE|ENHANCEMENT|BUGFIX|SECURITY"


def sections() -> dict[str, str]:
    return dict(each.split("\n", 1) for each in CHANGELOG.split("\n## ")[1:])


def test_the_newest_release_is_this_version_and_has_a_date() -> None:
    unreleased, newest, *_ = sections()
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)} – \d{{4}}-\d\d-\d\d", newest)


def test_what_is_not_released_has_its_kind_and_its_area() -> None:
    lines = [line for line in sections()["Unreleased"].splitlines() if line]
    assert [line for line in lines if not re.match(rf"- \[({_KINDS})\] [^:]+: \S", line)] == []


def test_no_line_stands_twice() -> None:
    lines = [line for line in CHANGELOG.splitlines() if line.startswith("- ")]
    assert len(lines) == len(set(lines))
