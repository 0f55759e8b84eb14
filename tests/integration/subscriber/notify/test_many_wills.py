"""Ten thousand nodes die at once, through the real writer: their wills come in many batches, and make one message."""

from datetime import timedelta

import pytest

from store import Store, alerts
from tests.alerting import Driver
from tests.rigs import Rig, birth, rig, will

NODES = 10_000
A_BATCH = 1000


@pytest.mark.timeout(600)
def test_the_wills_of_10_000_nodes_in_several_batches_are_one_message(store: Store) -> None:
    driver = Driver(store, hold=timedelta(seconds=2), group_wait=timedelta(seconds=5))
    try:
        said = _said_of(driver)
        with driver.store.read() as tx:
            parents = [each for each in alerts.live(tx) if each.members]
    finally:
        driver.alert_driver.release(driver.store)
    cause = "probably network of the server (all 4 sites went together)"
    assert said == [f"CRITICAL: the fleet: {NODES} nodes lost together: {cause}"]
    assert [each.members for each in parents] == [NODES]


def _said_of(driver: Driver) -> list[str]:
    rigs = [rig(f"rig{number}", f"hall{number % 4}") for number in range(NODES)]
    said: list[str] = driver.tick()
    for some in _batches(rigs):
        said += driver.hear_all([(each, birth()) for each in some])
    driver.clock.move(120)
    said += driver.tick()
    for some in _batches(rigs):
        said += driver.hear_all([(each, will()) for each in some])
        said += driver.tick(0.7)
    for _ in range(20):
        said += driver.tick(1)
    return said


def _batches(rigs: list[Rig]) -> list[list[Rig]]:
    return [rigs[start : start + A_BATCH] for start in range(0, len(rigs), A_BATCH)]
