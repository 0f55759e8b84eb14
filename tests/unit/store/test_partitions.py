from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from store.partitions import Partition, missing
from store.times import HOUR

DAY = 24 * HOUR
NOW = 20_000 * DAY + 5
keeps = st.integers(HOUR, 36_500 * DAY)


@given(keeps, st.integers(0, NOW * 2))
def test_all_that_is_kept_and_some_time_ahead_is_covered_by_few_partitions(keep: int, now: int) -> None:
    made = list(missing([], keep, now))
    assert made[0].since is not None
    assert made[0].since <= max(now - keep, 0)
    assert made[-1].until > now + HOUR
    assert len(made) <= 12
    assert all(one.until == other.since for one, other in pairwise(made))


@given(keeps, st.integers(0, 400 * DAY), keeps)
def test_what_is_there_already_is_gone_on_from(keep: int, later: int, then: int) -> None:
    known = list(missing([], keep, NOW))
    further = list(missing(known, then, NOW + later))
    assert not further or further[0].since is not None
    assert all((each.since or 0) >= known[-1].until for each in further)
    assert list(missing([*known, *further], then, NOW + later)) == []


def test_two_days_are_kept_in_quarters_of_a_day() -> None:
    made = list(missing([], 2 * DAY, NOW))
    assert {each.until - (each.since or 0) for each in made} == {6 * HOUR}
    assert made[0] == Partition(f"sample_{(NOW - 2 * DAY) // HOUR}", NOW - 5 - 2 * DAY, NOW - 5 - 2 * DAY + 6 * HOUR)
