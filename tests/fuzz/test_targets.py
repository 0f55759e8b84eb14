"""Every target takes whatever comes; how many of it, `RIGWATCH_FUZZ` says."""

import os

import pytest

from tests.fuzz.target import all_targets, throw

EXAMPLES = int(os.environ.get("RIGWATCH_FUZZ", "150"))
TARGETS = all_targets()


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_from_outside_does_no_harm(name: str) -> None:
    target = TARGETS[name]
    with target.open() as take:
        throw(target.inputs, take, examples=EXAMPLES)
