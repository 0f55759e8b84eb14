import pytest

from publisher.sources import jsonrpc
from publisher.sources.answers import Answers
from publisher.sources.jsonrpc import Method, request_of, results
from publisher.sources.reading import Reading

# eth_syncing of a node that catches up, as the execution APIs document it.
SYNCING = {"startingBlock": "0x384", "currentBlock": "0x386", "highestBlock": "0x454"}
LATEST = {"number": "0x4b7", "hash": "0xabc", "timestamp": "0x65"}


def parse(answers: dict[Method, object]) -> Reading:
    return jsonrpc.parse(answers, Answers("geth"))


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
    reading = parse({Method.PEERS: "0x0", Method.HASHRATE: "0x0", Method.MINING: True})
    assert (reading.peers, reading.hashrate) == (0, 0)


@pytest.mark.parametrize("mining", [False, None])
def test_a_node_that_is_not_told_to_mine_has_no_hashrate_and_not_0(mining: object) -> None:
    assert parse({Method.HASHRATE: "0x0", Method.MINING: mining}).hashrate is None
    assert parse({Method.HASHRATE: "0x1f", Method.MINING: mining}).hashrate == 31


@pytest.mark.parametrize(("value", "number"), [("0x2", 2), ("0X1F", 31), ("0x", 0), (7, 7), (0, 0)])
def test_quantities_are_hex_or_plain_numbers(value: object, number: int) -> None:
    assert parse({Method.PEERS: value}).peers == number


@pytest.mark.parametrize("value", ["x", "0xzz", "", True, -1, 1.5, [], {}, 10**400, "0x" + "f" * 400])
def test_what_is_no_quantity_costs_that_figure_and_names_the_method(value: object) -> None:
    reading = parse({Method.PEERS: value, Method.BLOCK: "0x4b6"})
    assert (reading.peers, reading.block) == (None, 0x4B6)
    assert reading.odd == ("net_peerCount: not a quantity",)


def test_an_object_means_syncing() -> None:
    assert parse({Method.SYNCING: SYNCING}).syncing is True
    assert parse({Method.SYNCING: False}).syncing is False


@pytest.mark.parametrize("value", ["no", 1, []])
def test_syncing_is_false_or_an_object(value: object) -> None:
    assert parse({Method.SYNCING: value}).syncing is None


def test_a_block_that_is_none_leaves_the_height() -> None:
    assert parse({Method.LATEST: "0x1", Method.BLOCK: "0x4b6"}).block == 0x4B6


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32601, "message": "the method eth_hashrate does not exist/is not available"},
        {"code": -32601},
        {"code": -32600, "message": "The method 'net_peerCount' is found but the namespace 'Net' is disabled for x"},
        {"code": -32604, "message": "Method not enabled"},
        {"code": -32000, "message": "unsupported method"},
        "Method not found",
    ],
)
def test_a_method_that_is_not_offered_is_left_out_whatever_the_code(error: object) -> None:
    told = Answers("geth")
    replies = {Method.HASHRATE: {"id": "a", "error": error}, Method.PEERS: {"id": "b", "result": "0x1"}}
    found = results(replies, told)
    assert (dict(found), found.failed) == ({Method.PEERS: "0x1"}, {})
    assert told.complete(Reading()) == Reading()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"code": -32000, "message": "database is closed"}, "net_peerCount: error -32000: database is closed"),
        ({"code": -32603}, "net_peerCount: error -32603: "),
        ("broken", "net_peerCount: error broken"),
    ],
)
def test_another_error_costs_the_figure_and_is_named(error: object, text: str) -> None:
    told = Answers("geth")
    assert results({Method.PEERS: {"id": 1, "error": error}}, told).failed == {Method.PEERS: text}
    assert told.complete(Reading()).odd == (text,)


@pytest.mark.parametrize("reply", [None, [], "x", {}, {"id": 1}])
def test_an_answer_that_is_not_json_rpc_is_a_failure(reply: object) -> None:
    assert "not JSON-RPC" in results({Method.PEERS: reply}, Answers("geth")).failed[Method.PEERS]


def test_a_long_text_of_a_client_is_cut() -> None:
    failed = results({Method.PEERS: {"error": {"code": 1, "message": "x" * 10_000}}}, Answers("geth")).failed
    assert len(failed[Method.PEERS]) < 150


def test_the_latest_block_is_asked_for_without_its_transactions() -> None:
    assert request_of(Method.LATEST)["params"] == ["latest", False]
    assert request_of(Method.PEERS)["params"] == []
