"""The miners and clients that are files: each reads an answer of the shape that its file names the source of."""

import json

import pytest

from publisher.sources.mapped import parse, sheets
from publisher.sources.mapping import Chart
from publisher.sources.reading import Reading, SourceError
from rigwatch.figures import Gpu, Miner

ANSWERS: dict[str, dict[str, str]] = {
    "onezerominer": {
        "/": json.dumps({"version": "1.7.8", "devices": [], "algos": [{"name": "pearlhash", "total_hashrate": 0.125}]})
    },
    "miniz": {
        '{"id":"0","method":"getstat"}': json.dumps(
            {
                "result": [
                    {"speed_sps": 60.5, "accepted_shares": 7, "rejected_shares": 0, "temperature": 61},
                    {"speed_sps": 59.5, "accepted_shares": 5, "rejected_shares": 1, "temperature": 64},
                ]
            }
        )
    },
    "nanominer": {
        "/stats": json.dumps(
            {
                "Algorithms": [
                    {
                        "Ethash": {
                            "CurrentPool": "pool.example:9433",
                            "GPU 0": {"Accepted": 3, "Denied": 0, "Hashrate": "2.156e+07"},
                            "Total": {"Accepted": 3, "Denied": 1, "Hashrate": "2.156e+07"},
                        }
                    }
                ],
                "Devices": [
                    {"GPU 0": {"Name": "RTX 2060", "Pci": "0a:00.0", "Temperature": 55, "Fan": 45, "Power": 120}}
                ],
                "WorkTime": 3661,
            }
        )
    },
    "wildrig": {
        "/": json.dumps(
            {"algo": "kawpow", "hashrate": {"total": [21e6, 20e6], "threads": [[21e6]]}, "results": {"shares_good": 4}}
        )
    },
    "ccminer": {
        "summary|": "NAME=ccminer;VER=2.3.1;API=1.9;ALGO=lyra2v3;GPUS=1;KHS=61234.5;ACC=12;REJ=1;UPTIME=90|\0",
        "threads|": "GPU=0;BUS=10;CARD=RTX 3070;TEMP=61.0;POWER=141000;FAN=55;KHS=61234.5;ACC=12;REJ=1|\0",
    },
    "ergo": {"/info": json.dumps({"fullHeight": 1_400_000, "bestFullHeaderId": "ab", "peersCount": 30})},
    "alephium": {
        "/infos/self-clique": json.dumps({"cliqueId": "ab", "nodes": [], "selfReady": True, "synced": True}),
        "/blockflow/chain-info?fromGroup=0&toGroup=0": json.dumps({"currentHeight": 2_000_000}),
    },
}


def _read(kind: str) -> Reading:
    return parse(sheets()[kind], lambda question: ANSWERS[kind][question].encode())


def test_there_is_an_answer_for_every_file() -> None:
    assert set(ANSWERS) == set(sheets())


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_path_of_every_file_can_be_read(kind: str) -> None:
    assert isinstance(sheets()[kind].chart(), Chart)
    assert sheets()[kind].source


def test_the_sum_of_all_cards_and_the_hottest_of_them() -> None:
    reading = _read("miniz")
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.temperature) == (120, 12, 1, 64)
    assert reading.miner == Miner("miniZ")


def test_nanominer_tells_of_its_cards_by_their_place() -> None:
    reading = _read("nanominer")
    assert (reading.hashrate, reading.accepted, reading.rejected, reading.uptime) == (21.56e6, 3, 1, 3661)
    assert (reading.pool, reading.power) == ("pool.example:9433", 120)
    assert [gpu.id for gpu in reading.gpus or ()] == ["0000:0a:00.0"]


def test_ccminer_tells_in_pairs_and_of_its_cards_in_a_second_answer() -> None:
    reading = _read("ccminer")
    assert (reading.hashrate, reading.algorithm, reading.uptime) == (61_234_500, "lyra2v3", 90)
    assert reading.miner == Miner("ccminer", "2.3.1")
    assert reading.gpus == (
        Gpu("0000:0a:00.0", "RTX 3070", 61_234_500, 61.0, power=141.0, fan=55.0, accepted=12, rejected=1),
    )


def test_a_further_answer_that_cannot_be_had_costs_what_it_would_have_told() -> None:
    def ask(question: str) -> bytes:
        if question == "threads|":
            raise SourceError("127.0.0.1:4068: no answer within 5 s")
        return ANSWERS["ccminer"][question].encode()

    reading = parse(sheets()["ccminer"], ask)
    assert (reading.hashrate, reading.gpus) == (61_234_500, None)
    assert "threads: 127.0.0.1:4068: no answer within 5 s" in reading.odd


def test_chain_clients_have_a_block_and_no_miner() -> None:
    assert (_read("ergo").block, _read("ergo").peers, _read("ergo").miner) == (1_400_000, 30, None)
    assert (_read("alephium").block, _read("alephium").syncing) == (2_000_000, False)


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("raw", [b"{}", b"[]", b"<html>", b"", b'{"error":"no"}'])
def test_an_answer_of_another_program_is_an_error(kind: str, raw: bytes) -> None:
    with pytest.raises(SourceError):
        parse(sheets()[kind], lambda _: raw)
