import pytest
from msgspec import Struct

from publisher.sources.answers import chosen, decode, miner_of, pool_of
from publisher.sources.reading import SourceError
from rigwatch.messages import Miner


class Card(Struct):
    power: float | None = None


class Thing(Struct):
    cards: list[Card]
    name: str | None = None


def test_a_wrong_type_is_named_with_its_field() -> None:
    with pytest.raises(SourceError) as raised:
        decode(b'{"cards":[{"power":1},{"power":"much"}]}', Thing, "Miner")
    assert str(raised.value) == "not an answer of Miner: cards[1].power: expected `float | null`, got `str`"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"{}", "not an answer of Miner: object missing required field `cards`"),
        (b"[]", "not an answer of Miner: expected `object`, got `array`"),
        (b'{"cards":[', "the answer is not JSON; is this the port of Miner's API?"),
        (b"", "the answer is not JSON; is this the port of Miner's API?"),
        (b"<html>it works</html>", "the answer is not JSON; is this the port of Miner's API?"),
        (b'{"cards":[{"power":NaN}]}', "the answer is not JSON; is this the port of Miner's API?"),
        (b'{"cards":[],"name":"\xff"}', "the answer is not JSON; is this the port of Miner's API?"),
        (b'{"cards":[],"x":' + b"[" * 100_000, "the answer is not JSON; is this the port of Miner's API?"),
    ],
)
def test_what_is_no_answer_is_one_clear_line(raw: bytes, text: str) -> None:
    with pytest.raises(SourceError) as raised:
        decode(raw, Thing, "Miner")
    assert str(raised.value) == text


def test_numbers_may_be_written_as_texts_where_a_miner_does_so() -> None:
    assert decode(b'{"cards":[{"power":"61"}]}', Thing, "Miner", strict=False) == Thing([Card(61.0)])


@pytest.mark.parametrize(
    ("text", "miner"),
    [
        ("lolMiner 1.92", Miner("lolMiner", "1.92")),
        ("GMiner 2.70", Miner("GMiner", "2.70")),
        ("1.92", Miner("X", "1.92")),
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
        chosen(["Ethash", None], "kaspa")
