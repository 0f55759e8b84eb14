"""The fleet is whole in every minute, whatever the intervals of its nodes, and whatever comes late."""

import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.facts import FleetPoint
from rigwatch.clock import Millis
from rigwatch.messages import Report, Sample, Status
from store import Store, changes, reader, series
from tests import reckoning
from tests.integration.conftest import OpenStore
from tests.integration.store.test_rollups import empty
from tests.reckoning import Came, Said, Taken
from tests.rigs import Rig, birth, goodbye, report, rig, sample, will

MINUTE: Millis = 60_000
HOUR = 60 * MINUTE
EVEN: Millis = 1_760_000_400_000  # a full hour


def say(store: Store, who: Rig, at: Millis, *said: Status | Report) -> None:
    store.take([who.heard(each, at) for each in said])


def reports(store: Store, who: Rig, every_s: float, *, rate: float, since: Millis, until: Millis) -> None:
    """As a node does that is connected: each sample when it was taken."""
    say(store, who, since - 1, birth(interval=every_s))
    for at in range(since, until, round(every_s * 1000)):
        say(store, who, at, report(sample(at, hashrate=rate), sent_at=at))


def totals(store: Store, now: Millis, minutes: int = 10) -> list[tuple[int, float, int]]:
    with store.read() as tx:
        return [((now - each.minute) // MINUTE, each.hashrate, each.nodes) for each in reader.totals(tx, minutes, now)]


def test_nodes_that_report_every_two_minutes_count_in_each(store: Store) -> None:
    reports(store, rig("even"), 120, rate=400, since=EVEN - 30 * MINUTE, until=EVEN)
    reports(store, rig("odd"), 120, rate=60, since=EVEN - 29 * MINUTE, until=EVEN)
    assert totals(store, EVEN + 1000) == [(ago, 460, 2) for ago in range(10)]
    with store.read() as tx:
        points = series.fleet(tx, MINUTE, since=EVEN - 10 * MINUTE, until=EVEN)
    assert [(each.hashrate, each.nodes) for each in points] == [(460, 2)] * 10


@pytest.mark.parametrize("every_s", [1, 5, 60, 61, 90, 119, 600, 3600, 86_400])
def test_a_node_of_any_interval_counts_in_every_minute_while_it_is_there(local: Store, every_s: int) -> None:
    span = min(max(20 * MINUTE, 3 * every_s * 1000), 4 * 86_400_000)
    begin = EVEN - span + 17_000
    reports(local, rig(), every_s, rate=836, since=begin, until=EVEN)
    asked = (span - 17_000) // MINUTE
    found = totals(local, EVEN, asked)
    # The running minute has begun this millisecond; a sample a second may not be in it yet.
    assert found[-asked + 1 :] == [(ago, 836, 1) for ago in range(found[-asked + 1][0], found[-1][0] + 1)]
    assert len(found) == asked


def test_a_node_that_is_lost_stops_counting_and_one_that_hangs_after_three_intervals(store: Store) -> None:
    for name in ("lost", "hangs"):
        reports(store, rig(name), 300, rate=100, since=EVEN - 20 * MINUTE, until=EVEN + 1)
    say(store, rig("lost"), EVEN + 2 * MINUTE + 1, will())
    # Fifteen minutes are three intervals.
    assert totals(store, EVEN + 30 * MINUTE, 4) == [(ago, 100, 1) for ago in (16, 17, 18, 19)]
    assert totals(store, EVEN + 3 * MINUTE, 3) == [(0, 100, 1), (1, 200, 2), (2, 200, 2)]


def test_what_an_outage_held_up_fills_its_minutes_in_whatever_order_it_comes(store: Store) -> None:
    begin, moments = EVEN - HOUR, [EVEN - HOUR + step * 2 * MINUTE for step in range(30)]
    say(store, rig(), begin - 1, birth(interval=120))
    say(store, rig(), begin, report(sample(begin, hashrate=7), sent_at=begin))
    say(store, rig(), begin + 1, will())
    say(store, rig(), EVEN, birth(2, interval=120))
    kept = [sample(at, hashrate=7) for at in moments]
    # As a publisher does: the newest first, each report in order.
    for part in (kept[-1:], kept[20:29], kept[10:20], kept[:10], kept[5:25]):
        say(store, rig(), EVEN, report(*part, session=2, sent_at=EVEN))
    assert totals(store, EVEN, 70) == [(ago, 7, 1) for ago in range(61)]


def test_a_node_that_could_not_be_read_does_not_count(store: Store) -> None:
    say(store, rig(), EVEN - 10 * MINUTE, birth(interval=120))
    for step, rate in enumerate((5, None, 5)):
        at = EVEN - 6 * MINUTE + step * 2 * MINUTE
        say(store, rig(), at, report(sample(at, hashrate=rate), sent_at=at))
    assert totals(store, EVEN) == [(ago, 5, 1) for ago in (0, 1, 2, 5, 6)]


def test_the_chart_of_the_fleet_ends_with_nodes_that_report_once_a_day(store: Store) -> None:
    reports(store, rig(), 86_400, rate=5, since=EVEN - 24 * HOUR, until=EVEN - 23 * HOUR)
    with store.read() as tx:
        points = series.fleet(tx, HOUR, since=EVEN - 24 * HOUR, until=EVEN)
    assert points == [FleetPoint(EVEN - ago * HOUR, 5, 1) for ago in range(24, 0, -1)]


def test_an_hour_ago_every_node_had_its_mean_or_its_last_sample(store: Store) -> None:
    then = EVEN - HOUR
    reports(store, rig("often"), 60, rate=10, since=then - 20 * MINUTE, until=EVEN)
    reports(store, rig("daily"), 86_400, rate=20, since=then - 5 * HOUR, until=then)
    reports(store, rig("new"), 60, rate=40, since=EVEN - 10 * MINUTE, until=EVEN)
    reports(store, rig("hung"), 60, rate=80, since=then - 30 * MINUTE, until=then - 10 * MINUTE)
    reports(store, rig("gone"), 3600, rate=160, since=then - 30 * MINUTE, until=then - 10 * MINUTE)
    say(store, rig("gone"), then - 5 * MINUTE, goodbye())
    with store.read() as tx:
        found = series.rates_around(tx, then, 5 * MINUTE)
    assert found == {rig("often").id: 10, rig("daily").id: 20}


def test_a_change_of_the_interval_counts_from_then_on(store: Store) -> None:
    reports(store, rig(), 5, rate=3, since=EVEN - HOUR, until=EVEN - 50 * MINUTE)
    say(store, rig(), EVEN - 50 * MINUTE, birth(2, interval=600))
    for ago in (40, 30, 20, 10):
        at = EVEN - ago * MINUTE
        say(store, rig(), at, report(sample(at, hashrate=3), session=2, sent_at=at))
    found = [ago for ago, _, _ in totals(store, EVEN, 61)]
    assert found == [*range(41), *range(50, 61)]


def test_what_a_program_stored_that_knows_no_tails_is_found(store: Store) -> None:
    at = EVEN - 5 * MINUTE
    say(store, rig(), at - 1, birth(interval=600))
    say(store, rig(), at, report(sample(at, hashrate=9), sent_at=at))
    with store._engine.writing() as tx:
        tx.run("UPDATE node SET tail_at = NULL, tail_rate = NULL, tail_until = NULL")
    say(store, rig(), EVEN, report(sample(EVEN, hashrate=9), sent_at=EVEN))
    assert totals(store, EVEN) == [(ago, 9, 1) for ago in range(6)]


def test_a_database_of_before_is_taken_over(open_another: OpenStore) -> None:
    now = time.time_ns() // 1_000_000 // MINUTE * MINUTE
    store, begin = open_another(), now - 40 * MINUTE
    say(store, rig(), begin, birth(interval=300))
    say(store, rig(), begin + 5 * MINUTE, will())
    say(store, rig(), begin + 6 * MINUTE, birth(2, interval=600))
    for ago in (20, 10, 2):
        say(
            store,
            rig(),
            now - ago * MINUTE,
            report(sample(now - ago * MINUTE, hashrate=9, n=now - ago), session=2, sent_at=now - ago * MINUTE),
        )
    with store._engine.writing() as tx:
        for column in ("tail_at", "tail_rate", "tail_until", "stray"):
            tx.run(f"ALTER TABLE node DROP COLUMN {column}")
        tx.run("ALTER TABLE node_change DROP COLUMN interval")
        tx.run("DELETE FROM mark WHERE name = 'carried_from'")
        # As it was: nothing between the samples.
        tx.run("DELETE FROM fleet_minute WHERE minute NOT IN (SELECT (n + lag) / 60000 FROM sample)")
        tx.run("DELETE FROM schema_migration WHERE name = '0015_carried'")
    store = open_another()
    with store.read() as tx:
        assert [each.interval for each in changes.of(tx, rig().id, 0)] == [None, None, 600_000]
    # Since its last sample it counts; before, nothing is made up afterwards.
    assert totals(store, now, 4) == [(0, 9, 1), (1, 9, 1), (2, 9, 1), (10, 9, 1)]
    # What comes late fits in between, and takes away nothing that was never added.
    late = now - 15 * MINUTE
    say(store, rig(), now, report(sample(late, hashrate=9, n=late), session=2, sent_at=now))
    assert totals(store, now, 6) == [(ago, 9, 1) for ago in (0, 1, 2, 10, 15, 20)]
    with store._engine.reading() as tx:
        assert tx.rows("SELECT stray FROM node") == [(20 * MINUTE - 20,)]


RIGS = [rig("a"), rig("b")]
INTERVALS = st.sampled_from([0.1, 1, 5, 59, 60, 61, 120, 600, 3600, 86_400])
AGES = st.sampled_from([0, 1, 200, 30_000, 59_999, 60_000, 60_001, 119_000, 300_000, 3_600_000, 7 * 3_600_000])
SAMPLES = st.lists(st.tuples(AGES, st.integers(0, 90_000), st.none() | st.integers(0, 5000)), min_size=1, max_size=4)
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([0, 1000, 30_000, 60_000, 120_000, 600_000, 2 * HOUR]),
        st.one_of(st.tuples(st.just("birth"), INTERVALS), st.just(("will",)), st.just(("goodbye",)),
                  st.tuples(st.just("report"), SAMPLES, st.sampled_from([0, 0, 1500, 400_000]))),
    ),
    max_size=25,
)  # fmt: skip


def tell(store: Store, events: list[tuple[int, Millis, tuple[object, ...]]]) -> Millis:
    """Says all of it, each some time after the one before; the moment of the last."""
    now, sessions = EVEN, [1, 1]
    for who in RIGS:
        say(store, who, now - 10 * HOUR, birth())
    for which, later, (kind, *rest) in events:
        now += later + 1
        who = RIGS[which]
        if kind == "birth":
            sessions[which] += 1
            say(store, who, now, birth(sessions[which], interval=rest[0]))  # type: ignore[arg-type]
        elif kind == "report":
            say(store, who, now, reported(now, sessions[which], *rest))  # type: ignore[arg-type]
        else:
            say(store, who, now, (will if kind == "will" else goodbye)(sessions[which]))
    return now


def reported(now: Millis, session: int, taken: list[tuple[Millis, int, float | None]], behind: Millis) -> Report:
    """By a rig whose clock is so far behind; samples of an age each, in two parts."""
    moments = [(now - behind - age - more, rate) for age, more, rate in taken]
    return report(*(Sample(n=at, at=at, hashrate=rate) for at, rate in moments), session=session, sent_at=now - behind)


def said(store: Store, who: Rig, now: Millis) -> Said:
    with store.read() as tx:
        samples = reader.samples(tx, who.id, since=0, until=now + HOUR)
        known = changes.of(tx, who.id, 0)
    return Said(
        [Taken(each.at, each.n, None if each.hashrate is None else round(each.hashrate * 1000)) for each in samples],
        [Came(each.at, each.state, each.interval) for each in known],
    )


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=EVENTS, more=EVENTS)
def test_every_minute_is_what_was_said(
    store: Store,
    first: list[tuple[int, Millis, tuple[object, ...]]],
    more: list[tuple[int, Millis, tuple[object, ...]]],
) -> None:
    empty(store)
    now = tell(store, [*first, *more])
    list(store.prune(timedelta(days=30), now))
    expected = reckoning.fleet([said(store, each, now) for each in RIGS], now)
    with store.read() as tx:
        found = {
            each.minute // MINUTE: (round(each.hashrate * 1000), each.nodes) for each in reader.totals(tx, 100_000, now)
        }
    assert found == expected
    with store.read() as tx:
        points = series.fleet(tx, 7 * MINUTE, since=0, until=now)
    slots: dict[int, list[tuple[float, int]]] = {}
    for minute, figures in expected.items():
        if minute < now // MINUTE:
            slots.setdefault(minute // 7, []).append(figures)
    assert [(each.at // MINUTE // 7, round(each.hashrate, 3), each.nodes) for each in points] == [
        (slot, round(sum(rate for rate, _ in own) / len(own) / 1000, 3), sum(n for _, n in own) / len(own))
        for slot, own in sorted(slots.items())
    ]
