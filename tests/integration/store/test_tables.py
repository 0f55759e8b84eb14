"""The three tables of the page: what they say, and that they do not cost more for a longer history."""

from alerts.facts import Average, MinuteTotal, ServerFacts
from rigwatch.clock import Millis
from rigwatch.messages import Sample
from store import Store, housekeeping, reader
from tests.rigs import Rig, birth, report, rig

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW: Millis = 1_760_000_400_000  # a full hour


def tell(store: Store, of: Rig, *samples: tuple[Millis, float | None]) -> None:
    """Times from NOW, and hashrates."""
    body = report(*(Sample(n=NOW + at, at=NOW + at, hashrate=rate) for at, rate in samples), sent_at=NOW)
    store.take([of.heard(body, NOW)])


def test_a_node_that_reports_twice_in_a_minute_counts_once(store: Store) -> None:
    tell(store, rig("a"), (-3, 10), (-2, 20))
    tell(store, rig("b"), (-1, 5))
    with store.read() as tx:
        assert reader.totals(tx, 10, NOW - 1) == [MinuteTotal(NOW - MINUTE, 20, 2)]


def test_a_sample_without_a_hashrate_counts_nowhere(store: Store) -> None:
    tell(store, rig("a"), (-3, 10), (-2, None))
    tell(store, rig("b"), (-1, None))
    with store.read() as tx:
        assert reader.totals(tx, 10, NOW) == [MinuteTotal(NOW - MINUTE, 10, 1)]
        assert reader.averages(tx, 0)[rig("a").id] == Average(hashrate_mean=10, peers_mean=None, samples=1)
        assert reader.averages(tx, 0)[rig("b").id] == Average(hashrate_mean=None, peers_mean=None, samples=0)


def test_a_miner_at_zero_counts(store: Store) -> None:
    tell(store, rig("a"), (-1, 0))
    with store.read() as tx:
        assert reader.totals(tx, 10, NOW - 1) == [MinuteTotal(NOW - MINUTE, 0, 1)]


def test_totals_are_the_last_minutes_with_the_newest_first(store: Store) -> None:
    tell(store, rig("a"), *((-minute * MINUTE, minute) for minute in (1, 2, 3, 9)))
    # In the minute that begins, and in the two after its sample of nine minutes ago, it counts with its last one.
    with store.read() as tx:
        assert [total.hashrate for total in reader.totals(tx, 4, NOW)] == [1, 1, 2, 3]
        assert [total.hashrate for total in reader.totals(tx, 10, NOW - 2 * MINUTE)] == [2, 3, 9, 9, 9]


def test_averages_begin_with_the_full_hour(store: Store) -> None:
    tell(store, rig("a"), (-1, 10), (-2 * HOUR, 20), (-2 * HOUR - 1, 90))
    with store.read() as tx:
        assert reader.averages(tx, NOW - 2 * HOUR + 5 * MINUTE)[rig("a").id].hashrate_mean == 15
        assert reader.averages(tx, NOW - 3 * HOUR)[rig("a").id].hashrate_mean == 40
        assert reader.averages(tx, NOW) == {}


def test_nodes_are_in_the_order_of_their_names_whatever_the_locale(store: Store) -> None:
    for site, name in (("b", "a"), ("a", "b-1"), ("a", "b1"), ("a", "b_1"), ("a", "b-0")):
        store.take([rig(name, site).heard(birth())])
    with store.read() as tx:
        ids = [node.id for node in reader.nodes(tx)]
    assert ids == sorted(ids)


def test_the_heartbeat_says_since_when_there_is_a_broker(store: Store) -> None:
    with store.read() as tx:
        assert reader.server(tx) == ServerFacts()
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=NOW, connected_at=None)
    with store.read() as tx:
        assert reader.server(tx) == ServerFacts(None, NOW)
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=NOW + 1, connected_at=NOW)
    with store.read() as tx:
        assert reader.server(tx) == ServerFacts(NOW, NOW + 1)


def test_of_several_subscribers_one_with_a_broker_is_enough(store: Store) -> None:
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber.a", now=NOW + 9, connected_at=None)
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber.b", now=NOW + 1, connected_at=NOW)
    with store.read() as tx:
        assert reader.server(tx) == ServerFacts(NOW, NOW + 1)


def steps_of_reading(store: Store, now: Millis) -> int:
    """How many instructions SQLite runs for the page, in hundreds: a cost without a clock."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with store._engine.reading():
        store._engine.database.connection().set_progress_handler(count, 100)
    with store.read() as tx:
        reader.nodes(tx)
        reader.averages(tx, 0)
        reader.totals(tx, 10, now)
    return steps


def test_reading_costs_the_same_for_a_longer_history(local: Store) -> None:
    rigs = [rig(f"r{number}") for number in range(20)]
    costs = []
    for hours in (10, 200):
        for each in rigs:
            tell(local, each, *((-hour * HOUR, 1.0) for hour in range(hours)))
        costs.append(steps_of_reading(local, NOW))
    assert costs[0] > 0
    assert costs[1] <= costs[0] * 1.1 + 2
