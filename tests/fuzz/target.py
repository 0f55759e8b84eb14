"""What can be thrown things at, and the throwing."""

import importlib
import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.fuzz import targets

Take = Callable[[Any], None]
"""Reads one input. It returns whatever the input was, refused or not, and raises where the reader did harm."""


@dataclass(frozen=True, slots=True)
class Target:
    """`open` starts what reads (a server, a broker, nothing at all), and stops it at the end."""

    name: str
    inputs: SearchStrategy[Any]
    open: Callable[[], AbstractContextManager[Take]]


def all_targets() -> dict[str, Target]:
    """By name, of every module in `tests.fuzz.targets`."""
    found: dict[str, Target] = {}
    for module in pkgutil.iter_modules(targets.__path__):
        found |= {each.name: each for each in importlib.import_module(f"{targets.__name__}.{module.name}").TARGETS}
    return found


def throw(inputs: SearchStrategy[Any], take: Take, *, examples: int, seed: int | None = None) -> None:
    """Raises what the first input that does harm makes `take` raise, made as small as hypothesis can."""

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.target, Phase.shrink),
    )  # fmt: skip
    @given(inputs)
    def one(value: Any) -> None:  # noqa: ANN401 - whatever the target's inputs are
        take(value)

    (one if seed is None else hypothesis.seed(seed)(one))()
