"""What one node sends and the database cannot hold: it costs that node's value, and nobody else anything."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from peewee import SqliteDatabase

from alerts.rule import Rule
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.messages import Sample
from rigwatch.settings.alerts import RuleSettings
from store import DatabaseFault, Store, Unstorable, Unusable, alerts, leader_lease, outbox, reader
from store.faults import translated
from tests.alerting import Driver
from tests.integration.subscriber.running import Node, prepare, settings, subscribing
from tests.mosquitto import Mosquitto
from tests.rigs import birth, report, rig, sample
from tests.stored import asked
from tests.waiting import eventually_async

_REFUSES_SQLITE = """
CREATE TRIGGER refuses BEFORE INSERT ON sample WHEN NEW.peers = 666 BEGIN SELECT RAISE(ABORT, 'not this one'); END
"""
_REFUSES_POSTGRES = (
    "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$ LANGUAGE plpgsql",
    "CREATE TRIGGER refuses BEFORE INSERT ON sample FOR EACH ROW WHEN (NEW.peers = 666) EXECUTE FUNCTION refuse()",
)


def refuse_666_peers(store: Store) -> None:
    """As a database does that lacks something rigwatch takes for granted."""
    sqlite = isinstance(store._engine.database, SqliteDatabase)
    with store._engine.writing() as tx:
        for statement in (_REFUSES_SQLITE,) if sqlite else _REFUSES_POSTGRES:
            tx.run(statement)


async def test_one_nodes_bad_value_is_set_aside_and_everybody_elses_is_stored(
    mosquitto: Mosquitto, home: Home, store: Store, database_url: str
) -> None:
    rigs = [rig(name) for name in ("bad", "one", "two")]
    prepare(home, *rigs)
    refuse_666_peers(store)
    async with subscribing(home, settings(mosquitto.port, database_url)):
        await eventually_async(lambda: asked(store, reader.server).connected_at)
        bad, one, two = nodes = [await Node.connect(each, mosquitto.port) for each in rigs]
        now = SystemClock().now()
        for _ in range(3):
            await bad.say(report(sample(now, n=1), sample(now, n=2, peers=666), sample(now, n=3), sent_at=now))
        for node in (one, two):
            await node.say(report(Sample(n=now, at=now, peers=5), sent_at=now))
        await eventually_async(lambda: one.acked() == two.acked() == {now} and bad.acked() == {1, 3})
        with store.read() as tx:
            assert {str(node.id): node.sample is not None for node in reader.nodes(tx)} == dict.fromkeys(
                ("main/bad", "main/one", "main/two"), True
            )
        for node in nodes:
            await node.connection.close()


def test_a_value_that_does_not_fit_does_not_make_the_alerts_begin_anew(store: Store) -> None:
    driver = Driver(store)
    driver.tick()
    refuse_666_peers(store)
    with store.read() as tx:
        term = leader_lease.term(tx)
    with pytest.raises(Unstorable):
        driver.hear(report(sample(peers=666)))
    driver.tick()
    with store.read() as tx:
        assert (driver.drives(), leader_lease.term(tx)) == (True, term)
    driver.alert_driver.release(store)


def test_a_nul_in_what_a_source_says_keeps_nobody_from_being_told(store: Store) -> None:
    driver = Driver(store, source_failing=RuleSettings(hold=timedelta(0)))
    driver.tick()
    driver.hear(birth())
    broken = Sample(n=1, at=driver.clock.now(), errors={"mi\0ner": "no\0thing"})
    assert driver.hear(report(broken, sent_at=driver.clock.now())) == ["WARNING: garage/rig1 cannot be read in full"]
    with store.read() as tx:
        (incident,) = alerts.live(tx)
    assert incident.rule is Rule.SOURCE_FAILING
    with store.read() as tx:
        (left,) = outbox.left(tx)
    assert "\0" not in left.body
    driver.alert_driver.release(store)


def test_sqlite_on_a_read_only_or_damaged_file_says_which(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (a)")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        assert _fault(connection) is DatabaseFault.READ_ONLY
    file.write_bytes(file.read_bytes()[:4096] + bytes(range(256)) * 16)
    with closing(sqlite3.connect(file)) as connection:
        assert _fault(connection) is DatabaseFault.DAMAGED
    file.write_bytes(b"no database at all" * 300)
    with closing(sqlite3.connect(file)) as connection:
        assert _fault(connection) is DatabaseFault.DAMAGED


def _fault(connection: sqlite3.Connection) -> DatabaseFault:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute("INSERT INTO t VALUES (1)")
    found = translated(caught.value, "some.db")
    assert isinstance(found, Unusable)
    return found.fault


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (psycopg.errors.NumericValueOutOfRange("integer out of range"), Unstorable),
        (psycopg.errors.UntranslatableCharacter("no equivalent in LATIN1"), Unstorable),
        (psycopg.errors.ProgramLimitExceeded("index row size 2712 exceeds maximum"), Unstorable),
        (psycopg.errors.NotNullViolation("null value"), Unstorable),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), Unstorable),
        (UnicodeEncodeError("latin-1", "\U0001f600", 0, 1, "ordinal not in range(256)"), Unstorable),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), Unstorable),
        (psycopg.errors.DiskFull("could not extend file"), DatabaseFault.FULL),
        (
            psycopg.errors.ReadOnlySqlTransaction("cannot execute UPDATE in a read-only transaction"),
            DatabaseFault.READ_ONLY,
        ),
        (psycopg.errors.AdminShutdown("terminating connection"), DatabaseFault.AWAY),
        (psycopg.errors.InvalidPassword("password authentication failed"), DatabaseFault.REFUSED),
        (
            psycopg.OperationalError('connection failed: FATAL:  role "x" is not permitted to log in'),
            DatabaseFault.REFUSED,
        ),
        (psycopg.OperationalError("connection refused"), DatabaseFault.AWAY),
    ],
)
def test_an_error_is_about_a_value_or_about_the_database(
    said: Exception, kind: type[Unstorable] | DatabaseFault
) -> None:
    found = translated(said, "postgresql://here/db")
    if isinstance(kind, DatabaseFault):
        assert isinstance(found, Unusable)
        assert found.fault is kind
    else:
        assert isinstance(found, kind)
