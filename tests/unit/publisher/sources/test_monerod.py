import json
from typing import Any

import pytest

from publisher.sources.monerod import parse
from publisher.sources.reading import Reading, SourceError
from rigwatch.clock import Millis
from rigwatch.figures import Miner
from tests.miners import captured

INFO = captured("monerod-0.18.0.0-get_info-mined.json")
MINING = captured("monerod-0.18.0.0-mining_status-active.json")
IDLE = captured("monerod-0.18.0.0-mining_status-idle.json")
STARTED = 1_795_819_750
NOW: Millis = (STARTED + 240) * 1000


def _info(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({"id": "0", "result": {**json.loads(INFO)["result"], **changes}}).encode()


def test_it_reads_a_monerod_that_mines() -> None:
    assert parse(INFO, lambda: MINING, now=NOW) == Reading(
        peers=0,
        block=1067,
        block_hash="02f43a543e53291e98e8e72167e91533c7b6e7e24e089a9b34e7edcb1a535cdd",
        syncing=False,
        hashrate=84,
        algorithm="randomx",
        miner=Miner("monerod", "0.18.0.0-unknown"),
        uptime=240,
    )


def test_the_block_is_the_last_one_and_not_the_number_of_blocks() -> None:
    reading = parse(captured("monerod-0.18.0.0-get_info.json"), now=NOW)
    assert reading.block == 0
    assert reading.block_hash == "418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3"


@pytest.mark.parametrize("mining", [IDLE, b"{}"])
def test_one_that_is_not_told_to_mine_has_no_hashrate_and_not_0(mining: bytes) -> None:
    reading = parse(INFO, lambda: mining, now=NOW)
    assert (reading.hashrate, reading.miner) == (None, None)


def test_both_kinds_of_peers_count() -> None:
    counts = {"incoming_connections_count": 85, "outgoing_connections_count": 16}
    assert parse(_info(**counts), now=NOW).peers == 101


def test_a_restricted_rpc_does_not_tell_its_peers_nor_when_it_started() -> None:
    reading = parse(captured("monerod-0.18.0.0-get_info-restricted.json"), now=NOW)
    assert (reading.peers, reading.uptime) == (None, None)


def test_one_that_catches_up_is_syncing() -> None:
    assert parse(_info(synchronized=False), now=NOW).syncing is True


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (_info(status="BUSY"), "get_info: monerod says BUSY"),
        (
            b'{"id":"0","error":{"code":-32601,"message":"Method not found"}}',
            "get_info: error -32601: Method not found",
        ),
        (b"{}", "not an answer of monerod: expected object, got null"),
    ],
)
def test_another_answer_is_an_error(raw: bytes, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        parse(raw, now=NOW)


@pytest.mark.parametrize("height", [0, -1, "many", None])
def test_a_height_that_is_none_costs_the_block(height: object) -> None:
    reading = parse(_info(height=height), now=NOW)
    assert (reading.block, reading.peers) == (None, 0)


def test_a_status_of_mining_that_cannot_be_read_costs_the_hashrate() -> None:
    reading = parse(INFO, lambda: b"oops", now=NOW)
    assert (reading.block, reading.hashrate) == (1067, None)
    assert reading.odd == ("hashrate of mining_status: the answer is not JSON; is this the port of monerod's API?",)
