"""How often the store is read for the pages: at once for who opens one, now and then for who polls."""

import pytest

from rigwatch.settings import ServerSettings
from store import Store
from tests.fake_clock import START
from tests.rigs import birth, rig
from web.read_ahead import ReadAhead
from web.snapshot import PAUSE, Snapshots
from web.zone import Zone


@pytest.fixture
def snapshots(store: Store) -> Snapshots:
    return Snapshots(ServerSettings(), store, Zone.find("UTC"), ReadAhead())


def names(snapshots: Snapshots, now: int) -> list[str]:
    return [each.facts.id.node for each in snapshots.lately(now).fleet.views]


def test_who_polls_is_told_of_a_change_after_a_pause(snapshots: Snapshots, store: Store) -> None:
    assert names(snapshots, START) == []
    store.take([rig("rig1").heard(birth())])
    assert names(snapshots, START + 1) == []
    assert names(snapshots, START + PAUSE - 1) == []
    assert names(snapshots, START + PAUSE) == ["rig1"]


def test_who_opens_a_page_sees_what_there_is_and_so_does_everybody_after(snapshots: Snapshots, store: Store) -> None:
    assert names(snapshots, START) == []
    store.take([rig("rig1").heard(birth())])
    assert len(snapshots.at(START + 1).fleet.views) == 1
    assert names(snapshots, START + 2) == ["rig1"]


def test_who_waited_for_another_reading_takes_that_one(snapshots: Snapshots, store: Store) -> None:
    read = snapshots.at(START + 20)
    store.take([rig("rig1").heard(birth())])
    assert snapshots.lately(START + 10) is read


def test_a_clock_that_is_set_back_leaves_nobody_with_old_news(snapshots: Snapshots, store: Store) -> None:
    assert names(snapshots, START) == []
    store.take([rig("rig1").heard(birth())])
    assert names(snapshots, START - 60_000) == ["rig1"]


def test_without_a_change_nothing_is_read_anew(snapshots: Snapshots) -> None:
    first = snapshots.lately(START)
    assert snapshots.lately(START + PAUSE) is first
    assert snapshots.at(START + PAUSE) is first
