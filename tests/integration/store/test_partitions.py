"""PostgreSQL's partitions of samples: made, dropped, converted to; and what they must not change."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from rigwatch.clock import Millis
from rigwatch.home import Home
from store import Store, reader, schema
from store.partitions import REST
from tests.integration.conftest import OpenStore
from tests.rigs import birth, report, rig, sample

HOUR = 3_600_000
NOW: Millis = 1_760_000_400_000  # a full hour
KEEP = timedelta(hours=16)  # partitions of two hours
MIGRATIONS = Path(schema.__file__).parent / "migrations"


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Of the two databases, for `store` and `open_another`, the one that has partitions."""
    return postgres_url


def prune(store: Store, now: Millis = NOW) -> None:
    list(store.prune(KEEP, now))


def put(store: Store, at: Millis, *, n: Millis = 0, received: Millis = 0, name: str = "rig1") -> None:
    """A sample taken at `at`; with `n` by a rig whose clock said that."""
    of, now = rig(name), received or at
    said = n or at
    store.take([of.heard(report(sample(said, n=said, hashrate=1), sent_at=said + now - at), now)])


def places(url: str) -> dict[int, str]:
    """In which table each sample is."""
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT n, tableoid::regclass::text FROM sample").fetchall())


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'sample'::regclass"
        )
        return {name for (name,) in found.fetchall()}


def test_samples_go_to_partitions_that_are_made_ahead(store: Store, postgres_url: str) -> None:
    put(store, NOW - HOUR)
    assert places(postgres_url) == {NOW - HOUR: REST}
    prune(store)
    put(store, NOW - 15 * HOUR)
    put(store, NOW + 3 * HOUR)
    put(store, NOW - 100 * HOUR)
    found = places(postgres_url)
    assert found.pop(NOW - 100 * HOUR) == REST
    assert found == {
        NOW - HOUR: f"sample_{NOW // HOUR - 2}",
        NOW - 15 * HOUR: f"sample_{NOW // HOUR - 16}",
        NOW + 3 * HOUR: f"sample_{NOW // HOUR + 2}",
    }


def test_what_is_old_goes_with_its_partition_and_nothing_else_does(store: Store, postgres_url: str) -> None:
    prune(store)
    for hours in range(-15, 1):
        put(store, NOW + hours * HOUR)
    before = tables(postgres_url)
    prune(store, NOW + 5 * HOUR)
    assert before - tables(postgres_url) == {f"sample_{NOW // HOUR - back}" for back in (16, 14)}
    assert sorted(places(postgres_url)) == [NOW + hours * HOUR for hours in range(-12, 1)]
    with store.read() as tx:
        assert reader.averages(tx, 0)[rig().id].samples == 12


def test_a_sample_of_a_rig_with_a_slow_clock_is_kept_as_long_as_others_and_counts_once(
    store: Store, postgres_url: str
) -> None:
    prune(store)
    put(store, NOW, n=NOW - 15 * HOUR)
    prune(store, NOW + 5 * HOUR)
    assert places(postgres_url) == {NOW - 15 * HOUR: REST}
    put(store, NOW, n=NOW - 15 * HOUR, received=NOW + 5 * HOUR)
    with store.read() as tx:
        assert reader.averages(tx, 0)[rig().id].samples == 1
    prune(store, NOW + 18 * HOUR)
    assert places(postgres_url) == {}


def test_a_subscriber_that_was_away_for_long_makes_what_it_needs(store: Store, postgres_url: str) -> None:
    prune(store)
    much_later = NOW + 1000 * HOUR
    put(store, much_later)
    prune(store, much_later)
    assert places(postgres_url)[much_later] == f"sample_{much_later // HOUR}"
    assert len(tables(postgres_url)) <= 12


def test_whoever_reads_everything_puts_it_off_and_stops_nobody(store: Store, postgres_url: str) -> None:
    prune(store)
    put(store, NOW - 15 * HOUR)
    with closing(psycopg.connect(postgres_url)) as backup:
        backup.execute("SELECT count(*) FROM sample")
        prune(store, NOW + 5 * HOUR)
        put(store, NOW)
        assert f"sample_{NOW // HOUR - 16}" in tables(postgres_url)
    prune(store, NOW + 5 * HOUR)
    assert f"sample_{NOW // HOUR - 16}" not in tables(postgres_url)
    assert set(places(postgres_url)) == {NOW}


def test_two_that_forget_at_once_do_not_disturb_each_other_or_those_who_store(
    store: Store, open_another: OpenStore, postgres_url: str
) -> None:
    put(store, NOW)
    stores = [open_another() for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        work = [threads.submit(prune, each, NOW + 9 * hours * HOUR) for hours in range(4) for each in stores[:2]]
        work += [threads.submit(put, stores[2], NOW + hours * HOUR) for hours in range(1, 25)]
        for done in work:
            done.result()
    # What came late, between two of their steps, goes with the next hour.
    prune(store, NOW + 28 * HOUR)
    left = set(places(postgres_url))
    assert left.issuperset(NOW + hours * HOUR for hours in range(12, 25))
    # As long as a partition, which another may have begun at any hour, a sample may be kept on.
    assert min(left) >= NOW + 10 * HOUR


def test_a_batch_looks_only_into_the_partitions_of_its_samples(store: Store, postgres_url: str) -> None:
    prune(store)
    put(store, NOW)
    with psycopg.connect(postgres_url) as connection:
        # As the planner does by itself once there is more in them than in a test.
        connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
        plan = connection.execute(
            "EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT s.n FROM "
            "(SELECT (value->>0)::bigint AS a, (value->>1)::bigint AS b FROM jsonb_array_elements(%s::jsonb)) k "
            "CROSS JOIN sample s WHERE s.node_id = k.a AND s.n = k.b",
            (f"[[1, {NOW}]]",),
        ).fetchall()
    looks = [line for (line,) in plan if "Scan using sample_" in line]
    assert len(looks) > 8
    assert len([line for line in looks if "never executed" not in line]) == 1


def test_a_database_from_before_is_converted_with_all_that_is_in_it(
    open_another: OpenStore, home: Home, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = home.path / "migrations"
    shutil.copytree(MIGRATIONS, earlier, ignore=shutil.ignore_patterns("0006_*"))
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", earlier)
        old = open_another()
        old.take([rig().heard(birth())])
        ahead = 4_000_000_000_000
        for at in (NOW - HOUR, NOW, ahead):
            put(old, at)
    store = open_another()
    assert places(postgres_url) == {NOW - HOUR: "sample_before", NOW: "sample_before", ahead: REST}
    put(store, NOW)
    with store.read() as tx:
        assert reader.averages(tx, 0)[rig().id].samples == 3
    prune(store, NOW + 16 * HOUR)
    assert set(places(postgres_url)) == {NOW, ahead}
    # A node that is removed takes its samples along, wherever they are.
    with store._engine.writing() as tx:
        tx.run("DELETE FROM node")
    assert places(postgres_url) == {}
