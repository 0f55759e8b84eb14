"""How much of the store a node may take a day: for how many samples there is room, and when a new day begins."""

import sys

import pytest

from alerts.quota import DAY, DayUse, Quota

QUOTA = Quota(samples=100, bytes=10_000)


@pytest.mark.parametrize(
    ("used", "size", "room"),
    [
        (DayUse(), 50, 100),
        (DayUse(samples=97), 50, 3),
        (DayUse(samples=100), 50, 0),
        (DayUse(samples=101), 50, 0),
        (DayUse(bytes=9_900), 50, 2),
        (DayUse(bytes=9_951), 50, 0),
        (DayUse(bytes=10_001), 50, 0),
        (DayUse(bytes=9_997), 0, 3),
        (DayUse(bytes=9_997), 1, 3),
    ],
)
def test_there_is_room_for_what_both_samples_and_bytes_allow(used: DayUse, size: int, room: int) -> None:
    assert used.room(QUOTA, size) == room


def test_without_a_quota_there_is_room_for_anything() -> None:
    assert DayUse(samples=10**9, bytes=10**15).room(None, 10**6) == sys.maxsize


def test_what_is_used_adds_up() -> None:
    assert DayUse(3, 1, 20, 5).add(4, 30, 6) == DayUse(3, 5, 50, 11)


def test_a_day_of_utc_begins_with_nothing_used() -> None:
    assert DAY == 24 * 60 * 60 * 1000
    used = DayUse(day=3, samples=7, bytes=8, refused=9)
    assert used.on(3 * DAY) is used
    assert used.on(4 * DAY - 1) is used
    new = used.on(4 * DAY)
    assert (new.day, new.samples, new.bytes, new.refused) == (4, 0, 0, 0)
    assert used.on(3 * DAY - 1).day == 2


def test_of_a_node_that_never_sent_anything_nothing_is_used() -> None:
    fresh = DayUse()
    assert (fresh.day, fresh.samples, fresh.bytes, fresh.refused) == (0, 0, 0, 0)
