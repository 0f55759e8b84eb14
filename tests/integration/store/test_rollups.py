"""Whatever the order, the batches and the repetitions: the sums are those of the samples."""

from datetime import timedelta
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.facts import Average, MinuteTotal
from alerts.ingest import ReceivedMessage
from rigwatch.clock import Millis
from rigwatch.messages import Sample
from store import Store, changes, reader
from tests import reckoning
from tests.rigs import report, rig

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW: Millis = 1_760_000_400_000  # a full hour
RIGS = [rig("a"), rig("b"), rig("c")]

# Few minutes and few numbers, so that nodes share minutes and samples come twice; some before the recent past begins.
SAMPLES = st.builds(
    lambda number, minutes, hashrate, peers: (number, NOW - minutes * MINUTE + number, hashrate, peers),
    st.integers(1, 12),
    st.sampled_from([0, 1, 2, 30, 90, 150, 155, 1000]),
    st.none() | st.integers(0, 2_000_000).map(lambda thousandths: thousandths / 1000),
    st.none() | st.integers(0, 50),
)
REPORTS = st.tuples(st.integers(0, 2), st.lists(SAMPLES, min_size=1, max_size=4))
BATCHES = st.lists(st.lists(REPORTS, max_size=4), max_size=5)

Entry: TypeAlias = tuple[int, list[tuple[int, Millis, float | None, int | None]]]
"""Which rig reports, and each sample's number, time, hashrate and peers."""


def heard(entry: Entry) -> ReceivedMessage:
    which, samples = entry
    body = report(*(Sample(n=n, at=at, hashrate=rate, peers=peers) for n, at, rate, peers in samples), sent_at=NOW)
    return RIGS[which].heard(body, NOW)


def expected_totals(store: Store, samples: dict[str, list[Sample]], now: Millis) -> list[MinuteTotal]:
    with store.read() as tx:
        nodes = [
            reckoning.Said(
                [
                    reckoning.Taken(each.at, each.n, None if each.hashrate is None else round(each.hashrate * 1000))
                    for each in samples[of.id.node]
                ],
                [reckoning.Came(each.at, each.state, each.interval) for each in changes.of(tx, of.id, 0)],
            )
            for of in RIGS
        ]
    found = reckoning.fleet(nodes, now)
    return [MinuteTotal(minute * MINUTE, rate / 1000, count) for minute, (rate, count) in sorted(found.items())[::-1]]


def expected_average(samples: list[Sample], since: Millis) -> Average | None:
    span = [each for each in samples if each.at >= since // HOUR * HOUR]
    rates = [round(each.hashrate * 1000) for each in span if each.hashrate is not None]
    peers = [each.peers for each in span if each.peers is not None]
    if not span:
        return None
    return Average(
        hashrate_mean=sum(rates) / len(rates) / 1000 if rates else None,
        peers_mean=sum(peers) / len(peers) if peers else None,
        samples=len(rates),
    )


def check(store: Store) -> None:
    with store.read() as tx:
        samples = {each.id.node: reader.samples(tx, each.id, since=0, until=NOW + HOUR) for each in RIGS}
        assert reader.totals(tx, 1000, NOW + HOUR) == expected_totals(store, samples, NOW + HOUR)
    for since in (0, NOW - 20 * HOUR, NOW - 2 * HOUR, NOW):
        with store.read() as tx:
            averages = reader.averages(tx, since)
        assert {each.id.node: averages.get(each.id) for each in RIGS} == {
            name: expected_average(of_node, since) for name, of_node in samples.items()
        }


def empty(store: Store) -> None:
    """As if it were new; much faster than a new one for each of a property's many examples."""
    with store._engine.writing() as tx:
        for table in ("sample", "node_minute", "node_hour", "fleet_minute", "node_change", "node"):
            tx.run(f"DELETE FROM {table}")  # noqa: S608 - constants
        tx.run("UPDATE mark SET value = 0")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, more=BATCHES)
def test_the_sums_are_those_of_the_samples(store: Store, batches: list[list[Entry]], more: list[list[Entry]]) -> None:
    empty(store)
    for batch in batches:
        store.take([heard(entry) for entry in batch])
    check(store)
    # From here on the older minutes have no rows of their own and are summed from the samples.
    list(store.prune(timedelta(days=10), NOW))
    for batch in [*more, *reversed(batches)]:
        store.take([heard(entry) for entry in batch])
    check(store)
