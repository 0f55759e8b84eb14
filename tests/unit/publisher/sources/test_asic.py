"""What pyasic-rs tells of an ASIC, as figures. Its objects are stood in for by plain ones with the same attributes."""

from datetime import timedelta
from types import SimpleNamespace as Told
from typing import Any

import pytest
from msgspec.structs import replace

from publisher.sources.asic import AsicSettings, hashes, parse
from rigwatch.messages import Gpu, Miner


def _rate(value: float, unit: str = "TH/s") -> Told:
    return Told(value=value, unit=unit)


def _board(position: int, **changes: Any) -> Told:  # noqa: ANN401 - the library's own
    told = {
        "position": position,
        "hashrate": _rate(36.5),
        "board_temperature": 62.0,
        "inlet_chip_temperature": 60.0,
        "outlet_chip_temperature": 74.5,
        "chips": [],
        "expected_chips": 114,
        "working_chips": 114,
        "active": True,
    }
    return Told(**{**told, **changes})


def _data(**changes: Any) -> Told:  # noqa: ANN401 - the library's own
    pools = [
        Told(url="stratum+tcp://user.rig1:x@pool.example:3333", accepted_shares=5407, rejected_shares=9, active=True)
    ]
    told = {
        "hashboards": [_board(0), _board(1), _board(2)],
        "hashrate": _rate(109.2),
        "is_mining": True,
        "average_temperature": 61.0,
        "wattage": 3250.0,
        "device_info": Told(make="Antminer", model="S19 Pro", algo="MinerAlgo.SHA256"),
        "firmware_version": "2023.05",
        "pools": [Told(pools=[Told(url="x", accepted_shares=0, rejected_shares=0, active=False), *pools])],
        "uptime": timedelta(seconds=25587),
        "fans": [Told(position=0, rpm=6000.0), Told(position=1, rpm=5900.0)],
        "messages": [],
    }
    return Told(**{**told, **changes})


def test_an_asic_has_its_boards_as_cards_and_the_hottest_chip() -> None:
    reading = parse(_data())
    assert reading.hashrate == pytest.approx(109.2e12)
    assert (reading.power, reading.temperature) == (3250, 74.5)
    assert (reading.accepted, reading.rejected, reading.algorithm, reading.uptime) == (5407, 9, "sha256d", 25587)
    assert (reading.miner, reading.pool) == (Miner("Antminer S19 Pro", "2023.05"), "stratum+tcp://pool.example:3333")
    assert reading.gpus is not None
    assert replace(reading.gpus[2], hashrate=None) == Gpu("board-2", "hashboard 2", temperature=74.5)
    assert reading.gpus[2].hashrate == pytest.approx(36.5e12)
    assert reading.lacks == ""


def test_a_board_that_is_gone_is_left_out_where_its_alert_looks_for_it() -> None:
    reading = parse(_data(hashboards=[_board(0), _board(1, active=False), _board(2)]))
    assert [gpu.id for gpu in reading.gpus or ()] == ["board-0", "board-2"]


def test_lost_chips_a_still_fan_and_the_asics_own_complaints_are_what_it_lacks() -> None:
    reading = parse(
        _data(
            hashboards=[_board(0), _board(1, working_chips=110)],
            fans=[Told(position=0, rpm=6000.0), Told(position=1, rpm=0.0)],
            messages=[
                Told(severity="MessageSeverity.Error", message="Power supply too hot", code=217),
                Told(severity="MessageSeverity.Info", message="Pool changed", code=1),
            ],
        )
    )
    assert reading.lacks == "hashboard 1: 110 of 114 chips work; fan 1 stands still; Power supply too hot (217)"


def test_where_no_fan_turns_it_is_cooled_otherwise() -> None:
    assert parse(_data(fans=[Told(position=0, rpm=0.0)])).lacks == ""


def test_one_that_does_not_mine_makes_0_and_one_that_does_not_tell_is_not_known() -> None:
    assert parse(_data(is_mining=False, hashrate=None)).hashrate == 0
    assert parse(_data(is_mining=None, hashrate=None)).hashrate is None


@pytest.mark.parametrize(
    ("rate", "value"),
    [
        (_rate(1.15), 1.15e12),
        (_rate(9.5, "GH/s"), 9.5e9),
        (_rate(500, "MH"), 500e6),
        (_rate(7, "H/s"), 7.0),
        (_rate(7, "parsecs"), None),
        (None, None),
    ],
)
def test_a_rate_is_in_the_unit_that_it_says(rate: Told | None, value: float | None) -> None:
    assert hashes(rate) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"address": "asic.local"}, "address should be an address"), ({"network": "home"}, "network should look like")],
)
def test_a_setting_that_cannot_be_is_refused_in_words(settings: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        AsicSettings(**settings)  # type: ignore[arg-type]  # as TOML has them
