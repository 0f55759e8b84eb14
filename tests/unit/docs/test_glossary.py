"""The glossary and the code use the same words: what it names is there, what it rejects is not; no class name twice."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("alerts", "broker", "cli", "legacy", "publisher", "rigwatch", "store", "subscriber", "web")
ROW = re.compile(r"^\| (?P<word>[^|]+) \| (?P<meaning>[^|]+) \| (?P<code>[^|]*) \| (?P<rejected>[^|]*)\|$")
PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def sources() -> list[Path]:
    # A migration says for ever what the tables were called then.
    return [
        each
        for room in ROOMS
        for each in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in each.relative_to(ROOT).parts
    ]


def rows() -> list[re.Match[str]]:
    lines = (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    return [row for line in lines if (row := ROW.match(line)) and row["word"] not in {"word", "---"}]


def given_names(tree: ast.AST) -> set[str]:
    """Names that the module gives: of classes, functions, parameters, variables and attributes."""
    found = set()
    for each in ast.walk(tree):
        match each:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                found.add(name)
    return found


NAMES = {path: given_names(ast.parse(path.read_text("utf-8"))) for path in sources()}
ALL = {name for names in NAMES.values() for name in names} | {
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in NAMES
}
REJECTED = sorted({word for row in rows() for word in re.split(r",\s*", row["rejected"].strip()) if word})
# Of these the code speaks in another sense: a worker of a pool, an ASIC's device, taking turns, a text's letters.
ELSEWHERE = {"worker", "device", "turn", "letter", "standing"}


def test_the_glossary_is_read() -> None:
    assert len(rows()) > 35
    assert {"mute", "postman", "trail"} <= set(REJECTED)


@pytest.mark.parametrize("name", sorted({name for row in rows() for name in re.findall(r"`([^`]+)`", row["code"])}))
def test_what_it_names_is_in_the_code(name: str) -> None:
    assert name in ALL


@pytest.mark.parametrize("word", [word for word in REJECTED if word not in ELSEWHERE])
def test_what_it_rejects_is_no_name_in_the_code(word: str) -> None:
    forms = {word, f"{word}s", f"{word}es"}
    assert [
        f"{path.relative_to(ROOT)}: {name}"
        for path, names in NAMES.items()
        for name in sorted(names | {path.stem})
        if forms & {part.lower() for part in PART.findall(name)}
    ] == []


def test_no_word_is_explained_twice() -> None:
    words = [word for row in rows() for word in re.split(r",\s*", row["word"])]
    assert sorted(words) == sorted(set(words))


def test_a_class_name_stands_in_one_module_only() -> None:
    modules = defaultdict(list)
    for path in NAMES:
        for each in ast.parse(path.read_text("utf-8")).body:
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                modules[each.name].append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in modules.items() if len(places) > 1} == {}
