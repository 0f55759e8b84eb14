"""What a thief with a node's key can leave behind, and that nothing of it outlives the key."""

import pytest

from alerts.facts import NodeFacts
from alerts.ingest import Rejected, RejectReason, ReportTaken
from rigwatch.clock import Millis, SystemClock
from rigwatch.home import Home
from rigwatch.messages import NodeState
from rigwatch.registry import Registry
from store import Store, housekeeping, nodes, reader
from tests.fake_clock import START
from tests.integration.subscriber.running import Node, prepare, settings, subscribing
from tests.mosquitto import Mosquitto
from tests.rigs import MASTER, Rig, birth, report, rig, sample
from tests.stored import asked
from tests.waiting import eventually_async

HOUR = 3_600_000
AGAIN = Rig(rig().id, MASTER.node_key(rig().id, 1))


def facts(store: Store) -> NodeFacts:
    with store.read() as tx:
        return reader.nodes(tx)[0]


def stored(store: Store) -> list[tuple[Millis, float | None]]:
    """Each sample with the time at which it was taken, by that."""
    with store.read() as tx:
        samples = reader.samples(tx, rig().id, since=0, until=START + 100 * HOUR)
    return sorted((each.at, each.hashrate) for each in samples)


def revoke(store: Store, since: int, now: Millis) -> None:
    with store.write() as tx:
        while not housekeeping.begin_anew(tx, rig().id, since, now):
            pass


def test_a_number_of_the_future_makes_way_for_the_sample_whose_number_it_is(store: Store) -> None:
    planted = [sample(START, n=START + minute * 60_000, hashrate=666) for minute in range(1, 40)]
    store.take([rig().heard(report(*planted))])
    later = START + 5 * 60_000
    own = report(sample(later, hashrate=5), sent_at=later)
    for _ in range(2):
        verdict = store.take([rig().heard(own, later)])[0]
        assert isinstance(verdict, ReportTaken)
    assert stored(store)[-1] == (later, 5)
    assert len(stored(store)) == 40
    with store.read() as tx:
        assert reader.averages(tx, 0)[rig().id].samples == 40


def test_two_samples_of_one_number_in_one_batch_are_told_apart_by_whose_time_has_come(store: Store) -> None:
    later = START + HOUR
    store.take(
        [
            rig().heard(report(sample(START, n=later, hashrate=666))),
            rig().heard(report(sample(later, hashrate=5), sent_at=later), later),
        ]
    )
    assert stored(store) == [(START, 666), (later, 5)]


def test_a_sample_of_a_rig_whose_clock_was_ahead_is_not_doubled_when_it_comes_again(store: Store) -> None:
    ahead = START + 10 * HOUR
    store.take([rig().heard(report(sample(ahead, hashrate=5), sent_at=ahead))])
    store.take([rig().heard(report(sample(ahead, hashrate=5), sent_at=START + HOUR), START + HOUR)])
    assert stored(store) == [(START, 5)]


def test_a_report_over_the_whole_of_time_is_looked_for_by_its_own_numbers(store: Store) -> None:
    history = [sample(START + minute, n=START + minute, hashrate=minute) for minute in range(300)]
    store.take([rig().heard(report(*history, sent_at=START + 300), START + 300)])
    wide = [sample(START, n=n, hashrate=1) for n in (1, *range(START, START + 50), 2**53)]
    store.take([rig().heard(report(*wide, sent_at=START + 300), START + 300)])
    assert len(stored(store)) == 302


def test_revoking_brings_back_the_numbers_that_are_ahead_and_loses_no_sample(store: Store) -> None:
    planted = [sample(START, n=START + HOUR + number, hashrate=number) for number in range(1500)]
    for start in range(0, 1500, 500):
        store.take([rig().heard(report(*planted[start : start + 500]))])
    before = stored(store)
    revoke(store, 1, START + 1)
    with store.read() as tx:
        numbers = [n for (n,) in tx.rows("SELECT n FROM sample")]
    assert len(numbers) == 1500
    assert max(numbers) <= START
    assert stored(store) == before
    with store.read() as tx:
        assert tx.rows("SELECT highest_n FROM node") == [(max(numbers),)]


def test_nothing_that_was_on_its_way_outlives_a_revocation(store: Store) -> None:
    store.take([rig().heard(birth(START))])
    revoke(store, 1, START + 1)
    assert facts(store).state is NodeState.OFFLINE
    verdicts = store.take([rig().heard(birth(START + 5)), rig().heard(report(session=START + 5))])
    assert [each.reason for each in verdicts if isinstance(each, Rejected)] == [
        RejectReason.OLD_KEY,
        RejectReason.OLD_KEY,
    ]
    assert facts(store).state is NodeState.OFFLINE
    store.take([AGAIN.heard(birth(START - HOUR))])
    assert facts(store).state is NodeState.ONLINE


def test_a_node_that_has_come_back_with_its_new_key_is_not_touched_by_a_late_look(store: Store) -> None:
    store.take([AGAIN.heard(birth(START))])
    revoke(store, 1, START + 1)
    assert (facts(store).state, facts(store).session) == (NodeState.ONLINE, START)


def test_a_node_is_heard_after_the_list_of_nodes_was_restored_from_an_older_copy(store: Store) -> None:
    store.take([AGAIN.heard(birth(START + HOUR)), rig("other").heard(birth(START))])
    with store.write() as tx:
        housekeeping.set_back(tx, {rig().id: 0, rig("other").id: 3})
    store.take([rig().heard(birth(START))])
    with store.read() as tx:
        found = {each.id: (each.state, each.session) for each in reader.nodes(tx)}
    assert found == {rig().id: (NodeState.ONLINE, START), rig("other").id: (NodeState.ONLINE, START)}


def test_a_node_that_is_moved_begins_anew_under_its_other_name(store: Store) -> None:
    store.take([AGAIN.heard(birth(START + 5 * HOUR))])
    with store.write() as tx:
        nodes.move(tx, rig().id, "barn", START)
    moved = rig(site="barn")
    store.take([moved.heard(birth(START))])
    with store.read() as tx:
        found = next(each for each in reader.nodes(tx) if each.id == moved.id)
    assert (found.state, found.session) == (NodeState.ONLINE, START)


@pytest.mark.parametrize("session", [2**53, START + 40 * 366 * 24 * HOUR])
async def test_after_a_session_of_the_future_the_rig_is_heard_again_with_its_key_and_with_the_next(
    mosquitto: Mosquitto, home: Home, local: Store, session: int
) -> None:
    prepare(home, rig())
    now, registry = SystemClock().now, Registry(home.nodes_json)
    async with subscribing(home, settings(mosquitto.port)):
        thief = await Node.connect(rig(), mosquitto.port, session=session)
        planted = report(sample(now(), n=now() + HOUR, hashrate=666), session=session, sent_at=now())
        await thief.say(planted)
        await thief.connection.close()
        for of in (rig(), AGAIN):
            await is_heard(of, mosquitto.port, local)
            registry.revoke(rig().id, now())
            registry.enroll(rig().id, now())


async def is_heard(of: Rig, port: int, store: Store) -> None:
    session = SystemClock().now()
    node = await Node.connect(of, port, session=session)
    await eventually_async(lambda: bool(asked(store, reader.nodes)) and facts(store).session == session)
    await node.say(report(sample(session), session=session, sent_at=session))
    await eventually_async(lambda: session in node.acked())
    await node.connection.close()
