"""What the nodes of one chain have in common: the block to be at, since when, and which hosts are asked for it."""

import pytest
from msgspec.structs import replace

from alerts.facts import NodeFacts
from alerts.fleet import APART, Chain, chains_of
from alerts.node_history import NodeHistory
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from tests.unit.alerts.contexts import FACTS


def member(
    name: str, block: int | None, *, host: str = "", at: int = 50, block_at: int = 40, tags: tuple[str, ...] = ()
) -> tuple[NodeFacts, NodeHistory]:
    facts = replace(FACTS, id=NodeId("hall", name), host=host or f"host-{name}", tags=tags)
    return facts, NodeHistory(at=at, block=block, block_at=block_at)


def chain(*members: tuple[NodeFacts, NodeHistory]) -> Chain:
    return chains_of(members)[""]


def test_of_a_chain_nobody_is_on_nothing_is_known() -> None:
    empty = Chain()
    assert (empty.nodes, empty.hosts, empty.heard_at) == (0, 0, 0)
    assert (empty.highest, empty.moved_at, empty.front_block, empty.behind) == (None, None, None, None)
    assert chains_of([]) == {}


def test_who_is_gone_or_tells_of_no_block_is_not_asked() -> None:
    gone = replace(FACTS, state=NodeState.LOST), NodeHistory(at=50, block=90, block_at=40)
    assert chains_of([gone, member("a", None)]) == {}
    assert chain(member("b", 7), gone, member("a", None)).nodes == 1


def test_nodes_with_a_tag_of_their_chain_are_compared_with_their_like() -> None:
    chains = chains_of(
        [member("a", 5), member("b", 7, tags=("chain:eth",)), member("c", 6, tags=("gpu", "chain:eth")), member("d", 4)]
    )
    assert {name: (each.nodes, each.highest) for name, each in chains.items()} == {"": (2, 5), "eth": (2, 7)}


def test_two_at_the_very_first_block_are_two() -> None:
    first = chain(member("a", 0, at=0, block_at=0), member("b", 0, at=0, block_at=0))
    assert (first.hosts, first.highest, first.moved_at, first.heard_at, first.behind) == (2, 0, 0, 0, 0)


def test_the_block_to_be_at_is_the_second_highest_of_three_and_came_with_the_first_that_had_it() -> None:
    found = chain(member("a", 9, block_at=43), member("b", 8, block_at=42), member("c", 8, block_at=41), member("d", 7))
    assert (found.highest, found.moved_at, found.front, found.front_block, found.behind) == (8, 41, "host-a", 9, 8)


def test_two_hosts_have_reported_since_the_second_newest_report() -> None:
    assert chain(member("a", 9, at=10), member("b", 9, at=30), member("c", 9, at=20)).heard_at == 20
    several = chain(member("a", 9, at=30, host="x"), member("b", 9, at=25, host="x"), member("c", 9, at=20))
    assert several.heard_at == 20


@pytest.mark.parametrize(("apart", "highest"), [(APART, 50_000 + APART), (APART + 1, None)])
def test_of_two_that_are_too_far_apart_nobody_can_say_which_is_right(apart: int, highest: int | None) -> None:
    found = chain(member("a", 50_000), member("b", 50_000 + apart))
    assert found.highest == highest
    assert found.moved_at == (None if highest is None else 40)


def test_where_there_is_but_one_host_its_nodes_are_compared() -> None:
    alone = chain(member("a", 9, host="x"), member("b", 7, host="x"))
    assert (alone.hosts, alone.highest) == (2, 9)
    lonely = chain(member("a", 9))
    assert (lonely.hosts, lonely.highest, lonely.behind) == (1, 9, None)
