import json
from typing import Any

import pytest
from msgspec import structs

from publisher.sources.reading import Reading
from publisher.sources.xmrig import XmrigSettings, parse
from rigwatch.figures import Gpu, Miner
from rigwatch.settings.loader import Secret
from tests.miners import captured

SUMMARY = captured("xmrig-6.21.0-summary.json")
BACKENDS = captured("xmrig-6.21.0-backends.json")
CPU = Reading(
    hashrate=296.24,
    accepted=30,
    rejected=1,
    algorithm="rx/0",
    miner=Miner("XMRig", "6.21.0"),
    pool="pool.example:3333",
    uptime=3712,
    pool_latency=35,
)


def _summary(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({**json.loads(SUMMARY), **changes}).encode()


def test_it_reads_the_summary_of_a_processor() -> None:
    assert parse(SUMMARY) == CPU


def test_it_reads_a_benchmark_whose_longer_windows_are_not_full() -> None:
    reading = parse(captured("xmrig-6.16.0-summary.json"), lambda: captured("xmrig-6.16.0-backends.json"))
    assert reading == Reading(
        hashrate=5.02,
        accepted=0,
        rejected=0,
        algorithm="rx/0",
        miner=Miner("XMRig", "6.16.0"),
        pool="benchmark:3333",
        uptime=64,
    )


def test_it_reads_each_card_once_though_several_threads_share_it() -> None:
    cards = (
        Gpu("0000:0a:00.0", "NVIDIA GeForce RTX 3070", hashrate=120, temperature=61, power=121, fan=58),
        Gpu("0000:0b:00.0", "NVIDIA GeForce RTX 3070", hashrate=80, temperature=64, power=124, fan=60),
    )
    assert parse(SUMMARY, lambda: BACKENDS) == structs.replace(CPU, temperature=64, power=245, fan=60, gpus=cards)


def test_it_reads_a_version_of_years_ago() -> None:
    reading = parse(captured("xmrig-2.6.0-beta3-summary.json"))
    assert (reading.hashrate, reading.accepted, reading.rejected) == (296.24, 30, 0)
    assert reading.uptime is None, "connection.uptime is the connection's"


@pytest.mark.parametrize("windows", [[None, None, None], []])
def test_a_window_that_is_not_full_is_not_known_and_never_0(windows: list[None]) -> None:
    assert parse(_summary(hashrate={"total": windows})).hashrate is None


def test_one_that_is_paused_says_so_and_makes_0() -> None:
    assert parse(_summary(paused=True, hashrate={"total": [None, None, None]})).hashrate == 0


def test_a_thread_whose_window_is_not_full_leaves_its_cards_hashrate_unknown() -> None:
    threads = [{"bus_id": "0a:00.0", "hashrate": [60.0]}, {"bus_id": "0a:00.0", "hashrate": [None]}]
    reading = parse(SUMMARY, lambda: json.dumps([{"type": "cuda", "threads": threads}]).encode())
    assert reading.gpus == (Gpu("0000:0a:00.0"),)


def test_the_shortest_window_that_is_known_counts_where_hashes_are_slow() -> None:
    assert parse(_summary(hashrate={"total": [None, 42.5, 42.1]})).hashrate == 42.5


def test_a_proxy_counts_in_kilohashes_and_its_miners_are_its_peers() -> None:
    results = {"accepted": 106366, "rejected": 1, "invalid": 104, "expired": 328, "latency": 1}
    reading = parse(
        _summary(kind="proxy", hashrate={"total": [14.97, 14.93]}, results=results, miners={"now": 19, "max": 21})
    )
    assert (reading.hashrate, reading.peers, reading.miner) == (14970, 19, Miner("xmrig-proxy", "6.21.0"))
    assert (reading.accepted, reading.rejected, reading.invalid, reading.stale) == (106366, 1, 104, 328)
    assert reading.pool_latency == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hashrate": 7}, "hashrate: expected object, got number"),
        ({"hashrate": {"total": ["much"]}}, "hashrate.total[0]: not a number"),
        ({"results": {"shares_good": [30]}}, "results.shares_good: expected number, got array"),
        ({"uptime": -5}, "uptime: -5 cannot be"),
    ],
)
def test_a_field_of_another_type_costs_that_field_and_is_named(changes: dict[str, Any], text: str) -> None:
    reading = parse(_summary(**changes))
    assert reading.odd == (text,)
    assert reading.pool == "pool.example:3333"


def test_backends_that_cannot_be_read_cost_the_cards() -> None:
    reading = parse(SUMMARY, lambda: b"<html>")
    assert structs.replace(reading, odd=()) == CPU
    assert reading.odd == ("backends: the answer is not JSON; is this the port of XMRig's API?",)


@pytest.mark.parametrize("token", ["a\r\nb", "ä"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ValueError, match="token should be of ASCII characters that can be seen"):
        XmrigSettings(token=Secret(token))
