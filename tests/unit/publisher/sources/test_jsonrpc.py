import pytest

from publisher.sources.jsonrpc import METHOD_NOT_FOUND, Method, parse, request_of, results
from publisher.sources.reading import Reading, SourceError

# eth_syncing of a node that catches up, as the execution APIs document it.
SYNCING = {"startingBlock": "0x384", "currentBlock": "0x386", "highestBlock": "0x454"}
LATEST = {"number": "0x4b7", "hash": "0xabc", "timestamp": "0x65"}


def test_it_reads_what_geth_answers() -> None:
    answers = {
        Method.PEERS: "0x19",
        Method.BLOCK: "0x4b7",
        Method.HASHRATE: "0x1fbb",
        Method.SYNCING: False,
        Method.LATEST: LATEST,
    }
    assert parse(answers) == Reading(peers=25, block=1207, block_hash="0xabc", hashrate=8123.0, syncing=False)


def test_block_and_hash_are_of_one_block() -> None:
    reading = parse({Method.BLOCK: "0x4b6", Method.LATEST: LATEST})
    assert (reading.block, reading.block_hash) == (0x4B7, "0xabc")


@pytest.mark.parametrize("latest", [None, {"number": None, "hash": None}, {"number": "0x4b7"}])
def test_without_the_latest_block_there_is_a_height_and_no_hash(latest: object) -> None:
    reading = parse({Method.BLOCK: "0x4b6", Method.LATEST: latest})
    assert (reading.block, reading.block_hash) == (0x4B6, None)


def test_a_figure_that_was_not_answered_is_unknown_and_never_0() -> None:
    assert parse({}) == Reading()


def test_a_measured_zero_is_0() -> None:
    reading = parse({Method.PEERS: "0x0", Method.HASHRATE: "0x0"})
    assert (reading.peers, reading.hashrate) == (0, 0)


@pytest.mark.parametrize(("value", "number"), [("0x2", 2), ("0X1F", 31), ("0x", 0), (7, 7), (0, 0)])
def test_quantities_are_hex_or_plain_numbers(value: object, number: int) -> None:
    assert parse({Method.PEERS: value}).peers == number


@pytest.mark.parametrize("value", ["12", "0xzz", "", True, -1, 1.5, [], {}])
def test_what_is_no_quantity_is_an_error_that_names_the_method(value: object) -> None:
    with pytest.raises(SourceError, match="net_peerCount: not a quantity"):
        parse({Method.PEERS: value})


def test_an_object_means_syncing() -> None:
    assert parse({Method.SYNCING: SYNCING}).syncing is True
    assert parse({Method.SYNCING: False}).syncing is False


@pytest.mark.parametrize("value", ["no", 1, []])
def test_syncing_is_false_or_an_object(value: object) -> None:
    with pytest.raises(SourceError, match="eth_syncing"):
        parse({Method.SYNCING: value})


def test_a_block_that_is_none_is_an_error() -> None:
    with pytest.raises(SourceError, match="not a block"):
        parse({Method.LATEST: "0x1"})


def test_a_method_that_is_not_offered_is_left_out() -> None:
    replies = [{"id": "a", "error": {"code": METHOD_NOT_FOUND, "message": "no"}}, {"id": "b", "result": "0x1"}]
    assert results([Method.HASHRATE, Method.PEERS], replies) == {Method.PEERS: "0x1"}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"code": -32000, "message": "header not found"}, "net_peerCount: error -32000: header not found"),
        ({"code": -32603}, "net_peerCount: error -32603: None"),
        ("broken", "net_peerCount: error broken"),
    ],
)
def test_another_error_is_a_failure_with_its_text(error: object, text: str) -> None:
    with pytest.raises(SourceError) as raised:
        results([Method.PEERS], [{"id": 1, "error": error}])
    assert str(raised.value) == text


@pytest.mark.parametrize("reply", [None, [], "x", {}, {"id": 1}])
def test_an_answer_that_is_not_json_rpc_is_a_failure(reply: object) -> None:
    with pytest.raises(SourceError, match="not JSON-RPC"):
        results([Method.PEERS], [reply])


def test_a_long_text_of_a_client_is_cut() -> None:
    with pytest.raises(SourceError) as raised:
        results([Method.PEERS], [{"error": {"code": 1, "message": "x" * 10_000}}])
    assert len(str(raised.value)) < 150


def test_the_latest_block_is_asked_for_without_its_transactions() -> None:
    assert request_of(Method.LATEST)["params"] == ["latest", False]
    assert request_of(Method.PEERS)["params"] == []
