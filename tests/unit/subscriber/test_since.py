"""Since when there is a broker, by a clock that somebody sets."""

import pytest

from subscriber.since import JUMP, Since
from tests.fake_clock import START, FakeClock

HOUR = 3_600_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def since(clock: FakeClock) -> Since:
    begun = Since(clock)
    begun.begin()
    return begun


def test_there_is_no_beginning_before_it_begins(clock: FakeClock) -> None:
    assert Since(clock).at is None


def test_there_is_none_after_its_end(since: Since) -> None:
    since.end()
    assert since.at is None


def test_time_that_passes_changes_nothing(since: Since, clock: FakeClock) -> None:
    clock.move(100_000)
    assert since.at == START


@pytest.mark.parametrize("by", [HOUR, -HOUR, JUMP + 1, -JUMP - 1])
def test_a_clock_that_is_set_makes_it_begin_anew(since: Since, clock: FakeClock, by: int) -> None:
    clock.move(60)
    clock.set_wall(clock.now() + by)
    assert since.at == START + 60_000 + by
    clock.move(60)
    assert since.at == START + 60_000 + by


def test_a_clock_that_is_put_right_gently_does_not(since: Since, clock: FakeClock) -> None:
    for _ in range(10):
        clock.move(1)
        clock.set_wall(clock.now() + 500)
        assert since.at == START


def test_a_clock_set_while_there_was_no_beginning_does_not_matter(since: Since, clock: FakeClock) -> None:
    since.end()
    clock.set_wall(START + HOUR)
    since.begin()
    clock.move(10)
    assert since.at == START + HOUR
