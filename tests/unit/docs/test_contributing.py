"""What CONTRIBUTING and the decisions name is there: commands, files, folders, links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DECISIONS = ROOT / "docs" / "adr"
# Made by the commands that the text explains, so not there in a new clone.
MADE = {".venv", "dist/"}

NAMED_COMMANDS = sorted(
    set(re.findall(r"\bmake ([a-z]+)", "\n".join(re.findall(r"`[^`]+`|```[^`]+```", CONTRIBUTING))))
)
NAMED_PATHS = sorted(set(re.findall(r"`(\.?[\w.-]+(?:/[\w.-]*)+|[A-Z]+\.md|[a-z]+\.cfg|\.venv)`", CONTRIBUTING)))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_something_is_found_to_check() -> None:
    assert {"run", "test", "check"} <= set(NAMED_COMMANDS)
    assert {".ci/run", "setup.cfg", "tests/waiting.py", "broker/"} <= set(NAMED_PATHS)


@pytest.mark.parametrize("command", NAMED_COMMANDS)
def test_each_make_command_exists(command: str) -> None:
    assert command in targets()


@pytest.mark.parametrize("path", [path for path in NAMED_PATHS if path not in MADE])
def test_each_file_and_folder_exists(path: str) -> None:
    # `unit/` and its like are said of the folder tests.
    assert (ROOT / path).exists() or (ROOT / "tests" / path).is_dir()


def test_each_make_command_is_explained() -> None:
    explained = re.findall(r"^\| `make ([a-z]+)` \|", CONTRIBUTING, re.MULTILINE)
    assert set(explained) == targets() - {"help"}


def test_each_folder_of_the_repository_is_explained() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"_build"}
    explained = set(re.findall(r"^\| `(\w+)/` \|", CONTRIBUTING, re.MULTILINE))
    assert packages <= explained


def test_the_list_of_decisions_is_complete() -> None:
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (DECISIONS / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_is_one_page_with_its_three_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.stem[:4]} ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40
