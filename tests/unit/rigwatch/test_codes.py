"""One-time codes: good once, for an hour, for one node; only their hashes are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
