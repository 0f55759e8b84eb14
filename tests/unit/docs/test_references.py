"""What documents, docstrings and comments name of the code is there: modules, what stands in them, files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS = sorted({path.parent.name for path in ROOT.glob("*/__init__.py")} - {"_build"})
NAME = re.compile(rf"`((?:{'|'.join(ROOMS)})(?:\.\w+)+)`")
FILE = re.compile(rf"(?<![\w/.-])((?:{'|'.join(ROOMS)})/[\w/]+\.py)\b")
# A room's name and a dot are also the beginning of a file's name and of a setting.
OTHERS = {"publisher.toml", "legacy.json", "rigwatch.db", "broker.url", "benchmarks.MODULE", "publisher.py"}
ENDINGS = {".py", ".md", ".html", ".toml", ".cfg"}
# A migration says for ever what things were called then.
LEFT_OUT = {"node_modules", "programs", "output", "migrations"}


def texts() -> list[Path]:
    folders = [ROOT / each for each in (*ROOMS, "docs", "config")]
    found = [*ROOT.glob("*.*"), *(each for folder in folders for each in folder.rglob("*"))]
    return [each for each in found if each.suffix in ENDINGS and LEFT_OUT.isdisjoint(each.parts)]


def named(pattern: re.Pattern[str]) -> dict[str, set[str]]:
    """Where each name stands."""
    places: dict[str, set[str]] = {}
    for path in texts():
        for name in pattern.findall(path.read_text("utf-8")):
            places.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return places


def is_there(name: str) -> bool:
    """A module, a package, or a word of the one that the name begins with."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:end])
        is_package = path.is_dir()
        file = path / "__init__.py" if is_package else path.with_suffix(".py")
        if file.exists():
            text, within = file.read_text("utf-8"), parts[end:]
            return (len(within) < 2 or not is_package) and all(re.search(rf"\b{each}\b", text) for each in within)
    return False


NAMES = {name: places for name, places in named(NAME).items() if name not in OTHERS}


def test_something_is_found_to_check() -> None:
    assert {"alerts.ingest.judge", "store.transaction.Transaction"} <= set(NAMES)
    assert not is_there("store.transaction.Work")
    assert not is_there("store.work.Transaction")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_is_named_is_in_the_code(name: str) -> None:
    assert is_there(name), f"named in {', '.join(sorted(NAMES[name]))}"


def test_each_file_that_is_named_exists() -> None:
    missing = {name: places for name, places in named(FILE).items() if not (ROOT / name).is_file()}
    assert not missing
