import pytest
from msgspec import Struct

from publisher.sources.answers import Answers, algorithm_of, chosen, miner_of, pool_of
from publisher.sources.mending import CutShortError
from publisher.sources.reading import Reading, SourceError
from rigwatch.figures import Miner


class Card(Struct):
    power: float | None = None


class Thing(Struct):
    cards: list[Card]
    name: str | None = None


def test_a_value_of_a_wrong_type_costs_that_value_and_is_named() -> None:
    told = Answers("Miner")
    assert told.decode(b'{"cards":[{"power":1},{"power":"much"}]}', Thing) == Thing([Card(1.0), Card()])
    assert told.complete(Reading()).odd == ("cards[1].power: not a number",)


def test_a_section_that_is_none_costs_that_section() -> None:
    told = Answers("Miner")
    assert told.decode(b'{"cards":7,"name":"rig"}', Thing) == Thing([], "rig")
    assert told.complete(Reading()).odd == ("cards: expected array, got number",)


def test_a_further_answer_that_cannot_be_had_costs_what_it_would_have_told() -> None:
    def refused() -> bytes:
        raise SourceError("127.0.0.1:1: Connection refused")

    told = Answers("Miner")
    assert told.section("pools", refused, Thing) is None
    assert told.section("devs", lambda: b"{}", Thing) is None
    assert told.complete(Reading()).odd == (
        "pools: 127.0.0.1:1: Connection refused",
        "devs: not an answer of Miner: object missing required field `cards`",
    )


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"{}", "not an answer of Miner: object missing required field `cards`"),
        (b"[]", "not an answer of Miner: expected object, got array"),
        (b"", "the answer is not JSON; is this the port of Miner's API?"),
        (b"7", "the answer is not JSON; is this the port of Miner's API?"),
        (b"<html>it works {}</html>", "the answer is not JSON; is this the port of Miner's API?"),
        (
            b'{"cards":[],"x":' + b"[" * 100_000,
            "the answer is not JSON: nested deeper than 64; is this the port of Miner's API?",
        ),
    ],
)
def test_what_is_no_answer_is_one_clear_line(raw: bytes, text: str) -> None:
    with pytest.raises(SourceError) as raised:
        Answers("Miner").decode(raw, Thing)
    assert str(raised.value) == text


def test_an_answer_that_is_cut_short_says_so_and_does_not_ask_for_the_port() -> None:
    with pytest.raises(CutShortError, match=r"^the answer is cut short after 10 bytes$"):
        Answers("Miner").decode(b'{"cards":[', Thing)


@pytest.mark.parametrize(
    ("text", "miner"),
    [
        ("lolMiner 1.92", Miner("lolMiner", "1.92")),
        ("GMiner 2.70", Miner("GMiner", "2.70")),
        ("1.92", Miner("X", "1.92")),
        ("v1.92", Miner("X", "1.92")),
        ("btminer", Miner("btminer")),
        ("whatsminer v1.1", Miner("whatsminer", "1.1")),
        ("cgminer 4.9.0 rwglr", Miner("cgminer", "4.9.0 rwglr")),
        ("BOSminer+ 0.2.0-36c56a9363", Miner("BOSminer+", "0.2.0-36c56a9363")),
        ("", Miner("X")),
        (None, Miner("X")),
    ],
)
def test_a_miner_has_a_name_and_a_version(text: str | None, miner: Miner) -> None:
    assert miner_of(text, "X") == miner


@pytest.mark.parametrize(
    ("text", "pool"),
    [
        ("pool.example:3333", "pool.example:3333"),
        ("stratum+tcp://pool.example:4444", "stratum+tcp://pool.example:4444"),
        ("stratum+ssl://0xab.rig07:secret@pool.example:5555", "stratum+ssl://pool.example:5555"),
        ("0xab.rig07@pool.example:5555", "pool.example:5555"),
        ("stratum+tcp://wallet:pa/ss@pool.example:1", "stratum+tcp://pool.example:1"),
        ("http://pool.example:8888/0xab/rig07", "http://pool.example:8888"),
        ("stratum+tcp://[2001:db8::1]:3333", "stratum+tcp://[2001:db8::1]:3333"),
        ("localhost:3333", "localhost:3333"),
    ],
)
def test_a_pool_is_shown_without_login_wallet_and_worker(text: str, pool: str) -> None:
    assert pool_of(text) == pool


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "0xab.rig07",
        "wallet.rig07:x",
        "4" * 95,
        f"{'4' * 95}:1",
        "http://pool:1/x@secret",
        "a b:1",
        "\x1b[2J:1",
    ],
)
def test_what_is_not_surely_a_pool_is_not_shown(text: str | None) -> None:
    assert pool_of(text) is None


def test_of_two_algorithms_the_first_is_taken_or_the_one_that_is_named() -> None:
    assert chosen(["Ethash ", " kHeavyHash"], "") == 0
    assert chosen(["Ethash ", " kHeavyHash"], "kheavyhash") == 1


def test_an_algorithm_that_is_not_mined_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(SourceError, match="mines Ethash, not the algorithm 'kaspa' of the settings"):
        chosen(["Ethash"], "kaspa")


def test_the_algorithm_whose_name_cannot_be_read_is_meant_where_the_others_are_not() -> None:
    assert chosen([None], "kaspa") == 0
    assert chosen(["Ethash", None], "kaspa") == 1


def test_an_algorithm_is_the_same_however_it_is_spelt() -> None:
    assert algorithm_of(" kHeavyHash ") == algorithm_of("KHEAVYHASH") == "kheavyhash"
    assert algorithm_of("") is None
