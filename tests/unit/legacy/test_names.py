import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy.names import assign, fitting
from rigwatch.topics import NodeId

NUMBERED = st.dictionaries(
    st.integers(1, 50), st.sampled_from(["rig", "Rig!", "rig-2", "", "ÄÖ", "x" * 70]), max_size=20
)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("comp1", "comp1"),
        ("Comp 1", "comp-1"),
        ("  --Rig_07 (GPU)  ", "rig_07-gpu"),
        ("Müller's", "muller-s"),
        ("矿机", "node-7"),
        ("", "node-7"),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_a_name_is_made_to_fit(name: str, fits: str) -> None:
    assert fitting(name, 7) == fits


@given(st.text(max_size=100), st.integers(1, 10**6))
def test_any_name_becomes_a_valid_one(name: str, number: int) -> None:
    assert NodeId("main", fitting(name, number)).node


@given(NUMBERED)
def test_no_two_share_a_name_and_the_order_does_not_matter(nodes: dict[int, str]) -> None:
    given_names = assign("main", nodes.items(), {})
    assert len(set(given_names.values())) == len(nodes)
    assert assign("main", reversed(nodes.items()), {}) == given_names


@given(NUMBERED, NUMBERED)
def test_what_was_given_before_stays_whatever_it_is_called_now(before: dict[int, str], later: dict[int, str]) -> None:
    first = assign("main", before.items(), {})
    second = assign("main", later.items(), {number: node.node for number, node in first.items()})
    assert second.items() >= first.items()
    assert len(set(second.values())) == len(second)


def test_of_several_with_one_name_the_lowest_id_has_it() -> None:
    given_names = assign("farm", [(9, "Comp 1"), (3, "comp-1"), (4, "other")], {})
    assert {number: str(node) for number, node in given_names.items()} == {
        3: "farm/comp-1",
        4: "farm/other",
        9: "farm/comp-1-9",
    }
