"""On PostgreSQL the table of nodes stays small, however often its rows change while somebody reads."""

import shutil
from pathlib import Path

import psycopg
import pytest

from rigwatch.home import Home
from store import Store, open_store, reader, schema
from tests.rigs import report, rig, sample

START = 1_760_000_400_000
MIGRATIONS = Path(schema.__file__).parent / "migrations"
RIGS = [rig(f"rig{number}") for number in range(100)]


def report_beside_a_reader(store: Store, url: str, minutes: range) -> None:
    """Whoever reads for long (an export, an ANALYZE) keeps what was overwritten meanwhile from being cleared away."""
    for minute in minutes:
        with psycopg.connect(url) as reader:
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            reader.execute("SELECT count(*) FROM node")
            for at in (START + 60_000 * minute, START + 60_000 * minute + 20_000):
                store.take([each.heard(report(sample(at, hashrate=1e6), sent_at=at), at) for each in RIGS])


def pages(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_relation_size('node') / 8192").fetchone()
    assert row is not None
    return int(row[0])


def test_it_does_not_grow_with_the_reports(postgres_url: str, tmp_path: Path) -> None:
    store = open_store(postgres_url, Home(tmp_path))
    report_beside_a_reader(store, postgres_url, range(2))
    before = pages(postgres_url)
    report_beside_a_reader(store, postgres_url, range(2, 40))
    assert pages(postgres_url) <= before + 2
    store.close()


def test_what_had_grown_before_is_laid_out_anew(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "older"
    shutil.copytree(MIGRATIONS, older, ignore=shutil.ignore_patterns("0007_*"))
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", older)
        store = open_store(postgres_url, Home(tmp_path))
        report_beside_a_reader(store, postgres_url, range(40))
        with store.read() as tx:
            facts = reader.nodes(tx)
        store.close()
    grown = pages(postgres_url)
    store = open_store(postgres_url, Home(tmp_path))
    assert pages(postgres_url) < grown / 2
    with store.read() as tx:
        assert reader.nodes(tx) == facts
    store.close()
