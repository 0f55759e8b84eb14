"""Histories for charts: means over steps, gaps left open, on each database."""

from alerts.facts import FleetPoint, NodeCards, NodeChange
from rigwatch.clock import Millis
from rigwatch.figures import Gpu
from rigwatch.messages import NodeState, Sample
from store import Store, changes, series
from tests.fake_clock import START
from tests.rigs import Rig, birth, goodbye, report, rig, sample, will

MINUTE: Millis = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EVEN = START - START % HOUR


def tell(store: Store, of: Rig, *samples: Sample) -> None:
    for first in range(0, len(samples), 500):
        store.take([of.heard(report(*samples[first : first + 500]))])


def test_points_are_means_and_a_gap_has_none(store: Store) -> None:
    at = EVEN - 10 * MINUTE
    figures = {"peers": 4, "block": 70, "temperature": 61.5, "power": 120.0}
    tell(
        store,
        rig(),
        Sample(n=at, at=at, hashrate=100, **figures),  # type: ignore[arg-type]
        Sample(n=at + 1, at=at + MINUTE, hashrate=200, errors={"miner": "away"}),
        Sample(n=at + 2, at=at + 6 * MINUTE, hashrate=50),
    )
    tell(store, rig("other"), sample(at, hashrate=9e9))
    with store.read() as tx:
        found = series.points(tx, rig().id, 2 * MINUTE, since=at, until=EVEN)
    first, second = found
    assert (first.at, first.first, first.last, first.samples) == (at + MINUTE // 2, at, at + MINUTE, 2)
    assert (first.hashrate, first.peers, first.block, first.temperature, first.power) == (150, 4, 70, 61.5, 120)
    assert (first.failing, second.failing) == (1, 0)
    assert (second.at, second.hashrate, second.peers) == (at + 6 * MINUTE, 50, None)
    with store.read() as tx:
        later = series.points(tx, rig().id, 2 * MINUTE, since=at + MINUTE, until=at + 6 * MINUTE)
    assert [point.hashrate for point in later] == [200]


def test_numbers_far_from_their_time_are_found_all_the_same(store: Store) -> None:
    # A clock that was years behind, and was set meanwhile.
    old = [Sample(n=number, at=EVEN - 3 * HOUR + number * 1000) for number in range(1, 2501)]
    tell(store, rig(), *old, Sample(n=EVEN, at=EVEN, hashrate=5))
    with store.read() as tx:
        found = series.points(tx, rig().id, MINUTE, since=EVEN - 3 * HOUR, until=EVEN + 1)
    assert sum(point.samples for point in found) == 2501
    with store.read() as tx:
        recent = series.points(tx, rig().id, MINUTE, since=EVEN, until=EVEN + 1)
    assert [point.hashrate for point in recent] == [5]


def test_each_point_has_the_cards_of_its_last_sample(store: Store) -> None:
    at = EVEN - HOUR
    gpus = [(Gpu("a", hashrate=rate),) for rate in (1.0, 2.0, 3.0)]
    tell(
        store,
        rig(),
        Sample(n=1, at=at, gpus=gpus[0]),
        Sample(n=2, at=at + 1, gpus=gpus[1]),
        Sample(n=3, at=at + MINUTE, gpus=gpus[2]),
        Sample(n=4, at=at + 2 * MINUTE),
    )

    def cards() -> list[NodeCards]:
        with store.read() as tx:
            points = series.points(tx, rig().id, MINUTE, since=at, until=EVEN)
            return series.cards(tx, rig().id, points)

    assert cards() == [NodeCards(at + 1, gpus[1]), NodeCards(at + MINUTE, gpus[2])]


def test_heights_are_the_highest_of_several_nodes(store: Store) -> None:
    for name, blocks in (("a", (5, 7, None)), ("b", (6, None, None)), ("other", (90, 90, 90))):
        moments = [EVEN - 3 * MINUTE + at * MINUTE for at in range(3)]
        tell(store, rig(name), *[Sample(n=at, at=at, block=block) for at, block in zip(moments, blocks, strict=True)])
    nodes = [rig("a").id, rig("b").id, rig("nobody").id]
    with store.read() as tx:
        found = series.heights(tx, nodes, MINUTE, since=EVEN - HOUR, until=EVEN)
    assert found == {EVEN // MINUTE - 3: 6, EVEN // MINUTE - 2: 7}
    with store.read() as tx:
        long = series.heights(tx, nodes, HOUR, since=EVEN - 20 * DAY, until=EVEN)
    assert list(long.values()) == [6]


def test_a_long_history_is_read_from_the_hours(store: Store) -> None:
    since = EVEN - 20 * DAY
    moments = range(since, EVEN, 15 * MINUTE)
    tell(
        store, rig(), *[Sample(n=at, at=at, hashrate=at % HOUR / MINUTE, peers=3, block=at // MINUTE) for at in moments]
    )
    with store.read() as tx:
        found = series.points(tx, rig().id, 2 * HOUR, since=since, until=EVEN)
    assert len(found) == 240
    assert {(point.samples, point.hashrate, point.peers) for point in found} == {(8, 22.5, 3)}
    assert [point.block for point in found] == [at // MINUTE for at in range(since, EVEN, 2 * HOUR)]
    assert (found[0].first, found[0].last) == (since, since + 2 * HOUR)
    with store.read() as tx:
        assert series.oldest(tx, rig().id) == since


def test_the_fleet_is_its_minutes_without_the_running_one(store: Store) -> None:
    for name, rate in (("a", 100), ("b", 300)):
        tell(store, rig(name), *[sample(EVEN - ago * MINUTE, hashrate=rate) for ago in (0, 1, 2, 9)])
    with store.read() as tx:
        found = series.fleet(tx, 5 * MINUTE, since=EVEN - HOUR, until=EVEN + 1)
    assert found == [FleetPoint(EVEN - 10 * MINUTE, 400, 2), FleetPoint(EVEN - 5 * MINUTE, 400, 2)]
    with store.read() as tx:
        assert series.fleet_oldest(tx) == EVEN - 9 * MINUTE


def test_each_node_has_a_figure_an_hour(store: Store) -> None:
    tell(store, rig(), sample(EVEN - HOUR, hashrate=10), sample(EVEN - HOUR + 1, hashrate=20), sample(EVEN, hashrate=7))
    tell(store, rig("mute"), sample(EVEN))
    with store.read() as tx:
        assert series.by_hour(tx, [rig().id], 4, EVEN + 1) == {rig().id: [None, None, 15, 7]}


def test_what_is_not_there_has_no_history(store: Store) -> None:
    with store.read() as tx:
        assert series.points(tx, rig().id, MINUTE, since=0, until=EVEN) == []
        assert series.stamp(tx, rig().id) == ()
        assert series.oldest(tx, rig().id) is None
        assert changes.of(tx, rig().id, 0) == []
        assert series.fleet_oldest(tx) is None


def test_the_stamp_changes_with_the_history(store: Store) -> None:
    seen: set[tuple[object, ...]] = {()}
    for said in (birth(), report(sample(EVEN)), report(sample(EVEN - DAY)), will(), birth(2), goodbye(2)):
        store.take([rig().heard(said)])
        with store.read() as tx:
            stamp = series.stamp(tx, rig().id)
        assert stamp not in seen, said
        seen.add(stamp)
    store.take([rig("other").heard(birth())])
    with store.read() as tx:
        assert series.stamp(tx, rig().id) in seen


def test_every_coming_and_going_is_remembered(store: Store) -> None:
    said = (birth(), will(), birth(2), goodbye(2, reason="updated"), will(2))
    for at, each in enumerate(said):
        store.take([rig().heard(each, START + at)])
    store.take([rig().heard(report(session=3), START + 9)])
    online, lost, offline = NodeState.ONLINE, NodeState.LOST, NodeState.OFFLINE
    every = [
        NodeChange(START, online, interval=MINUTE),
        NodeChange(START + 1, lost, interval=MINUTE),
        NodeChange(START + 2, online, interval=MINUTE),
        NodeChange(START + 3, offline, "updated", MINUTE),
        NodeChange(START + 9, online, interval=MINUTE),
    ]
    with store.read() as tx:
        assert changes.of(tx, rig().id, 0) == every
    # With what it was when the span began.
    with store.read() as tx:
        assert changes.of(tx, rig().id, START + 2) == every[2:]
        assert changes.of(tx, rig().id, START + 8) == every[3:]


def test_of_two_changes_at_one_moment_the_later_stays(store: Store) -> None:
    store.take([rig().heard(birth()), rig().heard(will())])
    with store.read() as tx:
        assert changes.of(tx, rig().id, 0) == [NodeChange(START, NodeState.LOST, interval=MINUTE)]


def test_old_changes_are_forgotten_but_for_the_last_of_each_node(store: Store) -> None:
    for name in ("a", "b"):
        for at, said in enumerate((birth(), will(), birth(2))):
            store.take([rig(name).heard(said, START + at)])
    store.take([rig("b").heard(will(2), START + 10)])
    with store.write() as tx:
        assert changes.forget(tx, START + 5, 100) == 4
    with store.read() as tx:
        assert changes.of(tx, rig("a").id, 0) == [NodeChange(START + 2, NodeState.ONLINE, interval=MINUTE)]
        assert [each.at for each in changes.of(tx, rig("b").id, 0)] == [START + 2, START + 10]
