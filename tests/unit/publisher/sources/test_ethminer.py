import json

import pytest

from publisher.sources.ethminer import parse
from publisher.sources.reading import Reading, SourceError
from rigwatch.figures import Gpu, Miner
from tests.miners import captured

RESULT: list[str | None] = json.loads(captured("ethminer-0.16.0-getstat1.json"))["result"]


def _with(place: int, text: str | None) -> bytes:
    return json.dumps({"id": 1, "result": [*RESULT[:place], text, *RESULT[place + 1 :]]}).encode()


def test_it_reads_ethminer_in_hashes_a_second() -> None:
    assert parse(captured("ethminer-0.16.0-getstat1.json")) == Reading(
        hashrate=87_221_000,
        accepted=54,
        rejected=0,
        invalid=0,
        temperature=61,
        fan=90,
        miner=Miner("ethminer", "0.16.0.dev0+commit.41639944"),
        pool="eu1.ethermine.org:4444",
        uptime=48 * 60,
    )


def test_it_reads_claymore_and_of_two_pools_the_first() -> None:
    reading = parse(captured("claymore-9.3-getstat1.json"))
    assert (reading.hashrate, reading.accepted, reading.miner) == (182_724_000, 51, Miner("Claymore", "9.3"))
    assert reading.pool == "eth-eu1.nanopool.org:9999"


def test_it_reads_phoenixminer_with_the_bus_of_each_card() -> None:
    reading = parse(captured("phoenixminer-5.6d-getstat2.json"))
    assert reading.miner == Miner("PhoenixMiner", "5.6d")
    assert reading.gpus == (
        Gpu("0000:01:00.0", hashrate=30_622_000, temperature=57, fan=45),
        Gpu("0000:0a:00.0", hashrate=30_623_000, temperature=61, fan=50),
    )


def test_claymores_miners_of_other_coins_count_in_hashes() -> None:
    assert parse(_with(0, "12.6 - ZEC")).hashrate == 87221


def test_tt_miner_counts_in_hashes_too() -> None:
    """The list as readers of its API quote it; miner managers and Hive's script take its rates as H/s."""
    result = ["TT-Miner/2.2.1", "3", "4003571;13;1", "1959526;2044045", "0;0;0", "off;off", "68;52;58;39"]
    raw = json.dumps({"id": 0, "jsonrpc": "2.0", "result": [*result, "pool.example:3374", "2;0;0;0"]}).encode()
    assert parse(raw) == Reading(
        hashrate=4_003_571,
        accepted=13,
        rejected=1,
        invalid=2,
        temperature=68,
        fan=52,
        miner=Miner("TT-Miner", "2.2.1"),
        pool="pool.example:3374",
        uptime=180,
    )


def test_buses_that_are_not_one_a_card_name_no_card() -> None:
    raw = captured("phoenixminer-5.6d-getstat2.json").replace(b'"1;10"', b'"1"')
    assert parse(raw).gpus is None


@pytest.mark.parametrize("text", ["off;54;0", ";54;0"])
def test_a_rate_that_is_off_is_not_known(text: str) -> None:
    reading = parse(_with(2, text))
    assert (reading.hashrate, reading.accepted, reading.rejected) == (None, 54, 0)


def test_without_sensors_there_is_no_temperature() -> None:
    reading = parse(_with(6, ""))
    assert (reading.temperature, reading.fan) == (None, None)


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "many", "0x10"])
def test_what_is_no_number_costs_that_number_and_its_place_is_named(text: str) -> None:
    reading = parse(_with(2, f"{text};1;2"))
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.temperature) == (None, 1, 2, 61)
    assert reading.odd in (("result[2]: not a number",), ())


@pytest.mark.parametrize(
    ("text", "miner"),
    [
        ("0.19.0-beta.0+nhfix", Miner("ethminer", "0.19.0-beta.0+nhfix")),
        ("nsfminer 1.3.7", Miner("nsfminer", "1.3.7")),
        ("9.3 - ETH", Miner("Claymore", "9.3")),
        ("PM 5.6d - ETH", Miner("PhoenixMiner", "5.6d")),
        ("TT-Miner/2.2.1", Miner("TT-Miner", "2.2.1")),
        ("TT-Miner 5.0.3", Miner("TT-Miner", "5.0.3")),
    ],
)
def test_a_bare_version_is_ethminers_and_one_with_its_coin_is_claymores(text: str, miner: Miner) -> None:
    assert parse(_with(0, text)).miner == miner


def test_without_the_sensors_library_a_fan_at_0_is_not_known() -> None:
    reading = parse(_with(6, "0;0; 0;0;0;0;0;0;0;0;0;0"))
    assert (reading.temperature, reading.fan) == (None, None)
    assert parse(_with(6, "60;0;0;0;0;0;0;0;0;0;0;0")).fan == 0


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"id":1,"result":["ethminer","1"]}', "not an answer of ethminer: the list has 2 texts, of at least 7"),
        (b'{"id":1,"error":{"code":-401,"message":"Invalid password"}}', "miner_getstat1: .*Invalid password"),
        (b'{"id":1}', "miner_getstat1: no result in the answer"),
        (b'{"id":1,"result":true}', "not an answer of ethminer: the list has 1 texts, of at least 7"),
        (b'{"id":1,"error":"' + b"x" * 1000 + b'"}', "miner_getstat1: .{99}…$"),
    ],
)
def test_another_answer_is_an_error(raw: bytes, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        parse(raw)
