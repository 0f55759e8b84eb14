"""Plugs on each database: what each says, what was drawn, and whose it is after a node was moved."""

from alerts.plugs import PlugFacts, PlugState
from rigwatch.topics import NodeId
from store import Store, acts, devices
from store.acts import Actor, Way
from tests.rigs import birth, rig

HOUR, MINUTE = 3_600_000, 60_000
BEGIN = 1_700_000_000_000 // HOUR * HOUR
NOW = BEGIN + 2 * HOUR
EVE = Actor("eve", Way.CLI)
RIG = rig()


def counted(total: float, at: int) -> PlugState:
    return PlugState(watts=100.0, watts_at=at, watt_hours=total, watt_hours_at=at)


def added(store: Store) -> None:
    store.take([RIG.heard(birth())])
    with store.write() as tx:
        devices.add(tx, PlugFacts("plug7", "tasmota", "tele/plug7", outlet=2, nodes=(RIG.id,), added_at=5))


def test_it_is_as_it_was_added_and_says_what_it_said_last(store: Store) -> None:
    added(store)
    with store.read() as tx:
        before = devices.stamp(tx)
    with store.write() as tx:
        devices.say(tx, {"plug7": counted(100, BEGIN)}, NOW)
    with store.read() as tx:
        assert devices.every(tx) == (PlugFacts("plug7", "tasmota", "tele/plug7", 2, (RIG.id,), 5, counted(100, BEGIN)),)
        assert (devices.changed(tx), devices.stamp(tx)) == (before[0], (before[0], before[1] + 1))


def test_what_was_drawn_counts_once_however_many_have_heard_it(store: Store) -> None:
    added(store)
    first, second = counted(100, BEGIN), counted(190, BEGIN + 90 * MINUTE)
    for state in (first, second, second, first):
        with store.write() as tx:
            devices.say(tx, {"plug7": state, "removed": state}, NOW)
    with store.read() as tx:
        assert devices.energy(tx, BEGIN, BEGIN + 2 * HOUR) == {"plug7": 90}
        assert devices.energy(tx, BEGIN, BEGIN + HOUR) == {"plug7": 60}
        assert devices.energy(tx, BEGIN + HOUR, BEGIN + 2 * HOUR) == {"plug7": 30}
        assert devices.every(tx)[0].state == second


def test_what_is_stored_of_the_future_gives_way_to_what_is_said_now(store: Store) -> None:
    added(store)
    ahead = counted(500, NOW + 24 * HOUR)
    for state, now in ((ahead, NOW + 24 * HOUR), (counted(510, NOW), NOW), (counted(520, NOW + HOUR), NOW + HOUR)):
        with store.write() as tx:
            devices.say(tx, {"plug7": state}, now)
    with store.read() as tx:
        assert devices.every(tx)[0].state == counted(520, NOW + HOUR)
        assert devices.energy(tx, 0, NOW + 48 * HOUR) == {"plug7": 10}


def test_a_node_that_is_moved_or_retired_takes_its_plug_along(store: Store) -> None:
    added(store)
    with store.write() as tx:
        acts.devices.hang(tx, EVE, 1, "plug7", nodes=())
        acts.devices.hang(tx, EVE, 1, "plug7", nodes=(RIG.id,))
        tx.run("UPDATE node SET site = 'barn' WHERE site = ? AND node = ?", (RIG.id.site, RIG.id.node))
    with store.read() as tx:
        assert devices.every(tx)[0].nodes == (NodeId("barn", RIG.id.node),)
    with store.write() as tx:
        tx.run("UPDATE node SET retired_at = 1")
    with store.read() as tx:
        assert devices.every(tx)[0].nodes == ()


def test_a_plug_that_is_removed_leaves_nothing(store: Store) -> None:
    added(store)
    with store.write() as tx:
        devices.say(tx, {"plug7": counted(100, BEGIN)}, NOW)
        devices.say(tx, {"plug7": counted(190, BEGIN + HOUR)}, NOW)
        assert devices.remove(tx, "plug7")
        assert not devices.remove(tx, "plug7")
    with store.read() as tx:
        assert devices.every(tx) == ()
        assert devices.energy(tx, 0, 2 * BEGIN) == {}
        assert tx.value("SELECT count(*) FROM device_node") == 0


def test_what_another_version_wrote_is_forgotten_and_not_fatal(store: Store) -> None:
    added(store)
    with store.write() as tx:
        tx.run("UPDATE device SET said = 'nonsense'")
    with store.read() as tx:
        assert devices.every(tx)[0].state == PlugState()
