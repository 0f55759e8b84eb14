"""Programs that a test needs and the machine may lack: skipped on a laptop with the reason, a failure where CI=true."""

import os
import shutil
from typing import NoReturn

import pytest


def program(name: str, *, variable: str = "", places: tuple[str, ...] = ()) -> str:
    """Path of a program, from the environment `variable`, the PATH, or one of `places`; skips the test without it."""
    chosen = os.environ.get(variable, "") if variable else ""
    for candidate in (chosen, name, *places):
        if candidate and (found := shutil.which(candidate)):
            return found
    missing(f"{name} is not installed: `make test` installs it")


def missing(reason: str) -> NoReturn:
    """End the test: skipped with the reason, or failed in CI, where nothing may be left out in silence."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
