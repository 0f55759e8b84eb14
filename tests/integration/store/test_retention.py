"""Forgetting: all that is old, nothing that is not, a little at a time."""

from datetime import timedelta

import pytest

from alerts.facts import Average
from rigwatch.clock import Millis
from rigwatch.messages import Sample
from store import Store, reader, retention
from tests.rigs import Rig, report, rig

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW: Millis = 1_760_000_400_000  # a full hour
KEEP = timedelta(hours=3)


def fill(store: Store, of: Rig, hours: int = 6, *, a_minute: int = 1) -> None:
    """A history of 2 H/s up to NOW."""
    moments = range(NOW - hours * HOUR, NOW, MINUTE // a_minute)
    for first in range(0, len(moments), 500):
        samples = [Sample(n=at, at=at, hashrate=2, peers=1) for at in moments[first : first + 500]]
        store.take([of.heard(report(*samples, sent_at=NOW), NOW)])


def oldest(store: Store, of: Rig) -> Millis:
    with store.read() as tx:
        return min(each.at for each in reader.samples(tx, of.id, since=0, until=NOW))


def count(store: Store, table: str) -> int:
    with store._engine.reading() as tx:
        return int(tx.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - the test's own names


def test_it_forgets_whole_hours_that_are_older_than_is_to_be_kept(store: Store) -> None:
    fill(store, rig("a"))
    fill(store, rig("b"), hours=2)
    list(store.prune(KEEP, NOW + 30 * MINUTE))
    assert oldest(store, rig("a")) == NOW - 3 * HOUR
    assert oldest(store, rig("b")) == NOW - 2 * HOUR
    with store.read() as tx:
        assert min(total.minute for total in reader.totals(tx, 1000, NOW)) == NOW - 3 * HOUR
    assert (count(store, "sample"), count(store, "fleet_minute"), count(store, "node_hour")) == (300, 180, 5)


def test_the_averages_over_everything_are_those_of_what_is_left(store: Store) -> None:
    fill(store, rig("a"))
    list(store.prune(KEEP, NOW))
    with store.read() as tx:
        average = reader.averages(tx, 0)[rig("a").id]
    assert (average.samples, average.hashrate_mean, average.peers_mean) == (180, 2, 1)


def test_a_node_of_which_nothing_is_left_has_no_average_and_is_still_there(store: Store) -> None:
    fill(store, rig("a"))
    later = Sample(n=1, at=NOW + 100 * HOUR, hashrate=7)
    store.take([rig("b").heard(report(later, sent_at=later.at), later.at)])
    list(store.prune(KEEP, later.at))
    with store.read() as tx:
        assert reader.averages(tx, 0).keys() == {rig("b").id}
        assert [node.id for node in reader.nodes(tx)] == [rig("a").id, rig("b").id]
    store.take([rig("a").heard(report(later, sent_at=later.at), later.at)])
    with store.read() as tx:
        assert reader.averages(tx, 0)[rig("a").id] == Average(hashrate_mean=7, peers_mean=None, samples=1)


def test_every_step_is_small(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_ROWS_A_STEP", 50)
    fill(store, rig("a"), a_minute=4)
    steps = list(store.prune(KEEP, NOW))
    assert max(steps) <= 50
    assert oldest(store, rig("a")) == NOW - 3 * HOUR
    assert count(store, "fleet_minute") == 180


def test_what_was_interrupted_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_ROWS_A_STEP", 50)
    for name in "abc":
        fill(store, rig(name))
    for steps_done in range(0, 400, 7):
        steps = store.prune(KEEP, NOW)
        if len([step for step, _ in zip(steps, range(steps_done), strict=False)]) < steps_done:
            break
        steps.close()  # type: ignore[attr-defined]
    assert (count(store, "sample"), count(store, "fleet_minute"), count(store, "node_hour")) == (540, 180, 9)
    with store.read() as tx:
        assert {average.samples for average in reader.averages(tx, 0).values()} == {180}


def test_minutes_of_nodes_are_kept_for_the_recent_past_only_and_late_samples_still_count(store: Store) -> None:
    fill(store, rig("a"))
    list(store.prune(timedelta(days=9), NOW))
    assert count(store, "node_minute") == 120
    late = Sample(n=1, at=NOW - 5 * HOUR, hashrate=6)
    store.take([rig("a").heard(report(late, sent_at=NOW), NOW)])
    with store.read() as tx:
        totals = {total.minute: total for total in reader.totals(tx, 1000, NOW)}
    assert totals[NOW - 5 * HOUR].hashrate == 4
    assert count(store, "node_minute") == 120


def test_a_file_under_a_steady_load_stops_growing_once_it_forgets(local: Store) -> None:
    rigs = [rig(f"rig{number}") for number in range(10)]
    sizes = []
    for hour in range(16):
        for each in rigs:
            moments = range(NOW + hour * HOUR, NOW + (hour + 1) * HOUR, MINUTE)
            samples = [Sample(n=at, at=at, hashrate=2, peers=1) for at in moments]
            local.take([each.heard(report(*samples, sent_at=samples[-1].at), samples[-1].at)])
        list(local.prune(KEEP, NOW + (hour + 1) * HOUR))
        with local._engine.reading() as tx:
            sizes.append(tx.rows("PRAGMA page_count")[0][0])
    assert sizes[4] > sizes[0]
    assert sizes[-1] <= sizes[5] * 1.1


def test_nothing_to_forget_writes_nothing(store: Store) -> None:
    fill(store, rig("a"))
    list(store.prune(KEEP, NOW))
    assert list(store.prune(KEEP, NOW)) == []


def test_an_absurd_sample_leaves_nothing_behind_in_the_average_once_it_is_forgotten(store: Store) -> None:
    absurd = Sample(n=1, at=NOW - 6 * HOUR, hashrate=1e22)
    store.take([rig("a").heard(report(absurd, sent_at=NOW), NOW)])
    fill(store, rig("a"), hours=5)
    fill(store, rig("b"))
    list(store.prune(KEEP, NOW))
    with store.read() as tx:
        assert [reader.averages(tx, 0)[rig(name).id].hashrate_mean for name in "ab"] == [2, 2]
