"""A node's highest `n` saves a look for each report; whatever comes in whatever order is stored once all the same."""

import pytest

from store import Store, Unstorable, Written, reader
from store.transaction import Transaction
from tests.integration.conftest import OpenStore
from tests.rigs import birth, report, rig, sample

START = 1_760_000_400_000


def put(store: Store, *numbers: int, name: str = "rig1") -> None:
    of = rig(name)
    store.take([of.heard(report(*(sample(START + n, n=START + n) for n in numbers), sent_at=START + 90), START + 90)])


def numbers(store: Store) -> list[int]:
    with store.read() as tx:
        return [n - START for (n,) in tx.rows("SELECT n FROM sample ORDER BY n")]


def highest(store: Store) -> int:
    with store.read() as tx:
        return int(tx.rows("SELECT highest_n FROM node")[0][0])


def test_what_is_above_the_highest_is_stored_and_what_is_not_is_looked_for(store: Store) -> None:
    for several in ((5, 6), (6, 7), (3,), (3, 9), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10), tuple(range(1, 40)), (40, 40)):
        put(store, *several)
    assert numbers(store) == list(range(1, 41))
    with store.read() as tx:
        assert reader.averages(tx, 0)[rig().id].samples == 0
    assert highest(store) == START + 40


def test_it_is_known_to_every_subscriber(store: Store, open_another: OpenStore) -> None:
    other = open_another()
    put(store, 1, 2)
    put(other, 2, 3)
    put(store, 3, 4)
    assert numbers(store) == [1, 2, 3, 4]


def test_a_database_from_before_gets_it_from_its_samples(open_another: OpenStore) -> None:
    store = open_another()
    put(store, 1, 7, 4)
    store.take([rig("rig2").heard(birth())])
    with store._engine.writing() as tx:
        tx.run("ALTER TABLE node DROP COLUMN highest_n")
        tx.run("DELETE FROM schema_migration WHERE name = ?", ("0008_highest",))
    again = open_another()
    with again.read() as tx:
        found: dict[str, int] = dict(tx.rows("SELECT node, highest_n FROM node"))
    assert found == {"rig1": START + 7, "rig2": 0}
    put(again, 7, 8)
    assert numbers(again) == [1, 4, 7, 8]


def test_what_an_older_subscriber_stored_meanwhile_is_neither_lost_nor_doubled(store: Store) -> None:
    put(store, 1)
    with store._engine.writing() as tx:
        # As a program does that does not know of it.
        tx.run("INSERT INTO sample (node_id, n, lag) SELECT id, ?, 0 FROM node", (START + 2,))
    put(store, 2, 3)
    assert (numbers(store), highest(store)) == ([1, 2, 3], START + 3)
    put(store, 2)
    assert numbers(store) == [1, 2, 3]


def test_a_highest_that_is_too_low_is_put_right_by_what_is_there_already(store: Store) -> None:
    put(store, 1, 2)
    with store._engine.writing() as tx:
        tx.run("UPDATE node SET highest_n = 0")
    put(store, 2)
    assert (numbers(store), highest(store)) == ([1, 2], START + 2)


def test_what_is_to_be_done_with_a_batch_is_done_once_though_it_is_written_twice(store: Store) -> None:
    put(store, 1)
    with store._engine.writing() as tx:
        tx.run("UPDATE node SET highest_n = 0")
    of, done = rig(), []
    body = report(sample(START + 1, n=START + 1), sample(START + 2, n=START + 2), sent_at=START + 90)
    store.take([of.heard(body, START + 90)], lambda _tx, written: done.append(len(written.verdicts)))
    assert (numbers(store), done) == ([1, 2], [1])


def test_what_cannot_be_done_with_a_batch_undoes_it_and_is_not_tried_again(store: Store) -> None:
    done = []

    def fail(_tx: Transaction, _written: Written) -> None:
        done.append(1)
        raise Unstorable("database: does not fit")

    of = rig()
    with pytest.raises(Unstorable):
        store.take([of.heard(report(sample(START + 5, n=START + 5), sent_at=START + 90), START + 90)], fail)
    assert (numbers(store), done) == ([], [1])
