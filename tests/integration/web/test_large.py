"""A fleet of thousands: nobody waits until all of it is looked at, and nothing stays old for long."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from rigwatch.settings import ServerSettings
from store import Store
from tests.fake_clock import FakeClock
from tests.rigs import birth, rig, will
from tests.waiting import eventually
from web import snapshot
from web.read_ahead import ReadAhead
from web.snapshot import LATE, PAUSE, Snapshots
from web.zone import Zone


@pytest.fixture
def snapshots(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Snapshots]:
    """Three nodes are thousands here."""
    monkeypatch.setattr(snapshot, "LARGE", 3)
    store.take([rig(name).heard(birth()) for name in ("a", "b", "c")])
    with closing(ReadAhead()) as ahead:
        yield Snapshots(ServerSettings(), store, Zone.find("UTC"), ahead)


def lost(snapshots: Snapshots, clock: FakeClock) -> int:
    return sum(each.status.value == "lost" for each in snapshots.at(clock.now()).fleet.views)


def test_who_asks_is_shown_what_is_known_while_it_is_read_anew(
    snapshots: Snapshots, store: Store, clock: FakeClock
) -> None:
    assert lost(snapshots, clock) == 0
    store.take([rig("a").heard(will())])
    clock.move(PAUSE / 1000 / 2)
    assert lost(snapshots, clock) == 0
    clock.move(PAUSE / 1000)
    with snapshots._lock:
        # Somebody reads already: nobody waits for that.
        assert lost(snapshots, clock) == 0
    eventually(lambda: lost(snapshots, clock) == 1, what="it was read ahead")


def test_what_is_older_than_that_is_waited_for(snapshots: Snapshots, store: Store, clock: FakeClock) -> None:
    assert lost(snapshots, clock) == 0
    store.take([rig("a").heard(will())])
    clock.move(LATE / 1000)
    assert lost(snapshots, clock) == 1


def test_a_machine_without_a_thread_left_reads_for_who_asks(
    snapshots: Snapshots, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    assert lost(snapshots, clock) == 0
    store.take([rig("a").heard(will())])
    clock.move(PAUSE / 1000)
    with monkeypatch.context() as machine:
        machine.setattr(threading.Thread, "start", none_left)
        assert lost(snapshots, clock) == 0
    clock.move(LATE / 1000)
    assert lost(snapshots, clock) == 1
