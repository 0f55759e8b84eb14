"""A node that comes and goes on purpose fills no table: only its latest incidents are kept, and their latest lines."""

import pytest

from store import Store, crowds
from store.transaction import Transaction

_INCIDENT = """
INSERT INTO incident (id, rule, scope, site, name, state, severity, since, live, detail)
VALUES (?, 'lost', 'node', 'main', ?, 'resolved', 'critical', ?, ?, '{}')
"""


def rows(tx: Transaction, table: str) -> int:
    return int(tx.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - names of the test


def test_the_oldest_past_incidents_of_a_crowd_go_with_their_stories(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowds, "INCIDENTS_MAX", 10)

    def fill(tx: Transaction) -> None:
        tx.run_many(_INCIDENT, [(number, "flaps", number, int(number == 1)) for number in range(1, 31)])
        tx.run_many(_INCIDENT, [(number, "quiet", number, 0) for number in range(31, 41)])
        tx.run_many(
            "INSERT INTO decision (id, incident_id, at, what, why) VALUES (?, ?, 1, 'fired', '')",
            [(number, number) for number in range(1, 41)],
        )

    with store.write() as tx:
        fill(tx)
    with store.write() as tx:
        assert crowds.forget(tx) == 19
    with store.read() as tx:
        left = [number for (number,) in tx.rows("SELECT id FROM incident ORDER BY id")]
    assert left == [1, *range(21, 41)]
    with store.read() as tx:
        assert rows(tx, "decision") == 21
    with store.write() as tx:
        assert crowds.forget(tx) == 0


def test_of_an_endless_story_the_latest_lines_are_kept(store: Store) -> None:
    def fill(tx: Transaction) -> None:
        tx.run_many(
            "INSERT INTO decision (id, incident_id, at, what, why) VALUES (?, ?, 1, 'pending', '')",
            [(number, 1 if number % 4 else 2) for number in range(1, 1001)],
        )

    with store.write() as tx:
        fill(tx)
        while crowds.forget(tx):
            pass
        kept = tx.rows("SELECT incident_id, min(id), count(*) FROM decision GROUP BY incident_id")
    assert sorted(kept) == [(1, 334, crowds.LINES_MAX), (2, 4, 250)]
