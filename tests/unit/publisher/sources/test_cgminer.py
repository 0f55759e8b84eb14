import json
from typing import Any

import pytest
from msgspec import structs

from publisher.sources.cgminer import parse, rate
from publisher.sources.reading import Reading, SourceError
from rigwatch.clock import Millis
from rigwatch.messages import Miner
from tests.miners import captured

NOW: Millis = 1_655_999_201_000
SUMMARY = captured("cgminer-4.11.1-summary.json")
DEVS = captured("cgminer-4.11.1-devs.json")
POOLS = captured("cgminer-4.11.1-pools.json")
ASIC = Reading(
    hashrate=87240933.02e6,
    accepted=11330,
    rejected=5,
    stale=4,
    miner=Miner("cgminer", "4.11.1"),
    uptime=161218,
)


def _devs(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    answer = json.loads(DEVS)
    for device in answer["DEVS"]:
        device.update(changes)
    return json.dumps(answer).encode()


def test_it_reads_the_summary_in_hashes_a_second() -> None:
    assert parse(SUMMARY, now=NOW) == ASIC


def test_boards_have_no_identity_and_count_all_the_same() -> None:
    reading = parse(SUMMARY, DEVS, POOLS, now=NOW)
    assert reading == structs.replace(
        ASIC, temperature=74, last_share_at=1_655_999_190_000, pool="stratum+tcp://pool.example:3333"
    )


def test_it_reads_teamredminer_by_its_finest_unit() -> None:
    reading = parse(captured("teamredminer-0.10.21-summary.json"), captured("teamredminer-0.10.21-devs.json"), now=NOW)
    assert reading == Reading(
        hashrate=61_131_440,
        accepted=92,
        rejected=1,
        stale=2,
        last_share_at=1_655_999_177_000,
        temperature=56,
        power=210,
        fan=47,
        miner=Miner("TeamRedMiner", "0.10.21"),
        uptime=3605,
    )


def test_it_reads_a_rate_that_is_written_as_text() -> None:
    reading = parse(captured("bmminer-2.0.0-summary.json"), now=NOW)
    assert reading.hashrate == pytest.approx(13512.44e9)
    assert reading.miner == Miner("bmminer", "2.0.0")


@pytest.mark.parametrize(
    ("section", "hashrate"),
    [
        ({"MHS av": 1.0}, None),
        ({}, None),
        ({"MHS 5s": None}, None),
        ({"MHS 5s": 0.0, "MHS av": 7.0}, 0.0),
        ({"MHS 1m": 1.0, "MHS 20s": 2.0, "MHS 15m": 3.0}, 2e6),
        ({"GHS 5s": "1.5"}, 1.5e9),
        ({"THS 5s": 2}, 2e12),
        ({"HS 5s": 3}, 3.0),
        ({"KHS 5s": 1500, "MHS 5s": 2}, 1.5e6),
    ],
)
def test_the_shortest_window_counts_and_never_the_mean_since_the_start(
    section: dict[str, Any], hashrate: float | None
) -> None:
    assert rate(section) == hashrate


def test_a_miner_whose_clock_is_wrong_does_not_tell_when_a_share_was() -> None:
    assert parse(SUMMARY, DEVS, now=NOW + 3_600_000).last_share_at is None


@pytest.mark.parametrize("time", [0, "0:00:12", None])
def test_a_time_of_no_share_is_absent(time: object) -> None:
    assert parse(SUMMARY, _devs(**{"Last Share Time": time}), now=NOW).last_share_at is None


def test_a_miner_that_refuses_is_an_error_with_its_words() -> None:
    denied = captured("cgminer-4.11.1-denied.json").rstrip(b"\0")
    with pytest.raises(SourceError, match="summary: Access denied to 'summary' command"):
        parse(denied, now=NOW)
    assert parse(SUMMARY, denied, denied, now=NOW) == ASIC


def test_a_whatsminer_refuses_in_a_form_of_its_own() -> None:
    denied = b'{"STATUS":"E","When":1655999200,"Code":14,"Msg":"invalid cmd","Description":"whatsminer v1.1"}'
    with pytest.raises(SourceError, match="summary: invalid cmd"):
        parse(denied, now=NOW)
    assert parse(SUMMARY, denied, denied, now=NOW) == ASIC


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Temperature": "hot"}, r"Temperature: expected `float \| null`, got `str`"),
        ({"GPU Power": []}, r"GPU Power: expected `float \| null`, got `array`"),
    ],
)
def test_a_field_of_another_type_is_named(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(SourceError, match=f"not an answer of cgminer: {text}"):
        parse(SUMMARY, _devs(**changes), now=NOW)


def test_an_answer_in_text_is_an_error() -> None:
    with pytest.raises(SourceError, match="the answer is not JSON"):
        parse(
            b"STATUS=S,When=1,Code=11,Msg=Summary,Description=TeamRedMiner 0.10|SUMMARY,Elapsed=1,MHS 30s=1|", now=NOW
        )
