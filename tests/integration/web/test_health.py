"""What supervisors and load balancers are told, without a password and without a word about nodes."""

import sqlite3
from contextlib import closing

from flask.testing import FlaskClient

from rigwatch.home import Home
from store import Store, housekeeping
from tests.fake_clock import FakeClock
from tests.rigs import birth, rig


def test_it_is_ready_while_the_database_answers_and_a_subscriber_lives(stranger: FlaskClient) -> None:
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ready", "reasons": []})


def test_a_subscriber_without_a_broker_is_at_work(stranger: FlaskClient, store: Store, clock: FakeClock) -> None:
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=clock.now(), connected_at=None)
    assert stranger.get("/readyz").status_code == 200


def test_it_is_not_ready_without_a_subscriber_and_says_so(
    stranger: FlaskClient, store: Store, clock: FakeClock
) -> None:
    store.take([rig("hidden").heard(birth())])
    clock.move(11)
    answer = stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {"status": "not ready", "reasons": ["no subscriber gives a sign of life"]}
    assert stranger.get("/healthz").status_code == 200


def test_it_is_not_ready_without_its_database_and_does_not_say_where_that_is(
    stranger: FlaskClient, home: Home, clock: FakeClock
) -> None:
    with closing(sqlite3.connect(home.database)) as database, database:
        database.execute("ALTER TABLE heartbeat RENAME TO away")
    answer = stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["reasons"] == ["the database does not answer"]
    with closing(sqlite3.connect(home.database)) as database, database:
        database.execute("ALTER TABLE away RENAME TO heartbeat")
    # The answer is kept for a second, so that strangers cannot keep the database busy.
    assert stranger.get("/readyz").status_code == 503
    clock.move(1.1)
    assert stranger.get("/readyz").status_code == 200
