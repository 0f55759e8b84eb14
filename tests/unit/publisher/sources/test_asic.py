"""What the library tells of an ASIC, as figures; whatever it tells oddly costs that figure."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.sources.asic import AsicSettings, parse, rate
from publisher.sources.asic_network import Finder, mac_of, neighbours, network_of
from publisher.sources.reading import checked
from rigwatch.figures import Board, Fan
from tests.fake_clock import FakeClock

_SHARES = {"accepted_shares": 1234, "rejected_shares": 5}
# As pyasic-rs 0.8.6 gave it for a Bitaxe Gamma, shortened.
BITAXE: dict[str, Any] = {
    "mac": "02:00:00:AA:BB:CC",
    "device_info": {"make": "Bitaxe", "model": "Gamma", "firmware": "Bitaxe Stock", "algo": "SHA256"},
    "firmware_version": "v2.6.0",
    "expected_hashboards": 1,
    "hashboards": [
        {
            "position": 0,
            "hashrate": {"value": 1.1876, "unit": "TH/s", "algo": "SHA256"},
            "board_temperature": 57.0,
            "inlet_chip_temperature": 61.5,
            "outlet_chip_temperature": 61.5,
            "expected_chips": 1,
            "working_chips": 1,
            "active": True,
        }
    ],
    "hashrate": {"value": 1.1876, "unit": "TH/s", "algo": "SHA256"},
    "fans": [{"position": 0, "rpm": 4200.0}],
    "psu_fans": [],
    "average_temperature": 57.0,
    "wattage": 18.6,
    "uptime": timedelta(days=1),
    "pools": [
        {
            "pools": [
                {
                    "url": "stratum+tcp://pool.example:21496",
                    "accepted_shares": 1234,
                    "rejected_shares": 5,
                    "active": True,
                },
                {"url": "stratum+tcp://:0", "accepted_shares": 1234, "rejected_shares": 5, "active": False},
            ]
        }
    ],
}


def told(**changes: object) -> dict[str, Any]:
    return {**BITAXE, **changes}


def test_everything_a_bitaxe_tells() -> None:
    reading = checked(parse(BITAXE))
    assert reading.hashrate == pytest.approx(1.1876e12)
    assert (reading.algorithm, reading.accepted, reading.rejected) == ("sha256d", 1234, 5)
    assert (reading.temperature, reading.power, reading.uptime) == (61.5, 18.6, 86400.0)
    assert reading.pool == "stratum+tcp://pool.example:21496"
    assert reading.miner is not None
    assert (reading.miner.name, reading.miner.version) == ("Bitaxe Gamma", "v2.6.0")
    (board,) = reading.boards or ()
    assert (board.id, board.active, board.chips, board.chips_expected) == ("0", True, 1, 1)
    assert reading.fans == (Fan("0", rpm=4200.0),)
    assert not reading.odd


def test_a_board_that_is_not_in_the_list_stands_there_as_one_that_hashes_nothing() -> None:
    reading = parse(told(expected_hashboards=3))
    assert [board.id for board in reading.boards or ()] == ["0", "1", "2"]
    assert (reading.boards or ())[1:] == (Board("1", active=False), Board("2", active=False))


def test_a_miner_that_tells_of_no_board_misses_none() -> None:
    assert parse(told(hashboards=[], expected_hashboards=3)).boards is None


def test_shares_are_added_up_unless_each_pool_repeats_the_sum() -> None:
    def accepted(*counts: tuple[int, int]) -> int | None:
        told_pools = [
            {"url": f"stratum+tcp://pool{at}.example:3333", "accepted_shares": a, "rejected_shares": r}
            for at, (a, r) in enumerate(counts)
        ]
        return parse(told(pools=[{"pools": told_pools}])).accepted

    assert accepted((100, 1), (7, 0)) == 107
    assert accepted((9, 1), (9, 1)) == 9


def test_a_fan_that_stands_while_others_turn_and_what_the_miner_complains_of_are_told() -> None:
    fans = [{"position": 0, "rpm": 0.0}, {"position": 1, "rpm": 4200.0}]
    messages = [{"severity": "Error", "code": 530, "message": "Slot 0 not found"}, {"severity": "Info", "message": "x"}]
    assert parse(told(fans=fans, messages=messages)).lacks == "fan 0 stands still; Slot 0 not found (530)"
    assert not parse(told(fans=[{"position": 0, "rpm": 0.0}])).lacks, "cooled otherwise, or off"


def test_a_miner_that_says_that_it_does_not_mine_hashes_nothing_and_one_that_says_nothing_is_not_known() -> None:
    assert parse(told(hashrate=None, is_mining=False)).hashrate == 0.0
    assert parse(told(hashrate=None)).hashrate is None


@pytest.mark.parametrize(
    ("told_rate", "expected"),
    [
        ({"value": 109.24748, "unit": "TH/s"}, 109.24748e12),
        ({"value": 9.5, "unit": "GH/s"}, 9.5e9),
        ({"value": 500, "unit": "H/s"}, 500.0),
        ({"value": 1, "unit": "parsec"}, None),
        ({"value": None, "unit": "TH/s"}, None),
        (None, None),
    ],
)
def test_a_rate_comes_in_any_unit(told_rate: object, expected: float | None) -> None:
    assert rate(told_rate) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("junk", [None, "x", -1, 1e300, [], {}, True, [None], {"value": "x"}])
@pytest.mark.parametrize("name", sorted(BITAXE))
def test_one_odd_value_costs_at_most_what_it_says(name: str, junk: object) -> None:
    good, odd = checked(parse(BITAXE)), checked(parse(told(**{name: junk})))
    costs = {
        "hashboards": {"boards", "temperature"}, "device_info": {"algorithm", "miner"}, "firmware_version": {"miner"},
        "pools": {"pool", "accepted", "rejected"}, "wattage": {"power"}, "expected_hashboards": {"boards"},
        "psu_fans": {"fans"},
    }.get(name, {name})  # fmt: skip
    for figure in (
        "hashrate",
        "algorithm",
        "accepted",
        "temperature",
        "power",
        "boards",
        "fans",
        "miner",
        "pool",
        "uptime",
    ):
        if figure not in costs:
            assert getattr(odd, figure) == getattr(good, figure)


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("02-00-00-AA-BB-CC", "02:00:00:aa:bb:cc"),
        ("020000aabbcc", "02:00:00:aa:bb:cc"),
        ("00:00:00:00:00:00", None),
        ("x", None),
    ],
)
def test_a_mac_is_known_in_any_spelling(text: str, mac: str | None) -> None:
    assert mac_of(text) == mac


def test_the_kernels_table_tells_who_is_where() -> None:
    table = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.168.1.50     0x1         0x2         02:00:00:aa:bb:cc     *        eth0\n"
        "192.168.1.51     0x1         0x0         00:00:00:00:00:00     *        eth0\n"
    )
    assert list(neighbours(table)) == [("192.168.1.50", "02:00:00:aa:bb:cc")]


@pytest.mark.parametrize("text", ["192.168.1.0/8", "fe80::/64", "garage", "192.168.1.0/33"])
def test_a_network_that_is_none_or_too_large_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"192\.168\.1\.0/24|at most a /20"):
        network_of(text, "192.168.1.50")


def test_another_miner_at_the_address_is_not_taken_for_it() -> None:
    finder = Finder("192.168.1.50", "02:00:00:aa:bb:cc", "", clock=FakeClock())
    assert finder.is_another("02:00:00:00:00:01")
    assert not finder.is_another("02:00:00:aa:bb:cc")
    assert not finder.is_another(None)
    assert not Finder("192.168.1.50", "", "", clock=FakeClock()).is_another("02:00:00:00:00:01")


def _table(path: Path, *addresses: str) -> Path:
    rows = [f"{address} 0x1 0x2 02:00:00:aa:bb:cc * eth0" for address in addresses]
    path.write_text("\n".join(["IP address HW type Flags HW address Mask Device", *rows, ""]), "utf-8")
    return path


def test_one_that_has_moved_is_found_though_its_old_address_is_still_in_the_kernels_table(tmp_path: Path) -> None:
    arp = _table(tmp_path / "arp", "127.0.0.2", "127.0.0.5")
    finder = Finder("127.0.0.2", "02:00:00:aa:bb:cc", "127.0.0.0/29", clock=FakeClock(), arp=arp)
    assert finder.look_elsewhere() == "; its MAC 02:00:00:aa:bb:cc is at 127.0.0.5 now"
    assert finder.address == "127.0.0.5"


def test_the_same_mac_in_another_network_is_not_it(tmp_path: Path) -> None:
    arp = _table(tmp_path / "arp", "10.9.9.9", "127.0.0.5")
    finder = Finder("127.0.0.2", "02:00:00:aa:bb:cc", "127.0.0.0/29", clock=FakeClock(), arp=arp)
    finder.look_elsewhere()
    assert finder.address == "127.0.0.5"


@pytest.mark.parametrize("settings", [{"address": ""}, {"address": "http://x"}, {"address": "a", "mac": "nonsense"}])
def test_settings_that_cannot_be_right_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="should"):
        AsicSettings(**settings)
