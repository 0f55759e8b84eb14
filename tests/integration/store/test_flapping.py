"""The record of a node that comes and goes many times a second: bounded, and nothing lost that matters."""

import pytest

from alerts.facts import NodeChange
from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from store import Store, changes, reader
from tests.fake_clock import START
from tests.rigs import birth, rig, will

FLAPS = 312


def rows(store: Store) -> int:
    with store.read() as tx:
        return int(tx.rows("SELECT count(*) FROM node_change")[0][0])


def past(store: Store, since: Millis = START - 1) -> list[NodeChange]:
    with store.read() as tx:
        return changes.of(tx, rig().id, since)


def comes_and_goes(store: Store, *, a_batch: int) -> Millis:
    """As fast as a connection can be made: 624 changes in 12 s; when the last of them was."""
    said = [
        rig().heard(body(session), START + 1 + (2 * session + lost) * 19)
        for session in range(1, FLAPS + 1)
        for lost, body in enumerate((birth, will))
    ]
    for start in range(0, len(said), a_batch):
        store.take(said[start : start + a_batch])
    return said[-1].received_at


@pytest.mark.parametrize("a_batch", [1, 7, 1000])
def test_a_node_that_comes_and_goes_all_the_time_takes_one_row_not_hundreds(store: Store, a_batch: int) -> None:
    last = comes_and_goes(store, a_batch=a_batch)
    assert rows(store) == 1
    unsteady, now = past(store)
    assert unsteady.at == START + 1 + 2 * 19
    assert unsteady.reason == "came and went, 624 changes within 12 s"
    assert (now.at, now.state) == (last, NodeState.LOST)
    with store.read() as tx:
        assert reader.nodes(tx)[0].state_at == last


def test_what_comes_after_a_calm_minute_is_a_row_of_its_own(store: Store) -> None:
    last = comes_and_goes(store, a_batch=50)
    store.take([rig().heard(birth(1000), last + 61_000)])
    store.take([rig().heard(will(1000), last + 62_000)])
    assert [(each.at - last, each.state) for each in past(store)][1:] == [
        (0, NodeState.LOST),
        (61_000, NodeState.ONLINE),
        (62_000, NodeState.LOST),
    ]


def test_a_node_that_restarts_twice_in_a_minute_keeps_every_change(store: Store) -> None:
    for session in (1, 2):
        store.take([rig().heard(birth(session), START + session * 10_000)])
        store.take([rig().heard(will(session), START + session * 10_000 + 5000)])
    assert len(past(store)) == rows(store) == 4


def test_the_others_of_a_batch_keep_theirs(store: Store) -> None:
    store.take([rig("calm").heard(birth(), START)])
    comes_and_goes(store, a_batch=100)
    store.take([rig("calm").heard(will(), START + 70_000)])
    with store.read() as tx:
        calm = changes.of(tx, rig("calm").id, START)
    assert [(each.at, each.state) for each in calm] == [(START, NodeState.ONLINE), (START + 70_000, NodeState.LOST)]
