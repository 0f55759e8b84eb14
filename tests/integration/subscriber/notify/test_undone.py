"""What was decided in a transaction that is undone was not decided: done again, it is told once."""

from collections.abc import Iterator

import pytest

from store import DatabaseFault, Store, Unusable, outbox
from tests.alerting import Driver, every_incident
from tests.rigs import birth, will

LOST = ["CRITICAL: garage/rig1 lost"]


@pytest.fixture
def driver(store: Store) -> Iterator[Driver]:
    made = Driver(store)
    made.tick()
    made.hear(birth())
    yield made
    made.alert_driver.release(store)


def test_a_will_whose_batch_is_undone_is_told_with_the_next_try(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _fill(patch)
        with pytest.raises(Unusable):
            driver.hear(will())
    assert _stored(driver) == (0, 0)
    # The engine is not there until the next tick, which finds the node as it is stored.
    assert [*driver.hear(will()), *driver.tick(1), *driver.tick(1)] == LOST
    assert _stored(driver) == (1, 1)


def test_what_is_due_by_the_clock_and_undone_is_told_at_the_next_tick(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.clock.move(600)
    with monkeypatch.context() as patch:
        _fill(patch)
        with pytest.raises(Unusable):
            driver.tick()
    assert _stored(driver) == (0, 0)
    assert [*driver.tick(1), *driver.tick(1)] == ["CRITICAL: garage/rig1 silent"]
    assert _stored(driver) == (1, 1)


def _fill(patch: pytest.MonkeyPatch) -> None:
    """The disk has room for the incident and its message, and then no more."""
    add = outbox.add

    def and_no_more(*args: object) -> None:
        if add(*args):  # type: ignore[arg-type] # as it was called
            raise Unusable("disk full", DatabaseFault.FULL)

    patch.setattr(outbox, "add", and_no_more)


def _stored(driver: Driver) -> tuple[int, int]:
    """Incidents, and messages about them."""
    with driver.store.read() as tx:
        return len(every_incident(driver.store)), len(outbox.left(tx))
