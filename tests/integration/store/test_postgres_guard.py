"""That each side of a connection to PostgreSQL would notice the other's death; `tests/e2e/faults` cuts the power."""

import threading

import psycopg
import pytest

from rigwatch.home import Home
from store import Store, Unusable, marks, open_store, postgres
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


def test_who_computes_in_a_transaction_for_longer_than_the_server_waits_keeps_it(
    postgres_url: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "TALK_S", 0.05)
    store = open_store(postgres_url, home)
    before = _changed(store)
    with store.write() as tx:
        tx.run("SET LOCAL idle_in_transaction_session_timeout = '1s'")
        marks.touch(tx)
        _compute_for(2.5)
    assert _changed(store) == before + 1
    store.close()


def test_who_hangs_in_a_transaction_gives_back_what_it_holds(
    postgres_url: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "TALK_S", 0.05)
    monkeypatch.setattr(postgres, "TALKS", 3)
    store = open_store(postgres_url, home)
    before = _changed(store)
    with pytest.raises(Unusable, match="idle-in-transaction"):
        _hang(store)
    assert _changed(store) == before
    store.close()


def test_where_no_thread_is_to_be_had_a_transaction_is_one_all_the_same(
    postgres_url: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(postgres_url, home)
    before = _changed(store)

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    with store.write() as tx:
        marks.touch(tx)
    assert _changed(store) == before + 1
    store.close()


def _hang(store: Store) -> None:
    with store.write() as tx:
        tx.run("SET LOCAL idle_in_transaction_session_timeout = '500ms'")
        marks.touch(tx)
        _compute_for(2.5)


def _changed(store: Store) -> int:
    with store.read() as tx:
        return marks.changed(tx)


def _compute_for(seconds: float) -> None:
    """As the server sees it: nothing is asked meanwhile."""
    threading.Event().wait(seconds)
