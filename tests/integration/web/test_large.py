"""A fleet of thousands: nobody waits until all of it is looked at, and nothing stays old for long."""

from collections.abc import Iterator

import pytest

from rigwatch.settings import ServerSettings
from store import Store
from tests.fake_clock import FakeClock
from tests.rigs import birth, rig, will
from tests.waiting import eventually
from web import snapshot
from web.snapshot import LATE, PAUSE, Snapshots
from web.zone import Zone


@pytest.fixture
def snapshots(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Snapshots]:
    """Three nodes are thousands here."""
    monkeypatch.setattr(snapshot, "LARGE", 3)
    store.take([rig(name).heard(birth()) for name in ("a", "b", "c")])
    made = Snapshots(ServerSettings(), store, Zone.find("UTC"))
    yield made
    # Whatever reads ahead has done so before the store is closed.
    with made._lock:
        pass


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
