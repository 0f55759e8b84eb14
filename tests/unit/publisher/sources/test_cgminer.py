import json
from typing import Any

import pytest
from msgspec import structs

from publisher.sources.cgminer import RefusedCommandError, parse, rate, refuses
from publisher.sources.reading import Reading, SourceError
from rigwatch.clock import Millis
from rigwatch.figures import Miner
from tests.miners import captured

NOW: Millis = 1_655_999_201_000
SUMMARY = captured("cgminer-4.11.1-summary.json")
DEVS = captured("cgminer-4.11.1-devs.json")
POOLS = captured("cgminer-4.11.1-pools.json")
REFUSED = b'{"STATUS":[{"STATUS":"E","When":1,"Code":14,"Msg":"Invalid command","Description":"cgminer"}],"id":1}'
ASIC = Reading(
    hashrate=87240933.02e6,
    accepted=11330,
    rejected=5,
    stale=4,
    hardware_errors=0,
    miner=Miner("cgminer", "4.11.1"),
    uptime=161218,
)


def _parse(summary: bytes = SUMMARY, now: Millis = NOW, factor: float = 1.0, **answers: bytes) -> Reading:
    def ask(name: str) -> bytes:
        answer = summary if name == "summary" else answers.get(name, REFUSED)
        if name != "summary" and refuses(answer):
            raise RefusedCommandError(name)
        return answer

    return parse(ask, now=now, factor=factor)


def _told(section: str, *sections: dict[str, Any]) -> bytes:
    return json.dumps({"STATUS": [{"STATUS": "S"}], section: sections}).encode()


def _devs(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    answer = json.loads(DEVS)
    for device in answer["DEVS"]:
        device.update(changes)
    return json.dumps(answer).encode()


def test_it_reads_the_summary_in_hashes_a_second() -> None:
    assert _parse() == ASIC


def test_boards_have_no_identity_and_count_all_the_same() -> None:
    reading = _parse(devs=DEVS, pools=POOLS)
    assert reading == structs.replace(
        ASIC, temperature=74, last_share_at=1_655_999_190_000, pool="stratum+tcp://pool.example:3333"
    )


def test_it_reads_teamredminer_by_its_finest_unit() -> None:
    reading = _parse(captured("teamredminer-0.10.21-summary.json"), devs=captured("teamredminer-0.10.21-devs.json"))
    assert reading == Reading(
        hashrate=61_131_440,
        accepted=92,
        rejected=1,
        stale=2,
        hardware_errors=0,
        last_share_at=1_655_999_177_000,
        temperature=56,
        power=210,
        fan=47,
        miner=Miner("TeamRedMiner", "0.10.21"),
        uptime=3605,
    )


def test_it_reads_a_rate_that_is_written_as_text() -> None:
    reading = _parse(captured("bmminer-2.0.0-summary.json"))
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
    assert _parse(devs=DEVS, now=NOW + 3_600_000).last_share_at is None


@pytest.mark.parametrize("time", [0, "0:00:12", None])
def test_a_time_of_no_share_is_absent(time: object) -> None:
    assert _parse(devs=_devs(**{"Last Share Time": time})).last_share_at is None


def test_a_miner_that_refuses_is_an_error_with_its_words() -> None:
    denied = captured("cgminer-4.11.1-denied.json").rstrip(b"\0")
    with pytest.raises(SourceError, match="summary: Access denied to 'summary' command"):
        _parse(denied)
    assert _parse(devs=denied, pools=denied) == ASIC


def test_a_whatsminer_refuses_in_a_form_of_its_own() -> None:
    denied = b'{"STATUS":"E","When":1655999200,"Code":14,"Msg":"invalid cmd","Description":"whatsminer v1.1"}'
    with pytest.raises(SourceError, match="summary: invalid cmd"):
        _parse(denied)
    assert _parse(devs=denied, pools=denied) == ASIC


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Temperature": "hot"}, "Temperature: not a number"),
        ({"Temperature": []}, "Temperature: expected number, got array"),
    ],
)
def test_a_field_of_another_type_costs_that_field_and_is_named(changes: dict[str, Any], text: str) -> None:
    reading = _parse(devs=_devs(**changes), pools=POOLS)
    assert (reading.hashrate, reading.temperature) == (ASIC.hashrate, None)
    assert text in reading.odd


def test_a_section_that_cannot_be_read_costs_that_section() -> None:
    reading = _parse(devs=DEVS, pools=b'{"STATUS":[{"STATUS":"S"}],"POOLS":[{"URL":')
    assert (reading.pool, reading.temperature, reading.accepted) == (None, 74, 11330)
    assert reading.odd == ("pools: the answer is cut short after 43 bytes",)


def test_an_answer_in_text_is_an_error() -> None:
    with pytest.raises(SourceError, match="the answer is not JSON"):
        _parse(b"STATUS=S,When=1,Code=11,Msg=Summary,Description=TeamRedMiner 0.10|SUMMARY,Elapsed=1,MHS 30s=1|")


@pytest.mark.parametrize(
    ("model", "rate"),
    [
        ("Antminer L3+", 506.95e6),
        ("Antminer L3++ (024)", 506.95e6),
        ("Antminer D3 Blissz v1.02", 506.95e6),
        ("Antminer S9", 506.95e9),
        ("", 506.95e9),
    ],
)
def test_antminers_of_scrypt_and_x11_count_megahashes_as_giga(model: str, rate: float) -> None:
    summary = _told("SUMMARY", {"Elapsed": 53, "GHS 5s": "506.95"})
    assert _parse(summary, version=_told("VERSION", {"Type": model})).hashrate == pytest.approx(rate)
    assert _parse(summary, stats=_told("STATS", {"Type": model})).hashrate == pytest.approx(rate)


def test_the_unit_that_an_antminer_names_itself_counts() -> None:
    summary = _told("SUMMARY", {"GHS 5s": 9500.5})
    assert _parse(summary, stats=_told("STATS", {"rate_unit": "MH"})).hashrate == pytest.approx(9500.5e6)
    assert _parse(summary, stats=_told("STATS", {"rate_unit": "GH"})).hashrate == pytest.approx(9500.5e9)


def test_an_innosilicon_writes_hashes_as_megahashes() -> None:
    """As an A9 and an A11 do in published answers: 51 kSol/s and 471 MH/s."""
    a9 = _told("SUMMARY", {"MHS 5s": 51451.63})
    assert _parse(a9, stats=_told("STATS", {"ID": "HLT0", "Temp": 62, "Fan duty": 35})).hashrate == pytest.approx(
        51451.63
    )
    devs = _told("DEVS", {"Name": "HLT", "MHS 5s": 538875721.88, "Hash Rate H": 470821977.34, "Temperature": 39})
    assert _parse(_told("SUMMARY", {"MHS 5s": 538875721.88}), devs=devs).hashrate == pytest.approx(470821977.34)


def test_an_innosilicon_numbers_its_sections() -> None:
    stats = json.dumps({"STATS0": [{"Temp": 47, "Fan duty": 100}], "STATS1": [{"Temp": 48, "Fan duty": 90}]}).encode()
    pools = json.dumps({"POOL0": [{"URL": "stratum+tcp://pool.example:4042", "Status": "Alive"}]}).encode()
    reading = _parse(stats=stats, pools=pools)
    assert (reading.temperature, reading.fan, reading.pool) == (48, 100, "stratum+tcp://pool.example:4042")


def test_a_factor_of_the_settings_puts_an_unknown_unit_right() -> None:
    assert _parse(factor=1e-3).hashrate == pytest.approx(87240933.02e3)


def test_accepted_shares_that_repeat_the_rejected_ones_are_taken_from_the_pools() -> None:
    summary = _told("SUMMARY", {"Accepted": " 41.0000", "Rejected": " 41.0000"})
    pools = _told("POOLS", {"Accepted": 900, "Rejected": 40}, {"Accepted": 6, "Rejected": 1})
    reading = _parse(summary, pools=pools)
    assert (reading.accepted, reading.rejected) == (906, 41)
    without = _parse(summary)
    assert (without.accepted, without.rejected) == (None, 41)
    assert without.odd == ("accepted: repeats the rejected shares",)


def test_an_avalon_tells_its_sensors_in_one_line() -> None:
    line = "Ver[1047] Temp[28] TMax[75] TAvg[64] Fan1[2984] FanR[47%] PS[0 1212 1315 174 2288 1320] GHSavg[37235.34]"
    reading = _parse(stats=_told("STATS", {"ID": "AVA100", "MM ID0": line}))
    assert (reading.temperature, reading.fan, reading.power) == (75, 47, 2288)


@pytest.mark.parametrize("nothing", [0, -1, 511, 255, 32767, "", "0-0-0-0"])
def test_a_sensor_that_is_none_is_no_temperature(nothing: object) -> None:
    assert _parse(stats=_told("STATS", {"temp2_1": nothing, "temp1": nothing})).temperature is None


def test_braiins_os_tells_boards_and_fans_by_commands_of_their_own() -> None:
    reading = _parse(
        devs=_devs(Temperature=0.0),
        temps=_told("TEMPS", {"Board": 75.0, "Chip": 0.0}, {"Board": 63.0, "Chip": 81.5}),
        fans=_told("FANS", {"RPM": 2820, "Speed": 40}),
        tunerstatus=_told("TUNERSTATUS", {"ApproximateMinerPowerConsumption": 1250}),
    )
    assert (reading.temperature, reading.fan, reading.power) == (81.5, 40, 1250)
