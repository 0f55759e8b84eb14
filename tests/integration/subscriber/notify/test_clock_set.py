"""The server's own clock is set, or its machine slept: nobody is accused for it, and nobody waits for time to pass."""

from datetime import timedelta

import pytest

from store import Store
from subscriber.jumps import Jumps
from tests.alerting import RIG, Driver
from tests.fake_clock import START, FakeClock
from tests.rigs import birth, report, rig, sample, will

HOUR = 3_600_000


def tell(driver: Driver) -> list[str]:
    now = driver.clock.now()
    return driver.hear(report(sample(now, hashrate=45e6), sent_at=now))


def test_nodes_are_not_silent_because_the_clock_jumped_an_hour_ahead(store: Store) -> None:
    driver = Driver(store)
    try:
        driver.tick()
        driver.hear(birth())
        driver.clock.move(60)
        tell(driver)
        driver.clock.set_wall(driver.clock.now() + HOUR)
        assert driver.tick(1) == []
        driver.clock.move(58)
        assert tell(driver) == []
        # Who then says nothing is silent, as after any absence of ours.
        assert driver.tick(181) == ["CRITICAL: garage/rig1 silent"]
    finally:
        driver.alert_driver.release(store)


def test_a_hold_does_not_wait_for_an_hour_that_comes_again(store: Store) -> None:
    driver = Driver(store, hold=timedelta(seconds=2))
    other = rig("rig2", "garage")
    try:
        driver.tick()
        driver.hear_all([(RIG, birth()), (other, birth())])
        driver.clock.move(60)
        assert driver.hear(will()) == []
        driver.clock.set_wall(driver.clock.now() - HOUR)
        assert driver.tick(1) == []
        assert driver.tick(2) == ["CRITICAL: garage/rig1 lost"]
        assert driver.hear(will(), other) == []
        assert driver.tick(3) == ["CRITICAL: garage/rig2 lost"]
    finally:
        driver.alert_driver.release(store)


@pytest.mark.parametrize(("wall", "jumped"), [(0, 0), (4999, 0), (-4999, 0), (5000, 5000), (-5000, -5000)])
def test_only_a_jump_is_one(wall: int, jumped: int) -> None:
    clock = FakeClock(START)
    jumps = Jumps(clock)
    clock.move(100)
    assert jumps.taken() == 0
    clock.set_wall(clock.now() + wall)
    clock.move(10)
    assert jumps.taken() == jumped
    assert jumps.taken() == 0
