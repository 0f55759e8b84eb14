"""A missing program is told apart from a broken one, and is never passed over in silence where it counts."""

import sys

import pytest

from tests.requirements import missing, program


def test_it_skips_with_the_reason_on_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no broker here"):
        missing("no broker here")


def test_it_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no broker here"):
        missing("no broker here")


def test_it_says_which_program_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed: `make test` installs it"):
        program("no-such-program")


def test_the_environment_chooses_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRAM", sys.executable)
    assert program("no-such-program", variable="PROGRAM") == sys.executable
