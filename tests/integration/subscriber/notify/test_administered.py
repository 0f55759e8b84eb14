"""What people decide about a node on the server counts for its alerts at once."""

from collections.abc import Iterator

import pytest

from alerts.incident import IncidentState
from alerts.rule import Rule
from store import Store, alerts, nodes
from tests.alerting import RIG, Driver, every_incident
from tests.fake_clock import START
from tests.rigs import birth, report, rig, sample, will


@pytest.fixture
def driver(store: Store) -> Iterator[Driver]:
    made = Driver(store)
    made.tick()
    yield made
    made.alert_driver.release(made.store)


def open_rules(driver: Driver) -> list[Rule]:
    with driver.store.read() as tx:
        return [each.rule for each in alerts.live(tx) if each.is_open]


def test_alerts_end_with_the_node_that_is_retired(driver: Driver) -> None:
    driver.hear(birth())
    driver.hear(will())
    assert open_rules(driver) == [Rule.LOST]
    with driver.store.write() as tx:
        nodes.retire(tx, RIG.id, START)
    driver.tick(1)
    assert open_rules(driver) == []
    (incident,) = every_incident(driver.store)
    assert incident.state is IncidentState.RESOLVED
    # What it still says, if anything, begins nothing.
    driver.hear(will(2))
    driver.tick(60)
    assert open_rules(driver) == []


def test_a_message_calls_the_node_by_the_name_given_here(driver: Driver) -> None:
    driver.hear(birth(name="Own"))
    with driver.store.write() as tx:
        nodes.rename(tx, RIG.id, "The loud one")
    driver.tick(1)
    driver.hear(will())
    with driver.store.read() as tx:
        (notification,) = tx.rows("SELECT title, body FROM notification")
    assert "The loud one" in " ".join(notification)


def test_a_node_that_was_moved_is_not_missed_at_the_old_place(driver: Driver) -> None:
    driver.hear(birth())
    driver.hear(report(sample(START, peers=20)))
    with driver.store.write() as tx:
        nodes.move(tx, RIG.id, "cellar", START)
    for _ in range(5):
        driver.tick(60)
    assert open_rules(driver) == []
    moved = rig("rig1", "cellar")
    driver.hear(birth(2), moved)
    driver.hear(will(2), moved)
    with driver.store.read() as tx:
        (incident,) = (each for each in alerts.live(tx) if each.is_open)
    assert (incident.rule, incident.subject.site) == (Rule.LOST, "cellar")
