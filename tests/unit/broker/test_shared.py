import pytest

from broker.shared import Shares, filter_of
from broker.subscription import PLAIN

SHARED = "$share/team/a/+"


def takers(shares: Shares[str], topic: str, *, absent: str = "") -> list[str]:
    found = (group.take(lambda member, _: member != absent) for group in shares.match(topic))
    return [each[0] for each in found if each]


def test_members_take_turns() -> None:
    shares: Shares[str] = Shares()
    for member in ("ann", "bob", "cyd"):
        shares.add(SHARED, member, PLAIN[1])
    assert [takers(shares, f"a/{number}") for number in range(6)] == [["ann"], ["bob"], ["cyd"]] * 2


def test_each_group_gets_a_message() -> None:
    shares: Shares[str] = Shares()
    shares.add(SHARED, "ann", PLAIN[1])
    shares.add("$share/others/a/b", "bob", PLAIN[0])
    shares.add("$share/team/a/b", "cyd", PLAIN[0])
    assert sorted(takers(shares, "a/b")) == ["ann", "bob", "cyd"]
    assert takers(shares, "a/c") == ["ann"]


def test_who_is_not_there_is_passed_over_without_losing_the_turn() -> None:
    shares: Shares[str] = Shares()
    shares.add(SHARED, "ann", PLAIN[1])
    shares.add(SHARED, "bob", PLAIN[1])
    assert takers(shares, "a/1", absent="ann") == ["bob"]
    assert takers(shares, "a/2") == ["ann"]
    assert [group.take(lambda _, __: False) for group in shares.match("a/3")] == [None]


def test_nothing_is_left_of_a_group_without_members() -> None:
    shares: Shares[str] = Shares()
    shares.add(SHARED, "ann", PLAIN[1])
    shares.add(SHARED, "ann", PLAIN[2])
    shares.remove(SHARED, "bob")
    assert [group.take(lambda _, __: True) for group in shares.match("a/1")] == [("ann", PLAIN[2])]
    shares.remove(SHARED, "ann")
    shares.remove(SHARED, "ann")
    assert not shares
    assert list(shares.match("a/1")) == []


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("a/#", "a/#"),
        ("$share/g/a/#", "a/#"),
        ("$share/g//a", "/a"),
        ("$share/g/$SYS/#", "$SYS/#"),
        ("$share", "$share"),
        ("$share/g", ""),
        ("$share/g/", ""),
        ("$share//a", ""),
        ("$share/g+/a", ""),
        ("$share/#/a", ""),
        ("$share/g/a/#/b", ""),
    ],
)
def test_rights_are_those_of_the_filter_that_is_shared(text: str, matched: str) -> None:
    assert filter_of(text) == matched
