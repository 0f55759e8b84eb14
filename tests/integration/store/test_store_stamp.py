"""The store's stamp tells that something changed, without reading what."""

from datetime import timedelta

from alerts.ingest import ReceivedMessage
from rigwatch.topics import NodeId
from store import Store, housekeeping, reader
from tests.fake_clock import START
from tests.rigs import birth, goodbye, report, rig, sample, will

DAY = 24 * 60 * 60 * 1000


def test_each_change_gives_another_stamp(store: Store) -> None:
    later = START + 1000
    old = sample(START - DAY)
    steps: tuple[ReceivedMessage, ...] = (
        rig().heard(birth(1)),
        rig().heard(report(sample(hashrate=1))),
        rig().heard(report(old, sent_at=later), later),
        rig().heard(will(1), later),
        rig().heard(birth(2), later + 1),
        rig().heard(goodbye(2), later + 1),
    )
    with store.read() as tx:
        stamps = [reader.stamp(tx)]
    for step in steps:
        store.take([step])
        with store.read() as tx:
            stamps.append(reader.stamp(tx))
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {NodeId("main", "new"): START})
    with store.read() as tx:
        stamps.append(reader.stamp(tx))
    list(store.prune(timedelta(hours=1), START + 10_000))
    with store.read() as tx:
        stamps.append(reader.stamp(tx))
    assert len(set(stamps)) == len(stamps)


def test_what_changes_nothing_leaves_the_stamp(store: Store) -> None:
    store.take([rig().heard(birth(2)), rig().heard(report(sample(), session=2))])
    with store.read() as tx:
        before = reader.stamp(tx)
    store.take([rig().heard(report(sample(), session=2)), rig().heard(will(1))])
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START, connected_at=START)
    with store.read() as tx:
        assert reader.stamp(tx) == before
