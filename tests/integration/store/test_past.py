"""What another program measured: summed up as any sample, once, and silent about the present."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.status import NodeStatus, status_at
from rigwatch.figures import Miner
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from store import Store, housekeeping, past, reader
from store.past import ImportCounts
from tests.integration.store.test_rollups import BATCHES, HOUR, MINUTE, NOW, RIGS, Entry, check, heard
from tests.rigs import birth, report, rig, sample

KEEP = timedelta(days=365)
A = rig("a").id
PAST = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from([1, 2, 3, 31, 90, 151, 156, 1000]), st.integers(0, 3), st.integers(0, 9)
    ),
    max_size=12,
)


def measured(minutes: int, *, hashrate: float | None = 8123, second: int = 0) -> Sample:
    at = NOW - minutes * MINUTE
    return Sample(n=at + second, at=at, hashrate=hashrate, peers=3)


def introduced(store: Store, *nodes: NodeId) -> None:
    with store.write() as tx:
        past.introduce(tx, dict.fromkeys(nodes, "Comp 1"), NOW)


def by_node(rows: list[tuple[int, int, int, int]]) -> dict[NodeId, list[Sample]]:
    found: dict[NodeId, list[Sample]] = {}
    for which, minutes, second, rate in rows:
        found.setdefault(RIGS[which].id, []).append(measured(minutes, hashrate=rate, second=second))
    return found


def test_it_is_history_of_a_node_that_is_still_pending(store: Store) -> None:
    introduced(store, A)
    assert store.add_past({A: [measured(90), measured(3)]}) == {A: ImportCounts(new=2)}
    with store.read() as tx:
        (facts,) = reader.nodes(tx)
    assert (facts.state, facts.session, facts.sample, facts.last_report_at) == (None, 0, None, None)
    assert (facts.title, facts.first_seen_at, facts.enrolled_at) == ("Comp 1", NOW - 90 * MINUTE, NOW)
    with store.write() as tx:
        housekeeping.beat(tx, "s", now=NOW, connected_at=NOW)
    with store.read() as tx:
        assert status_at(facts, reader.server(tx), NOW) is NodeStatus.PENDING
        assert reader.averages(tx, NOW - 5 * HOUR)[A].hashrate_mean == 8123
        assert [total.nodes for total in reader.totals(tx, 10, NOW)] == [1, 1, 1, 1, 1, 1]
    check(store)


def test_nothing_is_stored_twice_and_the_first_sight_only_moves_back(store: Store) -> None:
    introduced(store, A)
    store.add_past({A: [measured(90)]})
    assert store.add_past({A: [measured(90), measured(200), measured(3)]}) == {A: ImportCounts(new=2, there=1)}
    assert store.add_past({A: [measured(3), measured(3), measured(2)]}) == {A: ImportCounts(new=1, there=2)}
    with store.read() as tx:
        assert reader.nodes(tx)[0].first_seen_at == NOW - 200 * MINUTE
    introduced(store, A)
    with store.read() as tx:
        assert len(reader.samples(tx, A, since=0, until=NOW)) == 4
    check(store)


def test_comparing_tells_what_adding_does_and_changes_nothing(store: Store) -> None:
    batch = {A: [measured(90), measured(3), measured(3)]}
    with store.read() as tx:
        assert past.compare(tx, batch) == {A: ImportCounts(new=2, there=1)}
        assert reader.nodes(tx) == []
    introduced(store, A)
    with store.read() as tx:
        before = reader.nodes(tx)
        assert past.compare(tx, batch) == store.add_past(batch)
        assert before != reader.nodes(tx)
        assert past.compare(tx, batch) == {A: ImportCounts(there=3)}


def test_what_a_node_has_told_of_itself_counts_alone(store: Store) -> None:
    store.take([rig("a").heard(birth(name="Rig A"), NOW - 60 * MINUTE)])
    live = sample(NOW - MINUTE, hashrate=5)
    store.take([rig("a").heard(report(live, sent_at=NOW), NOW)])
    introduced(store, A)
    with store.read() as tx:
        before = reader.nodes(tx)[0]
    assert store.add_past({A: [measured(61), measured(59), measured(2)]}) == {A: ImportCounts(new=1, own=2)}
    with store.read() as tx:
        (facts,) = reader.nodes(tx)
    assert (facts.state, facts.sample, facts.last_report_at) == (before.state, before.sample, before.last_report_at)
    assert facts.title == "Rig A"
    assert facts.first_seen_at == NOW - 61 * MINUTE
    check(store)


def test_a_miner_of_later_is_not_said_to_be_that_of_before(store: Store) -> None:
    miner = Miner("xmrig", "6")
    # The first of them was kept on the rig until it had a server.
    own = [Sample(n=at, at=at, hashrate=1, miner=miner) for at in (NOW - 10 * MINUTE, NOW)]
    store.take([rig("a").heard(report(*own, sent_at=NOW), NOW)])
    store.add_past({A: [measured(11), measured(3)]})
    assert [each.miner for part in store.history(A) for each in part] == [None, miner, None, miner]


def test_a_node_that_was_forgotten_meanwhile_comes_back(store: Store) -> None:
    introduced(store, A)
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {})
    with store.read() as tx:
        assert reader.nodes(tx) == []
    assert store.add_past({A: [measured(3)]}) == {A: ImportCounts(new=1)}
    with store.read() as tx:
        assert len(reader.samples(tx, A, since=0, until=NOW)) == 1


def test_a_revoked_node_keeps_its_past(store: Store) -> None:
    introduced(store, A)
    store.add_past({A: [measured(3)]})
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {})
    with store.read() as tx:
        assert len(reader.samples(tx, A, since=0, until=NOW)) == 1
    with store.write() as tx:
        assert not housekeeping.set_revoked(tx, [A], NOW)


def test_it_makes_ready_without_forgetting(store: Store) -> None:
    introduced(store, A)
    store.add_past({A: [measured(1000), measured(3)]})
    store.make_ready_for_past(timedelta(hours=1), NOW)
    with store.read() as tx:
        assert len(reader.samples(tx, A, since=0, until=NOW)) == 2
    store.add_past({A: [measured(999), measured(1000, second=1)]})
    # Only the recent past has a row for each minute; a year of it would be half a million.
    with store.read() as tx:
        assert tx.rows("SELECT count(*) FROM node_minute") == [(1,)]
    check(store)


def test_what_is_forgotten_later_leaves_the_right_sums(store: Store) -> None:
    introduced(store, A)
    store.make_ready_for_past(timedelta(hours=3), NOW)
    store.add_past({A: [measured(minutes) for minutes in range(1, 600, 7)]})
    for _ in store.prune(timedelta(hours=3), NOW):
        pass
    with store.read() as tx:
        assert len(reader.samples(tx, A, since=0, until=NOW)) < 86
        assert reader.averages(tx, 0)[A].samples == len(reader.samples(tx, A, since=0, until=NOW))
    check(store)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=BATCHES, rows=st.lists(PAST, max_size=4), after=BATCHES)
def test_the_sums_are_those_of_the_samples_whatever_comes_when(
    local: Store, *, before: list[list[Entry]], rows: list[list[tuple[int, int, int, int]]], after: list[list[Entry]]
) -> None:
    introduced(local, *(each.id for each in RIGS))
    for batch in before:
        local.take([heard(entry) for entry in batch])
    # From the second example on the minutes are long past: this store has seen the ones before.
    for several in rows:
        local.add_past(by_node(several))
    local.make_ready_for_past(KEEP, NOW)
    for batch in after:
        local.take([heard(entry) for entry in batch])
    check(local)


@pytest.mark.parametrize("heard_of", [False, True])
def test_minutes_long_past_are_summed_up_with_strays_in_them(store: Store, *, heard_of: bool) -> None:
    """A rig whose clock was years off has told of the same minute as the old tool."""
    if heard_of:
        stray = Sample(n=7, at=NOW - 1000 * MINUTE, hashrate=2)
        store.take([rig("a").heard(report(stray, sent_at=NOW), NOW)])
    introduced(store, A)
    store.make_ready_for_past(KEEP, NOW)
    store.add_past({A: [measured(1000, hashrate=4)]})
    with store.read() as tx:
        assert reader.totals(tx, 10, NOW)[-1].hashrate == (3 if heard_of else 4)
    check(store)


def test_a_number_that_was_imported_is_not_stored_again_when_the_node_sends_it(store: Store) -> None:
    introduced(store, A)
    past = measured(30)
    assert store.add_past({A: [past, measured(20)]}) == {A: ImportCounts(new=2)}
    store.take([rig("a").heard(report(sample(past.at, n=past.n, hashrate=1), sent_at=NOW), NOW)])
    with store.read() as tx:
        assert [each.n for each in reader.samples(tx, A, since=0, until=NOW)] == [past.n, measured(20).n]
    check(store)
