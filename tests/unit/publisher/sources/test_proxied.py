"""Silent workers of an xmrig-proxy. The shape of `/1/workers` is that of its own description of its API."""

import json
from typing import Any

import pytest

from publisher.sources.proxied import Workers, silence
from publisher.sources.reading import SourceError
from publisher.sources.xmrig import parse

NOW = 1_506_315_222_361
MINUTE, HOUR = 60_000, 3_600_000
SUMMARY = json.dumps({"kind": "proxy", "version": "6.21.0", "hashrate": {"total": [2.5]}, "results": {}}).encode()


def _row(name: str, ago: int, *, connections: int = 1, khs: float = 1.0, accepted: int = 100) -> list[Any]:
    """One that finds a share of 100,000 a minute and a half or so, at 1 kH/s."""
    hashes = 100_000 * accepted
    return [name, "192.168.1.2", connections, accepted, 0, 0, hashes, NOW - ago, 0.1, khs, khs, khs, khs]


def _silent(*rows: list[Any], mode: str | None = "rig_id") -> str:
    return silence(Workers(workers=[_row("busy", 0), *rows], mode=mode))


def test_workers_that_send_shares_are_nothing_to_tell() -> None:
    assert _silent(_row("a", MINUTE), _row("b", 9 * MINUTE, connections=0)) == ""


def test_one_that_went_away_is_named() -> None:
    assert _silent(_row("a", MINUTE), _row("b", HOUR, connections=0)) == "1 of 3 workers silent: b (not connected)"


def test_one_that_is_connected_and_sends_no_shares_is_named() -> None:
    assert _silent(_row("a", 20 * MINUTE)) == "1 of 2 workers silent: a"


def test_a_slow_one_has_the_time_that_its_shares_take() -> None:
    assert _silent(_row("slow", 20 * MINUTE, khs=0.05)) == ""
    assert _silent(_row("slow", 6 * HOUR, khs=0.05)) == "1 of 2 workers silent: slow"


def test_one_whose_rate_is_too_low_to_be_told_is_silent_only_when_it_is_gone() -> None:
    assert _silent(_row("slow", 20 * HOUR, khs=0.0)) == ""
    assert _silent(_row("slow", 20 * HOUR, khs=0.0, connections=0)) == "1 of 2 workers silent: slow (not connected)"


def test_one_that_is_gone_for_more_than_a_day_is_forgotten() -> None:
    assert _silent(_row("old", 25 * HOUR, connections=0)) == ""


def test_where_all_are_silent_the_hashrate_says_so() -> None:
    assert silence(Workers(workers=[_row("a", 5 * HOUR), _row("b", 5 * HOUR)])) == ""


def test_a_password_is_never_a_name() -> None:
    told = _silent(_row("hunter2", HOUR, connections=0), mode="password")
    assert told == "1 of 2 workers silent: 192.168.1.2 (not connected)"


def test_many_are_counted_and_some_are_named() -> None:
    told = _silent(*(_row(f"w{at}", HOUR, connections=0) for at in range(12)))
    assert told.startswith("12 of 13 workers silent: w0 (not connected), w1")
    assert told.endswith("w7 (not connected) and 4 more")


@pytest.mark.parametrize("row", [[], ["x"], ["x", "y", None, "many", 0, 0, {}, [], True], _row("new", 0, accepted=0)])
def test_a_row_that_cannot_be_read_or_has_no_share_is_left_out(row: list[Any]) -> None:
    assert _silent(row, _row("b", HOUR, connections=0)) == "1 of 2 workers silent: b (not connected)"


def test_a_proxy_lacks_its_silent_workers_and_has_all_its_figures() -> None:
    workers = {"hashrate": {"total": [2.5]}, "mode": "rig_id", "workers": [_row("a", 0), _row("b", HOUR)]}
    reading = parse(SUMMARY, workers=lambda: json.dumps(workers).encode())
    assert (reading.hashrate, reading.lacks, reading.odd) == (2500, "1 of 2 workers silent: b", ())


def test_workers_that_cannot_be_had_cost_nothing_else() -> None:
    def refused() -> bytes:
        raise SourceError("127.0.0.1:44445: no answer within 5 s")

    reading = parse(SUMMARY, workers=refused)
    assert (reading.hashrate, reading.lacks) == (2500, "")
    assert reading.odd == ("workers: 127.0.0.1:44445: no answer within 5 s",)
