"""That each side of a connection to PostgreSQL would notice the other's death; `tests/e2e/faults` cuts the power."""

import psycopg

from rigwatch.home import Home
from store import open_store
from store.postgres import CONNECT, guard

WANTED = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "15000",
    "idle_in_transaction_session_timeout": "5s",
}


def test_the_server_asks_whether_the_subscriber_is_still_there(postgres_url: str, home: Home) -> None:
    store = open_store(postgres_url, home)
    with store._engine.reading() as tx:
        assert {name: tx.rows(f"SHOW {name}")[0][0] for name in WANTED} == WANTED
    store.close()


def test_a_connection_of_its_own_is_guarded_as_well(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True, **CONNECT) as connection:
        guard(connection)
        assert connection.execute("SHOW tcp_user_timeout").fetchone() == ("15000",)
        assert connection.info.get_parameters()["tcp_user_timeout"] == "15000"
