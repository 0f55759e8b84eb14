"""The alert driver on both databases: one transaction with the batch, one driver at a time, nothing lost in between."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from filelock import FileLock
from peewee import SqliteDatabase

from alerts.incident import Acknowledged, IncidentState
from alerts.rule import Rule
from alerts.silence import Matcher, Silence, SilenceKind
from store import Store, alerts, housekeeping, outbox, reader, silences
from subscriber import alert_driver as module
from subscriber.notify.delivery_log import StoredDeliveryLog
from subscriber.worker import StoreWorker
from tests.alerting import RIG, Drive, Driver, every_incident, story
from tests.fake_clock import START
from tests.integration.conftest import OpenStore
from tests.rigs import birth, report, rig, sample, will
from tests.stored import asked

OTHER = rig("rig2", "garage")


@pytest.fixture
def drive(open_another: OpenStore) -> Iterator[Drive]:  # noqa: ARG001 - stores are closed after the turns end
    """Makes drivers; their turns end with the test."""
    drivers: list[Driver] = []

    def make(store: Store) -> Driver:
        drivers.append(Driver(store))
        return drivers[-1]

    yield make
    for each in drivers:
        each.alert_driver.release(each.store)


@pytest.fixture
def driver(store: Store, drive: Drive) -> Driver:
    found = drive(store)
    found.tick()
    return found


def test_a_node_that_comes_back_after_the_servers_start_and_dies_is_told_at_once(drive: Drive, store: Store) -> None:
    driver = drive(store)
    driver.tick()
    driver.hear_all([(RIG, birth(1)), (OTHER, birth(1))])
    driver.tick(60)
    driver.connected_at = driver.clock.now()
    # The broker kept the will of one, whose time to come back has only begun; the other has come back already.
    assert driver.hear(will(1), OTHER) == []
    driver.tick(1)
    driver.hear(birth(2))
    driver.tick(1)
    assert driver.hear(will(2)) == ["CRITICAL: garage/rig1 lost"]
    assert driver.tick(80) == []
    assert driver.tick(10) == ["CRITICAL: garage/rig2 lost"]


def test_a_will_is_an_incident_with_its_message_in_the_same_transaction(driver: Driver) -> None:
    driver.hear(birth())
    assert driver.hear(will()) == ["CRITICAL: garage/rig1 lost"]
    with driver.store.read() as tx:
        (incident,) = alerts.live(tx)
        (left,) = outbox.left(tx)
    assert (incident.state, left.incidents) == (IncidentState.FIRING, (incident.id,))


def test_a_node_that_reports_in_a_flood_is_looked_at_by_the_clock(driver: Driver) -> None:
    driver.hear(birth())
    # Once for its first report, and not again within the second, whatever comes.
    assert driver.hear(report(sample(START, peers=20))) == []
    driver.clock.move(0.2)
    now = driver.clock.now()
    assert driver.hear(report(sample(now, peers=20), sent_at=now)) == []
    assert list(driver.alert_driver._waiting) == [RIG.id]
    # A death is never waited with.
    assert driver.hear(will()) == ["CRITICAL: garage/rig1 lost"]
    driver.hear(birth(2))
    driver.clock.move(0.2)
    now = driver.clock.now()
    driver.hear(report(sample(now, peers=0), session=2, sent_at=now))
    driver.tick(0.5)
    assert not driver.alert_driver._waiting
    with driver.store.read() as tx:
        (incident,) = (each for each in alerts.live(tx) if each.rule is Rule.NO_PEERS)
    assert incident.subject.name == "rig1"


def test_of_a_crowd_that_reports_at_once_all_are_looked_at_in_their_turn(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOKS_A_BATCH", 2)
    monkeypatch.setattr(module, "_LOOKS_A_TICK", 2)
    rigs = [rig(f"rig{number}", "garage") for number in range(5)]
    driver.hear_all([(each, birth()) for each in rigs])
    driver.hear_all([(each, report(sample(START, peers=0))) for each in rigs])
    for looked_at in (2, 4, 5):
        assert len(driver.alert_driver._waiting) == 5 - looked_at
        with driver.store.read() as tx:
            open_ = [each for each in alerts.live(tx) if each.rule is Rule.NO_PEERS]
        assert {each.subject.name for each in open_} == {each.id.node for each in rigs[:looked_at]}
        driver.tick(0.1)


def test_readers_see_the_incident_and_its_story(driver: Driver) -> None:
    driver.hear(birth())
    driver.hear(will())
    (incident,) = every_incident(driver.store)
    assert story(driver.store, incident.id) == [
        "noticed",
        "firing",
        "told",
    ]
    assert asked(driver.store, outbox.refused) == {}


def test_a_batch_that_is_not_committed_leaves_no_incident(driver: Driver) -> None:
    driver.hear(birth())

    def fail(*_: object) -> None:
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        driver.store.take([RIG.heard(will())], fail)
    with driver.store.read() as tx:
        assert alerts.live(tx) == []
    assert driver.tick() == []


def test_a_defect_of_the_rules_does_not_keep_reports_from_being_stored(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.hear(birth())
    assert driver.alert_driver._engine is not None

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(driver.alert_driver._engine, "step", fail)
    assert driver.hear(will()) == []
    with driver.store.read() as tx:
        assert reader.nodes(tx)[0].state == "lost"
    # It begins anew from what is stored, and finds what it missed.
    assert driver.tick() == ["CRITICAL: garage/rig1 lost"]


def test_what_was_decided_survives_a_restart(driver: Driver, drive: Drive) -> None:
    driver.hear(birth())
    driver.hear(will())
    driver.alert_driver.release(driver.store)
    after = drive(driver.store)
    after.clock.move(60)
    # The message that nobody marked as sent is handed over again, as one that may be a copy.
    (notifications,) = after.alert_driver.tick(after.store)
    assert notifications.copies
    assert after.hear(birth(2)) == ["OK: garage/rig1 back, after 1 min"]


def test_one_drives_and_another_takes_over_when_it_is_gone(open_another: OpenStore, drive: Drive) -> None:
    first, second = drive(open_another()), drive(open_another())
    first.tick()
    second.tick()
    assert (first.alert_driver.drives, second.alert_driver.drives) == (True, False)
    first.hear(birth())
    # Stored by one that does not drive; seen by the one that does.
    assert second.hear(will()) == []
    with second.store.write() as tx:
        housekeeping.beat(tx, "other", now=second.clock.now(), connected_at=START)
    with second.store.write() as tx:
        housekeeping.beat(tx, "another", now=second.clock.now(), connected_at=START)
    assert first.tick(1) == ["CRITICAL: garage/rig1 lost"]
    first.alert_driver.release(first.store)
    second.tick(1)
    assert second.alert_driver.drives


def test_one_without_a_broker_leaves_the_alerts_to_one_that_has_it(open_another: OpenStore, drive: Drive) -> None:
    first, second = drive(open_another()), drive(open_another())
    first.tick()
    first.connected_at = None
    first.tick(1)
    assert first.drives(), "there is no other"
    second.tick(1)
    with second.store.write() as tx:
        housekeeping.beat(tx, "second", now=second.clock.now(), connected_at=START)
    first.tick()
    assert not first.drives()
    second.tick(1)
    assert second.drives()
    first.connected_at = START
    first.tick(1)
    assert not first.drives()


def test_one_that_froze_is_replaced_within_10_s_and_decides_nothing_when_it_wakes(
    driver: Driver, open_another: OpenStore, drive: Drive
) -> None:
    second = drive(open_another())
    driver.hear(birth())
    for _ in range(3):
        driver.tick(1)
        second.tick(1)
    assert driver.drives()
    # From here on the first one does nothing, and does not know it.
    waited = 0
    while not second.drives():
        second.tick(1)
        waited += 1
    assert 5 < waited < 9
    assert second.hear(will()) == ["CRITICAL: garage/rig1 lost"]
    assert driver.hear(will()) == []
    assert driver.tick() == []
    assert not driver.drives()


def test_the_clocks_of_the_wall_neither_steal_the_turn_nor_keep_it(
    driver: Driver, open_another: OpenStore, drive: Drive
) -> None:
    second = drive(open_another())
    second.tick()
    for hours in (-30_000, 0, 30_000):
        for each in (driver, second):
            each.clock.set_wall(START + hours * 3_600_000)
            for other in (second, driver):
                other.tick(1)
            assert (driver.drives(), second.drives()) == (True, False)
    driver.clock.set_wall(START + 10**12)
    for _ in range(8):
        second.tick(1)
    assert second.drives()


async def test_one_that_was_replaced_marks_no_message(driver: Driver, open_another: OpenStore, drive: Drive) -> None:
    driver.hear(birth())
    driver.hear(will())
    worker = StoreWorker(open_another())
    delivery_log = StoredDeliveryLog(worker, driver.alert_driver, clock=driver.clock)
    with driver.store.read() as tx:
        notifications = outbox.left(tx)
    assert await delivery_log.is_ours()
    second = drive(open_another())
    for _ in range(8):
        second.tick(1)
    assert not await delivery_log.is_ours()
    with driver.store.read() as tx:
        before = tx.rows("SELECT * FROM notification")
    await delivery_log.failed(notifications, "no")
    await delivery_log.again(notifications, START, "no")
    await delivery_log.sent(notifications, 0.1)
    with driver.store.read() as tx:
        assert tx.rows("SELECT * FROM notification") == before
    await StoredDeliveryLog(worker, second.alert_driver, clock=second.clock).sent(notifications, 0.1)
    with driver.store.read() as tx:
        assert outbox.left(tx) == []
    await worker.close()


def test_whoever_comes_after_one_of_the_same_name_does_not_wait(driver: Driver, open_another: OpenStore) -> None:
    after = Driver(open_another())
    after.alert_driver._name = driver.alert_driver._name
    after.tick()
    assert after.drives()
    driver.tick(1)
    assert (driver.drives(), after.drives()) == (False, True)
    after.alert_driver.release(after.store)


def test_one_that_an_older_version_drives_is_left_to_it(store: Store, drive: Drive) -> None:
    late = drive(store)
    with _held_by_an_older_version(store):
        late.tick(1)
        assert not late.drives()
    late.tick(1)
    assert late.drives()


@contextmanager
def _held_by_an_older_version(store: Store) -> Iterator[None]:
    """The lock that versions hold which know of no lease."""
    database = store._engine.database
    if isinstance(database, SqliteDatabase):
        with FileLock(f"{database.database}.alerts.lock"):
            yield
        return
    with psycopg.connect(database.database, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (0x7269_6761_6C65_7274,))
        yield
        connection.execute("SELECT pg_advisory_unlock_all()")


def test_a_silence_made_elsewhere_is_seen_at_the_next_tick(driver: Driver, open_another: OpenStore) -> None:
    silence = Silence(0, SilenceKind.SILENCE, Matcher(site="garage"), START, START + 600_000, "ann", "fans", START)
    people = open_another()
    with people.write() as tx:
        silences.add(tx, silence)
    driver.tick()
    driver.hear(birth())
    assert driver.hear(will()) == []
    assert driver.tick(601) == ["CRITICAL: garage/rig1 lost"]


def test_an_acknowledgement_made_elsewhere_stops_the_reminders(driver: Driver, open_another: OpenStore) -> None:
    driver.hear(birth())
    driver.hear(will())
    with driver.store.read() as tx:
        (incident,) = alerts.live(tx)
    ack = Acknowledged(START, "ann", "on my way")
    with open_another().write() as tx:
        assert alerts.acknowledge(tx, incident.id, ack) == 1
    assert driver.tick(7200) == []
    with driver.store.read() as tx:
        (known,) = alerts.live(tx)
    assert known.acknowledged == ack
    assert "acknowledged" in story(driver.store, incident.id)


def test_the_usual_hashrate_comes_from_the_stored_hours(store: Store, driver: Driver) -> None:
    driver.hear(birth())
    hour = 3_600_000
    for back in range(6, 0, -1):
        at = START - back * hour
        store.take([RIG.heard(report(sample(at, hashrate=40e6 + back), sent_at=at), at)])
    with store.read() as tx:
        baseline = alerts.baseline(tx, START)
    assert baseline[RIG.id] == pytest.approx(40e6, rel=1e-3)
    # Hours of another machine that had the name do not count, nor the one in which it got it.
    for hours_ago, known in ((3.9, True), (2.9, False)):
        machines = {RIG.id: START - round(hours_ago * 3_600_000)}
        with store.read() as tx:
            found = alerts.baseline(tx, START, machines)
        assert (RIG.id in found) is known


def test_a_history_sample_fires_nothing(driver: Driver) -> None:
    driver.hear(birth())
    now = driver.clock.now()
    old = tuple(sample(now - minute * 60_000, hashrate=0, peers=0) for minute in range(300, 200, -1))
    driver.alert_driver.write(driver.store, [RIG.heard(report(*old, sent_at=now), now)])
    assert driver.tick(100) == []
    with driver.store.read() as tx:
        assert alerts.live(tx) == []


def test_trails_survive_a_restart(driver: Driver, store: Store) -> None:
    driver.hear(birth())
    now = driver.clock.now()
    driver.alert_driver.write(store, [RIG.heard(report(sample(now, peers=5), sent_at=now), now)])
    with store.read() as tx:
        begin, _ = alerts.start(tx, now, 600_000)
    assert begin.histories[RIG.id].at == now


def test_the_trail_of_a_node_that_reports_every_second_is_saved_every_ten(driver: Driver, store: Store) -> None:
    driver.hear(birth())
    first = driver.clock.now()

    def saved_after(seconds: int) -> int:
        now = first + seconds * 1000
        driver.clock.set_wall(now)
        driver.alert_driver.write(store, [RIG.heard(report(sample(now, hashrate=seconds), sent_at=now), now)])
        with store.read() as tx:
            begin, _ = alerts.start(tx, now, 600_000)
        return (begin.histories[RIG.id].at - first) // 1000

    assert [saved_after(seconds) for seconds in (1, 2, 10, 11, 20, 21, 60)] == [1, 1, 1, 11, 11, 21, 60]


def test_what_another_version_remembered_of_a_node_does_not_keep_the_alerts_from_starting(
    driver: Driver, drive: Drive
) -> None:
    driver.hear(birth())
    driver.hear(report(sample(START, hashrate=1.0)))
    with driver.store.write() as tx:
        tx.run('UPDATE trail SET detail = \'{"at": "yesterday"}\'')
    driver.alert_driver.release(driver.store)
    after = drive(driver.store)
    after.tick()
    assert after.hear(will()) == ["CRITICAL: garage/rig1 lost"]
