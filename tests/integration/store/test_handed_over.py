"""What the alerts are told of a batch is what they would have read of it."""

from collections.abc import Sequence

from msgspec.structs import replace

from alerts.contest import Contest
from alerts.facts import NodeFacts
from alerts.ingest import ReceivedMessage
from rigwatch.figures import Gpu
from rigwatch.messages import NodeState, Report, Sample, Status
from store import Store, Written, nodes, reader
from store.transaction import Transaction
from tests.fake_clock import START
from tests.rigs import birth, goodbye, report, rig, sample, will

FULL = Sample(
    n=START,
    at=START,
    hashrate=5e8 / 3,
    peers=0,
    temperature=61.25,
    gpus=(Gpu(id="GPU-1", temperature=70),),
    errors={"nvidia": "no driver"},
)
BORN = Status(NodeState.ONLINE, 2, host="box\0", name="Ωmega", interval=30, sources=("a", "b"), tags=("own", "given"))


def facts_of(store: Store, batch: Sequence[ReceivedMessage]) -> list[NodeFacts]:
    """Of the batch's nodes, handed over; that they are the same as read in its transaction is seen to here."""
    handed: list[NodeFacts] = []

    def compare(tx: Transaction, written: Written) -> None:
        asked = {each.node for each in batch}
        handed.extend(sorted(written.facts(asked), key=lambda each: each.id))
        assert handed == sorted(reader.some(tx, asked), key=lambda each: each.id)

    store.take(batch, compare)
    return handed


def test_what_is_handed_over_is_what_would_be_read(store: Store) -> None:
    a, b, c = rig("a"), rig("b"), rig("c")
    (born,) = facts_of(store, [a.heard(birth(name="first"))])
    assert (born.name, born.sample) == ("first", None)
    with store.write() as tx:
        nodes.set_tags(tx, a.id, ["given"])
        nodes.rename(tx, a.id, "Given")
    again, other, gone = facts_of(
        store,
        [
            a.heard(BORN, START + 1),
            a.heard(Report(2, START + 5, (FULL,)), START + 5),
            b.heard(birth()),
            b.heard(report(sample(START - 7_200_000, hashrate=1.0))),
            c.heard(birth()),
            c.heard(will(), START + 9),
        ],
    )
    assert (again.host, again.tags, again.title) == ("box", ("own", "given"), "Given")
    assert again.sample is not None
    assert again.sample.hashrate == FULL.hashrate
    assert (other.sample, gone.state) == (None, NodeState.LOST)
    # The next batch knows it from the row alone, and a message that is not taken changes nothing.
    assert facts_of(store, [a.heard(report(session=1), START + 10), c.heard(goodbye(1), START + 11)])[0] == again


def test_a_batch_without_a_birth_takes_identity_and_rivals_from_the_row(store: Store) -> None:
    a, rival = rig("a"), Contest("two publishers use its key")
    facts_of(store, [replace(a.heard(BORN), contest=rival)])
    with store.write() as tx:
        nodes.set_tags(tx, a.id, ["given too"])
    (known,) = facts_of(store, [a.heard(report(sample(), session=2), START + 1)])
    assert (known.interval.total_seconds(), known.tags, known.contested_at) == (
        30,
        ("own", "given", "given too"),
        START,
    )
    (again,) = facts_of(store, [replace(a.heard(replace(BORN, session=3), START + 2), contest=rival)])
    assert (again.tags, again.contested_at) == (("own", "given", "given too"), START + 2)
    # Reports of a session whose birth is still to come do not say how often they come.
    (early,) = facts_of(store, [a.heard(report(sample(START + 3), session=4), START + 3)])
    assert early.interval.total_seconds() == 30


def test_of_a_retired_node_nothing_is_handed_over(store: Store) -> None:
    store.take([rig().heard(birth())])
    with store.write() as tx:
        nodes.retire(tx, rig().id, START)
    assert facts_of(store, [rig().heard(report(FULL))]) == []
