"""Waiting ends with the answer or with a sentence that says what was waited for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import NeverHappenedError, eventually, eventually_async, promised


@pytest.fixture
def answers() -> Iterator[int]:
    """0, 0, 7, …"""
    return iter([0, 0, 7, 8])


def test_it_gives_the_first_true_answer(answers: Iterator[int]) -> None:
    assert eventually(lambda: next(answers)) == 7


def test_an_assertion_is_waited_for(answers: Iterator[int]) -> None:
    def look() -> bool:
        assert next(answers) == 8
        return True

    assert eventually(look)


def test_it_gives_up_and_says_what_never_happened() -> None:
    with pytest.raises(NeverHappenedError, match=r"not within 0.01 s: the node is lost \(last answer: False\)"):
        eventually(lambda: False, timeout=0.01, what="the node is lost")


def test_the_assertion_that_failed_last_is_the_cause() -> None:
    def look() -> bool:
        assert False, "still connected"  # noqa: B011, PT015 - what a test's own assertion raises

    with pytest.raises(NeverHappenedError) as failure:
        eventually(look, timeout=0.01)
    assert "still connected" in str(failure.value.__cause__)


def test_another_error_is_not_waited_out() -> None:
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 // 0)


async def test_a_coroutine_is_asked_again_and_again(answers: Iterator[int]) -> None:
    async def look() -> int:
        return next(answers)

    assert await eventually_async(look) == 7


async def test_a_coroutine_test_can_give_up() -> None:
    with pytest.raises(NeverHappenedError, match="the node is lost"):
        await eventually_async(lambda: None, timeout=0.01, what="the node is lost")


@pytest.mark.parametrize(
    ("load", "longer"),
    [
        ("0.50 0.40 0.30 1/200 999", 1),
        ("8.00 4.00 2.00 1/200 999", 4),
        # The average does not know yet of what has just begun.
        ("0.50 0.40 0.30 12/200 999", 6),
        # However busy, there is an end to it.
        ("400.00 4.00 2.00 90/200 999", 10),
    ],
)
def test_what_is_promised_takes_longer_where_more_want_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: str, longer: float
) -> None:
    (tmp_path / "loadavg").write_text(load)
    monkeypatch.setattr("tests.waiting._LOAD", tmp_path / "loadavg")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert promised(1.5) == 1.5 * longer
