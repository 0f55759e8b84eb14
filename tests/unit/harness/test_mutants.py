import ast
from pathlib import Path

import pytest

from benchmarks.mutants.mutations import mutants_of
from benchmarks.mutants.runs import SURVIVED, against_whole_module, in_a_fork


def names(source: str) -> list[str]:
    return [each.name for each in mutants_of(source)]


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ("a < b", ["a < b -> a <= b", "a < b -> a >= b"]),
        ("a is None", ["a is None -> a is not None"]),
        ("0 <= a < b", ["0 < a < b", "0 > a < b", "0 <= a <= b", "0 <= a >= b", "0 -> 1"]),
        ("a and b", ["a and b -> a or b"]),
        ("a or 0", ["a or 0 -> a and 0"]),
        ("a + b", ["a + b -> a - b"]),
        ("not a", ["not a -> a"]),
        ("-a", ["-a -> a"]),
        ("max(a, b)", ["max(a, b) -> min(a, b)"]),
        ("True", ["True -> False"]),
        ("{a, b}", ["{a, b} -> {b}", "{a, b} -> {a}"]),
        ("a if b else c", ["a if b else c -> a if not b else c"]),
        ("'text'", []),
        ("f'{a:.1f}'", []),
        ("'a' + b", []),
    ],
)
def test_an_expression_has_these_faults(code: str, faults: list[str]) -> None:
    found = names(f"x = {code}")
    assert len(found) == len(faults)
    assert all(one.startswith("module: ") and one.endswith(other) for one, other in zip(found, faults, strict=True))


def test_statements_are_left_out_and_branches_turned_round() -> None:
    source = "def f(a: int = 3) -> 'int | None':\n    '''Text.'''\n    if a:\n        a.b = a\n        a.go()\n"
    assert names(source) == [
        "f: 3 -> 4",
        "f: if a -> if not a",
        "f: a.b = a -> pass",
        "f: a.go() -> pass",
    ]
    # A default is worked out where the function is made, not in it.
    assert [each.function for each in mutants_of(source)] == [None, *[("f", 1)] * 3]


def test_a_mutant_has_its_one_fault_and_knows_the_function_that_holds_it() -> None:
    source = "LIMIT = 5\n\nclass A:\n    @property\n    def b(self):\n        return [c for c in self if c > 1]\n"
    mutants = {each.name: each for each in mutants_of(source)}
    assert mutants["module: 5 -> 6"].function is None
    within = mutants["A.b: c > 1 -> c >= 1"]
    assert within.function == ("A.b", 4)
    assert ast.unparse(within.tree) == ast.unparse(ast.parse(source)).replace("c > 1", "c >= 1")


def test_the_same_fault_twice_in_a_function_is_two() -> None:
    assert names("x = a + b\ny = a + b\n") == ["module: a + b -> a - b", "module: a + b -> a - b #2"]


def test_what_a_fork_finds_out_is_told_and_so_is_its_death() -> None:
    assert in_a_fork(lambda: "a test") == "a test"
    assert in_a_fork(lambda: "") == ""
    assert in_a_fork(lambda: str(1 / 0)) == "crashed"


def test_a_module_that_no_test_reaches_has_nobody_who_notices_its_faults() -> None:
    (mutant,) = mutants_of("x = True")
    assert against_whole_module(mutant, Path("of_nobody.py").resolve(), []) == SURVIVED
