"""Nodes that are read again and again are those that reading all of them gives."""

import random
from datetime import timedelta

import msgspec
import pytest

from alerts.facts import NodeFacts
from rigwatch.messages import NodeState, Status
from rigwatch.topics import NodeId
from store import Store, housekeeping, nodes, reader
from store.node_cache import NodeCache
from tests.fake_clock import START
from tests.rigs import birth, goodbye, report, rig, sample, will
from tests.stored import asked

SECOND = 1000


def seen(store: Store, cache: NodeCache) -> dict[NodeId, NodeFacts]:
    with store.read() as tx:
        return {each.id: each for each in cache.nodes(tx)}


def every(store: Store) -> dict[NodeId, NodeFacts]:
    return {each.id: each for each in asked(store, reader.nodes)}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_it_says_what_the_store_says(store: Store, seed: int) -> None:
    chance, cache, now = random.Random(seed), NodeCache(), START  # noqa: S311 - no secret
    rigs = [rig(f"rig{number}") for number in range(8)]
    session = dict.fromkeys(rigs, 0)
    for _ in range(80):
        now += chance.choice([0, 1, 700, 5 * SECOND, 90 * SECOND])
        one = chance.choice(rigs)
        what = chance.randrange(12)
        with store.write() as tx:
            housekeeping.beat(tx, "subscriber", now=now, connected_at=START)
        if session[one] == 0 or what == 0:
            session[one] += 1
            store.take([one.heard(birth(session[one], name=f"name {session[one]}"), now)])
        elif what < 7:
            store.take([one.heard(report(sample(now, hashrate=now % 97), session=session[one], sent_at=now), now)])
        elif what == 7:
            store.take([one.heard(chance.choice([will, goodbye])(session[one]), now)])
        elif what == 8:
            with store.write() as tx:
                nodes.rename(tx, one.id, f"called {now}")
        elif what == 9:
            with store.write() as tx:
                housekeeping.set_enrolled(tx, {NodeId("main", f"new{now}"): now, **{each.id: now for each in rigs}})
        elif what == 10 and one.id in every(store):
            with store.write() as tx:
                nodes.retire(tx, one.id, now)
        elif what == 11:
            with store.write() as tx:
                housekeeping.beat(tx, "other", now=now - 30 * SECOND, connected_at=START)
        if chance.random() < 0.6:
            assert seen(store, cache) == every(store)
    assert seen(store, cache) == every(store)


def test_facts_of_a_node_that_has_not_changed_are_the_same_object(store: Store) -> None:
    cache, one, other = NodeCache(), rig("one"), rig("other")
    store.take([one.heard(birth()), other.heard(birth())])
    before = seen(store, cache)
    store.take([one.heard(report(sample(hashrate=5)))])
    after = seen(store, cache)
    assert after[other.id] is before[other.id]
    assert after[one.id] != before[one.id]


def test_it_reads_only_what_has_changed(store: Store) -> None:
    cache, read = NodeCache(), 0
    rigs = [rig(f"rig{number}") for number in range(50)]
    store.take([each.heard(birth(), START - 60 * SECOND) for each in rigs])
    seen(store, cache)
    take = cache._take

    def counted(row: tuple[object, ...]) -> None:
        nonlocal read
        read += 1
        take(row)

    cache._take = counted  # type: ignore[method-assign]
    for rate in (5, 6):
        # The first look goes back to when all of them came.
        read = 0
        store.take([rigs[7].heard(report(sample(START + rate, hashrate=rate), sent_at=START), START)])
        assert seen(store, cache) == every(store)
    assert read == 1
    assert msgspec.structs.asdict(every(store)[rigs[7].id])["last_report_at"] == START


def test_a_revision_differs_after_every_commit_and_no_look(store: Store) -> None:
    first = store.revision()
    every(store)
    assert store.revision() == first
    if first is None:
        # PostgreSQL has nothing as cheap.
        return
    store.take([rig().heard(Status(NodeState.ONLINE, 1))])
    second = store.revision()
    assert second != first
    list(store.prune(timedelta(hours=1), START))
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START, connected_at=START)
    assert store.revision() != second
