import json
from pathlib import Path

import pytest

from publisher.sources.bitcoind import parse, read_cookie
from publisher.sources.reading import Reading, SourceError
from tests.miners import captured

ANSWER = captured("bitcoind-25.0-batch.json")


def test_it_reads_what_bitcoind_answers() -> None:
    assert parse(ANSWER) == Reading(
        peers=34,
        block=820311,
        block_hash="00000000000000000002a7c4c1e48d76c5a37902165a270156b7a8d72728a054",
        syncing=False,
        uptime=86400,
    )


def test_the_answers_may_come_in_any_order() -> None:
    assert parse(json.dumps(json.loads(ANSWER)[::-1]).encode()) == parse(ANSWER)


def test_one_that_does_not_know_its_uptime_leaves_it_out() -> None:
    answer = json.loads(ANSWER)
    answer[2] = {"id": "uptime", "result": None, "error": {"code": -32601, "message": "Method not found"}}
    assert parse(json.dumps(answer).encode()).uptime is None


def test_one_that_is_starting_is_an_error_with_its_words() -> None:
    with pytest.raises(SourceError, match="getblockchaininfo: error -28: Loading block index"):
        parse(captured("bitcoind-25.0-warmup.json"))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"result":null,"error":{"code":-32700}}', "getblockchaininfo: error -32700: "),
        (b"[]", "getblockchaininfo: no answer among those that came"),
        (
            b'[{"id":"getblockchaininfo","result":{}}]',
            "not an answer of bitcoind: object missing required field `blocks`",
        ),
    ],
)
def test_another_answer_is_an_error(raw: bytes, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        parse(raw)


def test_one_that_does_not_know_its_peers_leaves_them_out() -> None:
    answer = json.loads(ANSWER)
    answer[1] = {"id": "getnetworkinfo", "error": {"code": -32601, "message": "Method not found"}}
    reading = parse(json.dumps(answer).encode())
    assert (reading.block, reading.peers, reading.odd) == (820311, None, ())


def test_a_question_that_fails_costs_its_figure_and_is_named() -> None:
    answer = json.loads(ANSWER)
    answer[1] = {"id": "getnetworkinfo", "error": {"code": -1, "message": "out of memory"}}
    reading = parse(json.dumps(answer).encode())
    assert (reading.block, reading.peers) == (820311, None)
    assert reading.odd == ("getnetworkinfo: error -1: out of memory",)


def test_a_cookie_is_user_and_password(tmp_path: Path) -> None:
    path = tmp_path / ".cookie"
    path.write_text("__cookie__:abc\n")
    assert read_cookie(path) == b"__cookie__:abc"


def test_a_cookie_that_is_none_is_an_error_that_does_not_repeat_it(tmp_path: Path) -> None:
    path = tmp_path / ".cookie"
    with pytest.raises(SourceError, match=r"cannot be read .*is the client running"):
        read_cookie(path)
    path.write_text("secret")
    with pytest.raises(SourceError, match="is not a cookie of bitcoind") as raised:
        read_cookie(path)
    assert "secret" not in str(raised.value)
