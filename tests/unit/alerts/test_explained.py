"""The cause in the messages: what is known when people are told, and what is known a little later."""

from typing import Any

import pytest

from alerts import explainer
from alerts.endings import REASONS
from rigwatch.ending import Ending
from rigwatch.figures import Gpu
from tests.unit.alerts.timeline import Timeline

RIGS = [f"garage/rig{number}" for number in range(1, 5)]
CLOSED, TIMED_OUT = REASONS[Ending.CLOSED], REASONS[Ending.TIMED_OUT]


def test_a_node_whose_machine_closed_the_connection_says_so_at_once() -> None:
    line = Timeline(*RIGS)
    line.at(10).dies(RIGS[0], reason=CLOSED)
    line.at(12).expect("CRITICAL: garage/rig1 lost: probably its publisher ended (its machine closed the connection)")
    line.at(312).expect("STILL: garage/rig1 lost for 5 min 2 s: probably its publisher ended")


def test_a_machine_that_went_with_all_its_nodes_is_named_as_one_that_starts_anew() -> None:
    line = Timeline(*RIGS, host=lambda name: "box" if name in RIGS[:2] else name)
    line.at(10).dies(*RIGS[:2], reason=CLOSED)
    line.at(20).expect(
        "CRITICAL: host box at garage: 2 nodes lost together: probably its publisher ended (all 2 nodes of its machine"
    )


def test_what_nothing_explains_says_in_its_body_what_was_seen() -> None:
    line = Timeline(*RIGS)
    line.at(10).dies(RIGS[0], reason=TIMED_OUT)
    line.at(12).expect("CRITICAL: garage/rig1 lost")
    assert ":" not in line.last().title.removeprefix("CRITICAL: ")
    assert "it stopped answering" in line.last().body.splitlines()
    line.at(200).expect_nothing()


def test_a_neighbour_that_reports_later_gives_the_cause_once() -> None:
    line = Timeline(*RIGS, host=lambda name: "box" if name in RIGS[:2] else name)
    line.at(10).dies(RIGS[0], reason=TIMED_OUT)
    line.at(12).expect("CRITICAL: garage/rig1 lost")
    line.at(59).expect_nothing()
    line.at(62).expect("CAUSE: garage/rig1 lost: its publisher ended (1 other node of its machine still reports)")
    line.at(290).expect_nothing()
    line.at(315).expect("STILL: garage/rig1 lost for 5 min 2 s: its publisher ended")
    assert [each for each in line.reasons("lost") if each.startswith("cause")] == [
        "cause: its publisher ended (1 other node of its machine still reports)"
    ]


def test_a_cause_is_not_told_of_who_is_back() -> None:
    line = Timeline(*RIGS, host=lambda name: "box" if name in RIGS[:2] else name)
    line.at(10).dies(RIGS[0], reason=TIMED_OUT)
    line.at(20).expect("CRITICAL: garage/rig1 lost")
    line.at(30).comes_back(RIGS[0]).expect("OK: garage/rig1")
    line.at(300).expect_nothing()


def test_a_whole_site_of_two_is_its_uplink_or_power() -> None:
    line = Timeline(*RIGS, "attic/rig9", hold="10s")
    line.at(57).dies(*RIGS, reason=TIMED_OUT)
    line.at(75).expect(
        "CRITICAL: garage: 4 nodes lost together: probably uplink or power of the site (all 4 machines went together)"
    )


def test_a_guess_is_no_message_of_its_own() -> None:
    line = Timeline(*RIGS[:2], group_wait="0s")
    line.at(10).dies(RIGS[0], reason=TIMED_OUT)
    line.at(20).dies(RIGS[1], reason=TIMED_OUT)
    line.at(25).expect(
        "CRITICAL: garage/rig1 lost",
        "CRITICAL: garage/rig2 lost: perhaps uplink or power of the site (all 2 machines went together)",
    )
    line.at(200).expect_nothing()


def test_the_cause_outlives_a_restart() -> None:
    line = Timeline(*RIGS)
    line.at(10).dies(RIGS[0], reason=CLOSED)
    line.at(12).expect("CRITICAL: garage/rig1 lost: probably its publisher ended")
    line.at(20).server_restarts()
    line.at(320).expect("STILL: garage/rig1 lost for 5 min 2 s: probably its publisher ended")


def test_a_card_that_is_gone_explains_the_hashes_that_are_missing() -> None:
    cards = [{"id": f"0000:0{number}:00.0"} for number in range(2)]
    line = Timeline(RIGS[0])
    line.usually(RIGS[0], 45e6)
    line.report(RIGS[0], gpus=cards_of(cards), power=600.0)
    line.at(1200).report(RIGS[0], gpus=cards_of(cards[:1]), power=300.0, hashrate=22e6)
    line.at(1800)
    titles = [notification.title for _, notification in line.notifications]
    assert "CRITICAL: garage/rig1 misses a GPU: card lost (1 of 2 cards, 600 W → 300 W)" in titles
    assert "WARNING: garage/rig1 hashes less than usual: card lost (1 of 2 cards, 596 W → 300 W)" in titles


def cards_of(cards: list[dict[str, Any]]) -> tuple[Gpu, ...]:
    return tuple(Gpu(**card) for card in cards)


def test_a_miner_that_takes_no_connection_is_told_as_that() -> None:
    line = Timeline(RIGS[0])
    errors = {"xmrig": "127.0.0.1:4048: Connection refused; start it with --http-port"}
    line.at(65).report(RIGS[0], hashrate=None, errors=errors)
    line.at(600)
    assert line.notifications[0][1].title == (
        "WARNING: garage/rig1 cannot be read in full: probably miner crashed or updating "
        "(its machine reports, the miner takes no connection)"
    )


def test_in_a_large_fleet_those_whose_cause_is_looked_for_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explainer, "_NODES_A_LOOK", 6)
    line = Timeline(*RIGS, host=lambda name: "box" if name in RIGS[:2] else "other", group_wait="0s")
    line.at(10).dies(RIGS[0], reason=TIMED_OUT)
    line.at(20).dies(RIGS[2], reason=TIMED_OUT)
    line.at(25).expect("CRITICAL: garage/rig1 lost", "CRITICAL: garage/rig3 lost")
    # Their neighbours report at 60 s; one is looked at each second.
    line.at(63)
    titles = [notification.title.partition(" lost")[0] for _, notification in line.notifications[-2:]]
    assert sorted(titles) == ["CAUSE: garage/rig1", "CAUSE: garage/rig3"]
    moments = [at for at, _ in line.notifications[-2:]]
    assert moments[0] != moments[1]
