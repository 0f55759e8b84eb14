from random import Random

import pytest

from rigwatch.backoff import Backoff, doubled


def _backoff(least: float = 0.0) -> Backoff:
    return Backoff(first=2.0, most=60.0, least=least, random=Random(1))  # noqa: S311 - jitter


def test_the_bound_doubles_up_to_the_most() -> None:
    for step, bound in enumerate([2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]):
        delays = []
        for _ in range(200):
            backoff = _backoff_after(step)
            delays.append(backoff.delay())
        assert bound * 0.9 < max(delays) <= bound
        assert min(delays) < bound * 0.1


_random = Random(2)  # noqa: S311 - jitter


def _backoff_after(steps: int) -> Backoff:
    backoff = Backoff(first=2.0, most=60.0, random=_random)
    for _ in range(steps):
        backoff.delay()
    return backoff


def test_it_stays_within_its_bounds_for_ever() -> None:
    backoff = _backoff(least=1.5)
    assert all(1.5 <= backoff.delay() <= 60.0 for _ in range(5000))


def test_after_a_reset_it_begins_again() -> None:
    backoff = _backoff()
    for _ in range(10):
        backoff.delay()
    backoff.reset()
    assert backoff.delay() <= 2.0


def test_one_wait_may_have_a_bound_of_its_own() -> None:
    backoff = _backoff_after(4)
    assert max(backoff.delay(most=3.0), backoff.delay(most=3.0)) <= 3.0
    assert backoff.failures == 6


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.5), (1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (10_000, 30.0)]
)
def test_the_wait_doubles_with_each_failure(failures: int, seconds: float) -> None:
    assert doubled(failures, first=0.5, most=30.0) == seconds
