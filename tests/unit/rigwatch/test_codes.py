"""Codes: of one node good once and for an hour, of a group for so many rigs; only their hashes are kept."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rigwatch.codes import CODES_MAX, LIFE, Invitation, JoinCodes
from rigwatch.topics import NodeId
from tests.fake_clock import START

RIG, OTHER = NodeId("main", "rig-7"), NodeId("main", "rig-8")


def codes_in(tmp_path: Path) -> JoinCodes:
    return JoinCodes(tmp_path / "join-codes.json")


def anything(_invitation: Invitation) -> bool:
    return True


def test_a_code_is_for_its_node_and_generation(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make(RIG, 3, START)
    codes.make(OTHER, 0, START)
    found = codes.spend(code, START + 1, anything)
    assert found is not None
    assert (found.id, found.generation) == (RIG, 3)


def test_it_is_good_once(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make(RIG, 0, START)
    assert codes.spend(code, START + 1, anything)
    assert codes.spend(code, START + 2, anything) is None
    spent = codes_in(tmp_path).find(code, START + 3)
    assert spent is not None
    assert spent.spent_at == START + 1


def test_of_many_who_come_with_it_at_once_one_gets_it(tmp_path: Path) -> None:
    code, gate = codes_in(tmp_path).make(RIG, 0, START), threading.Barrier(8)

    def spend(_number: int) -> Invitation | None:
        gate.wait()
        return codes_in(tmp_path).spend(code, START, anything)

    with ThreadPoolExecutor(8) as pool:
        assert sum(found is not None for found in pool.map(spend, range(8))) == 1


def test_it_is_good_for_an_hour(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make(RIG, 0, START)
    assert codes.find(code, START + LIFE - 1)
    assert codes.find(code, START + LIFE) is None
    assert codes.spend(code, START + LIFE, anything) is None


def test_a_clock_that_was_wrong_makes_no_code_that_lives_longer(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make(RIG, 0, START + 1000 * LIFE)
    assert codes.find(code, START) is None
    assert codes.spend(code, START, anything) is None
    assert codes.find(code, START + 1000 * LIFE - 30_000), "a clock that was set back by seconds makes none useless"
    codes.make(OTHER, 0, START)
    assert codes.find(code, START + 1000 * LIFE) is None, "it is forgotten"


def test_a_code_that_was_refused_is_not_spent(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make(RIG, 0, START)
    assert codes.spend(code, START, lambda _: False) is None
    assert codes.spend(code, START, anything)


def test_the_next_code_of_a_node_takes_the_place_of_the_one_nobody_used(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    first, other = codes.make(RIG, 0, START), codes.make(OTHER, 0, START)
    second = codes.make(RIG, 0, START)
    assert codes.find(first, START) is None
    assert codes.find(second, START)
    assert codes.find(other, START)


def test_the_file_holds_nothing_of_the_code_and_is_private(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make(RIG, 0, START)
    path = tmp_path / "join-codes.json"
    text = path.read_text()
    assert not any(part in text for part in code.split("-"))
    assert path.stat().st_mode & 0o077 == 0


def test_it_is_read_as_people_copy_it(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make(RIG, 0, START)
    assert codes.find(f" {code.upper().replace('-', '')}\n", START)
    assert codes.find("", START) is None
    assert codes.find("x" * 100_000, START) is None


def test_codes_have_a_hundred_bits_and_differ(tmp_path: Path) -> None:
    made = {codes_in(tmp_path).make(RIG, 0, START).replace("-", "") for _ in range(50)}
    assert len(made) == 50
    assert {len(each) for each in made} == {20}
    assert len(set("".join(made))) == 32


def test_there_are_no_more_than_so_many(tmp_path: Path) -> None:
    path = tmp_path / "join-codes.json"
    body = ",".join(
        f'"{at}":{{"site":"main","node":"n{at}","generation":0,"until":{START + 1 + at}}}' for at in range(CODES_MAX)
    )
    path.write_text(f"{{{body}}}")
    codes = codes_in(tmp_path)
    assert codes.find(codes.make(RIG, 0, START), START)
    assert path.read_text().count('"until"') == CODES_MAX
    assert '"n0"' not in path.read_text()


def of_host(name: str) -> Callable[[Invitation], tuple[NodeId, int]]:
    return lambda found: (NodeId(found.site, f"{found.node}{name}"), 0)


def nobody(_found: Invitation) -> tuple[NodeId, int]:
    raise AssertionError("nobody is to be enrolled")


def test_a_groups_code_lets_in_so_many_rigs_each_as_its_own_node(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make_group("barn", "gpu-", rigs=2, life=LIFE, now=START)
    for name in ("a", "b"):
        admitted = codes.admit(code, START + 1, f"machine {name}", of_host(name))
        assert admitted is not None
        assert admitted.id == NodeId("barn", f"gpu-{name}")
    assert codes.admit(code, START + 2, "machine c", nobody) is None


def test_a_machine_that_comes_again_is_the_same_node_and_takes_no_place(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make_group("main", "", rigs=2, life=LIFE, now=START)
    first = codes.admit(code, START, "one", of_host("a"))
    assert codes.admit(code, START + 5, "one", nobody) == first
    assert codes.admit(code, START + 6, "two", of_host("b")) is not None
    assert codes.admit(code, START + 7, "one", nobody) == first


def test_a_rig_that_cannot_be_enrolled_takes_no_place(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make_group("main", "", rigs=1, life=LIFE, now=START)
    with pytest.raises(AssertionError):
        codes.admit(code, START, "one", nobody)
    assert codes.admit(code, START, "two", of_host("b")) is not None


def test_of_many_rigs_at_once_no_more_are_let_in_than_it_is_for(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make_group("main", "", rigs=3, life=LIFE, now=START)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda at: codes_in(tmp_path).admit(code, START, str(at), of_host(str(at))), range(8)))
    assert len({each.node for each in found if each is not None}) == 3


def test_a_groups_code_is_over_after_its_time_or_when_it_is_ended(tmp_path: Path) -> None:
    codes, long = codes_in(tmp_path), 3 * LIFE
    code, other = (codes.make_group("main", "", rigs=9, life=long, now=START) for _ in range(2))
    assert codes.find(code, START + long - 1) is not None
    for now in (START + long, START - LIFE):
        assert codes.find(code, now) is None
        assert codes.admit(code, now, "one", nobody) is None
    name = next(name for name, each in codes.groups(START).items() if each == codes.find(other, START))
    assert codes.end(name, START)
    assert not codes.end(name, START)
    assert codes.admit(other, START, "one", nobody) is None
    assert len(codes.groups(START)) == 1
    assert codes.groups(START + long) == {}


def test_a_code_of_one_kind_is_none_of_the_other(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    group = codes.make_group("main", "", rigs=9, life=LIFE, now=START)
    single = codes.make(RIG, 0, START)
    assert codes.spend(group, START, anything) is None
    assert codes.admit(single, START, "one", nobody) is None
    # The next line of a node ends no code of others.
    codes.make(RIG, 0, START)
    assert codes.find(group, START) is not None


def test_the_file_holds_nothing_of_a_groups_code(tmp_path: Path) -> None:
    codes = codes_in(tmp_path)
    code = codes.make_group("main", "", rigs=9, life=LIFE, now=START)
    written = (tmp_path / "join-codes.json").read_text()
    assert code.startswith("many-")
    assert not [part for part in code.split("-")[1:] if part in written]
    assert [name for name in codes.groups(START) if name in code] == []
