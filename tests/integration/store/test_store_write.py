"""What a batch leaves in the store."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from alerts.facts import NodeFacts
from alerts.ingest import Rejected, RejectReason, ReportTaken
from rigwatch.clock import Millis
from rigwatch.figures import AlgorithmFigures, Gpu, Miner
from rigwatch.messages import NodeState, Sample
from store import Store, Unstorable, reader
from tests.fake_clock import START
from tests.integration.conftest import OpenStore
from tests.rigs import Rig, birth, goodbye, report, rig, sample, will

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
FAR = START + 10 * MINUTE


def facts(store: Store, of: Rig | None = None) -> NodeFacts:
    with store.read() as tx:
        return next(node for node in reader.nodes(tx) if node.id == (of or rig()).id)


def stored(store: Store, until: Millis = FAR) -> list[Sample]:
    with store.read() as tx:
        return reader.samples(tx, rig().id, since=0, until=until)


FULL = Sample(
    n=START - 7,
    at=START,
    hashrate=8123.4,
    peers=0,
    block=534_211,
    block_hash="0xabc",
    syncing=False,
    accepted=10,
    rejected=0,
    stale=1,
    last_share_at=START - 1234,
    temperature=-3.5,
    power=120.4,
    fan=0.0,
    cpu=99.9,
    gpus=(Gpu(id="GPU-1", name="RTX", hashrate=0.0, temperature=61.25, accepted=9, rejected=1, invalid=0),),
    miner=Miner("xmrig", "6.22"),
    pool="pool.example:4444",
    uptime=86_400.5,
    pool_latency=35.5,
    errors={"nvidia": "no driver"},
    odd={"t-rex": "gpus[0].power: 429496736 cannot be"},
    invalid=2,
    hardware_errors=0,
    algorithm="rx/0",
    algorithms={"rx/0": AlgorithmFigures(8123.4, 10, 0, 1, 2), "kaspa": AlgorithmFigures(5e8)},
)


def test_a_sample_comes_back_as_it_was_sent(store: Store) -> None:
    store.take([rig().heard(report(FULL))])
    assert stored(store) == [FULL]
    assert facts(store).sample == FULL


def test_what_is_not_known_is_not_zero(store: Store) -> None:
    store.take([rig().heard(report(Sample(n=1, at=START))), rig("zero").heard(report(sample(hashrate=0, peers=0)))])
    assert stored(store) == [Sample(n=1, at=START)]
    zero = facts(store, rig("zero")).sample
    assert zero is not None
    assert (zero.hashrate, zero.peers) == (0, 0)
    with store.read() as tx:
        assert reader.averages(tx, START)[rig().id].hashrate_mean is None
        assert reader.averages(tx, START)[rig("zero").id].hashrate_mean == 0


def test_a_hashrate_larger_than_any_integer_column_is_kept(store: Store) -> None:
    store.take([rig().heard(report(sample(hashrate=1e24)))])
    assert stored(store)[0].hashrate == pytest.approx(1e24)


def test_an_algorithm_is_stored_where_it_changes_and_read_with_every_sample(store: Store) -> None:
    names = ("rx/0", "rx/0", "kaspa", "kaspa")
    samples = [Sample(n=n, at=START - 10 + n, algorithm=name) for n, name in enumerate(names, start=1)]
    store.take([rig().heard(report(each)) for each in samples])
    assert [each.algorithm for each in stored(store)] == ["rx/0", None, "kaspa", None]
    (walked,) = store.history(rig().id)
    assert [each.algorithm for each in walked] == [*names]


def test_miner_and_pool_are_stored_where_they_change(store: Store) -> None:
    samples = [
        Sample(n=number, at=START - 10 + number, miner=Miner("a" if number < 3 else "b"), pool="p")
        for number in range(1, 5)
    ]
    store.take([rig().heard(report(each)) for each in samples])
    assert [each.miner for each in stored(store)] == [Miner("a"), None, Miner("b"), None]
    latest = facts(store).sample
    assert latest is not None
    assert (latest.miner, latest.pool) == (Miner("b"), "p")


def test_whoever_walks_the_history_is_given_the_miner_and_the_pool_of_every_sample(store: Store) -> None:
    mined = [
        Sample(n=at, at=at, miner=Miner("a" if number < 90 else "b") if number < 100 else None, pool="p")
        for number, at in enumerate(range(START, START + 180 * MINUTE, MINUTE))
    ]

    def write(*samples: Sample, received_at: Millis) -> None:
        store.take([rig().heard(report(*samples, sent_at=received_at), received_at)])

    # An hour as it comes; then an outage, after which the newest goes first and history follows, newest first.
    for each in mined[:60]:
        write(each, received_at=each.at)
    write(mined[-1], received_at=mined[-1].at)
    write(*mined[120:-1], received_at=mined[-1].at)
    write(*mined[60:120], received_at=mined[-1].at)
    walked = [each for part in store.history(rig().id) for each in part]
    assert walked == mined
    for start in (0, 30, 75, 95, 130):
        (part,) = store.history(rig().id, since=mined[start].at)
        assert part == mined[start:]
    # Not on every row: that it takes a change, a new hour, or the end of a gap.
    told = [each for each in stored(store, START + DAY) if each.pool is not None]
    assert len(told) <= 10


def test_what_comes_into_a_gap_later_names_nothing_behind_it(store: Store) -> None:
    hour = START - START % (60 * MINUTE)
    miners = (Miner("a"), Miner("b"), Miner("a"), None, Miner("b"), None)
    mined = [
        Sample(n=at, at=at, miner=miner)
        for at, miner in zip(range(hour, hour + 60 * MINUTE, 10 * MINUTE), miners, strict=True)
    ]
    for number in (0, 2, 3, 5, 1, 4):
        store.take([rig().heard(report(mined[number], sent_at=START), START)])
    (walked,) = store.history(rig().id)
    assert walked == mined


def test_a_sample_that_comes_twice_is_stored_once_and_acknowledged_twice(store: Store) -> None:
    one = rig().heard(report(sample(hashrate=5)))
    first = store.take([one, one])
    second = store.take([one])
    assert all(isinstance(verdict, ReportTaken) for verdict in first + second)
    assert len(stored(store)) == 1
    with store.read() as tx:
        assert reader.averages(tx, START)[rig().id].samples == 1
        assert reader.totals(tx, 10, FAR)[0].hashrate == 5


def test_of_two_samples_with_one_number_the_first_counts(store: Store) -> None:
    store.take([rig().heard(report(sample(n=7, hashrate=5))), rig().heard(report(sample(n=7, hashrate=6)))])
    assert [each.hashrate for each in stored(store)] == [5]


def test_the_same_number_of_two_nodes_is_two_samples(store: Store) -> None:
    store.take([rig("a").heard(report(sample(n=7, hashrate=5))), rig("b").heard(report(sample(n=7, hashrate=6)))])
    with store.read() as tx:
        assert reader.totals(tx, 1, FAR)[0].hashrate == 11


def test_a_birth_describes_the_node(store: Store) -> None:
    store.take([rig().heard(birth(3, host="h", name="Rig One", interval=2.5), START)])
    node = facts(store)
    assert (node.name, node.host, node.interval) == ("Rig One", "h", timedelta(seconds=2.5))
    assert (node.state, node.state_at, node.session, node.first_seen_at) == (NodeState.ONLINE, START, 3, START)


def test_a_bare_will_changes_the_state_and_leaves_the_description(store: Store) -> None:
    store.take([rig().heard(birth(3, host="h", interval=5)), rig().heard(will(3), START + 1)])
    node = facts(store)
    assert (node.state, node.state_at, node.host) == (NodeState.LOST, START + 1, "h")
    assert node.interval == timedelta(seconds=5)


def test_a_goodbye_says_why_and_the_next_birth_forgets_it(store: Store) -> None:
    store.take([rig().heard(birth(3)), rig().heard(goodbye(3, reason="update"))])
    assert (facts(store).state, facts(store).reason) == (NodeState.OFFLINE, "update")
    store.take([rig().heard(birth(4))])
    assert (facts(store).state, facts(store).reason) == (NodeState.ONLINE, "")


def test_a_retained_status_heard_again_resets_no_time(store: Store) -> None:
    store.take([rig().heard(birth(3), START)])
    store.take([rig().heard(birth(3), START + MINUTE)])
    assert (facts(store).state_at, facts(store).first_seen_at) == (START, START)


def test_it_stores_nothing_of_an_older_session(store: Store) -> None:
    store.take([rig().heard(birth(5))])
    verdicts = store.take([rig().heard(report(session=4)), rig().heard(will(4)), rig().heard(birth(4, host="old"))])
    assert [verdict.reason for verdict in verdicts if isinstance(verdict, Rejected)] == [RejectReason.OLD_SESSION] * 3
    assert stored(store) == []
    assert (facts(store).state, facts(store).host, facts(store).session) == (NodeState.ONLINE, "host1", 5)


def test_messages_of_one_batch_are_judged_one_after_the_other(store: Store) -> None:
    verdicts = store.take([rig().heard(will(1)), rig().heard(birth(2)), rig().heard(will(1)), rig().heard(report())])
    assert [isinstance(verdict, Rejected) for verdict in verdicts] == [False, False, True, True]
    assert facts(store).state is NodeState.ONLINE


def test_history_does_not_touch_the_present(store: Store) -> None:
    store.take([rig().heard(report(sample(START, hashrate=5)), START)])
    late = START - 3 * MINUTE
    store.take([rig().heard(report(sample(late, hashrate=1), sent_at=START + 1), START + 1)])
    node = facts(store)
    assert node.sample is not None
    assert (node.sample.hashrate, node.last_report_at) == (5, START)
    assert len(stored(store)) == 2


def test_an_older_live_sample_does_not_replace_a_newer_one(store: Store) -> None:
    store.take([rig().heard(report(sample(START, hashrate=5)))])
    store.take([rig().heard(report(sample(START - 1000, hashrate=1)))])
    latest = facts(store).sample
    assert latest is not None
    assert latest.hashrate == 5


def test_a_server_whose_clock_was_set_back_goes_on_showing_the_latest(store: Store) -> None:
    later = START + 60 * MINUTE
    store.take([rig().heard(report(sample(later, hashrate=5), sent_at=later), later)])
    store.take([rig().heard(report(sample(START, hashrate=6), sent_at=START), START)])
    node = facts(store)
    assert node.sample is not None
    assert (node.sample.hashrate, node.last_report_at) == (6, START)


def test_a_replayed_report_does_not_look_alive(store: Store) -> None:
    store.take([rig().heard(report(sample(hashrate=5)), START)])
    before = facts(store)
    store.take([rig().heard(report(sample(hashrate=5)), START + 5 * MINUTE)])
    assert facts(store) == before


def test_the_clock_s_offset_is_kept_and_the_latest_sample_is_put_right(store: Store) -> None:
    wrong = START - 3_600_000
    store.take([rig().heard(report(sample(wrong, hashrate=5), sent_at=wrong), START)])
    node = facts(store)
    assert node.clock_offset == 3_600_000
    assert node.sample is not None
    assert node.sample.at == START


def test_a_batch_with_something_that_cannot_be_stored_leaves_nothing(store: Store) -> None:
    good, bad = rig("good").heard(report(sample(hashrate=5))), rig("bad").heard(report(sample(n=2**70)))
    with pytest.raises(Unstorable):
        store.take([good, bad])
    with store.read() as tx:
        assert reader.nodes(tx) == []
    store.take([good])
    with store.read() as tx:
        assert [node.id for node in reader.nodes(tx)] == [rig("good").id]


def test_two_writers_at_once_lose_and_double_nothing(open_another: OpenStore) -> None:
    stores = [open_another(), open_another()]
    rigs = [rig(f"r{number}") for number in range(20)]
    at_once = threading.Barrier(2)

    def write(store: Store, order: int) -> None:
        at_once.wait()
        for minute in range(5):
            messages = [each.heard(report(sample(START + minute, n=minute + 1, hashrate=2))) for each in rigs[::order]]
            store.take(messages)

    with ThreadPoolExecutor(2) as threads:
        for each in [threads.submit(write, stores[0], 1), threads.submit(write, stores[1], -1)]:
            each.result()
    with stores[0].read() as tx:
        assert [(total.hashrate, total.nodes) for total in reader.totals(tx, 10, START)] == [(40, 20)]
        assert {average.samples for average in reader.averages(tx, START).values()} == {5}


def test_an_ack_can_be_sent_only_after_another_process_can_read_it(open_another: OpenStore) -> None:
    writing, reading = open_another(), open_another()
    writing.take([rig().heard(report(sample(hashrate=5)))])
    assert len(stored(reading)) == 1


def test_what_reads_while_it_writes_sees_what_it_has_written_and_undoes_it_with_the_rest(store: Store) -> None:
    store.take([rig().heard(birth())])
    with suppress(ZeroDivisionError), store.write() as tx:
        tx.run("UPDATE node SET given_name = 'changed'")
        with store.read() as inner:
            assert reader.nodes(inner)[0].title == "changed"
        assert tx.rows("SELECT given_name FROM node") == [("changed",)]
        raise ZeroDivisionError
    with store.read() as tx:
        assert tx.rows("SELECT given_name FROM node") == [(None,)]
