"""Lost, silent and stopped nodes on a time line: who is told when, and when no more."""

from alerts.silence import SilenceKind
from tests.unit.alerts.timeline import Timeline

RIG = "garage/rig1"


def test_a_lost_node_is_told_at_once_after_5_minutes_after_an_hour_and_then_no_more() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(11.9).expect_nothing()
    line.at(12).expect("CRITICAL: garage/rig1 lost")
    line.at(5 * 60 + 11.9).expect_nothing()
    line.at(5 * 60 + 12).expect("STILL: garage/rig1 lost for 5 min 2 s")
    line.at(3600 + 12).expect("STILL: garage/rig1 lost for 1 h 2 s")
    line.at(48 * 3600).expect_nothing()


def test_a_message_links_to_the_page_of_its_incident() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(12).expect("CRITICAL")
    assert line.last().body.splitlines()[-1] == "https://rigs.example/incidents/1"


def test_a_message_says_since_when_how_bad_the_last_values_and_what_was_tried() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(12).expect("CRITICAL")
    assert line.last().body.splitlines() == [
        "since 08:53:30 UTC, critical: its connection broke, 10 s after its last report",
        "last report 08:53:20 on host-garage/rig1: 45 MH/s, 25 peers",
        "the broker sent its will; waited 2 s, it did not come back",
        "https://rigs.example/incidents/1",
    ]


def test_a_node_that_comes_back_is_told_with_the_length_of_the_outage() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(60).expect("CRITICAL")
    line.at(130).comes_back(RIG).expect("OK: garage/rig1 back, after 2 min")
    line.at(3600).expect_nothing()


def test_a_node_that_is_back_within_the_hold_is_not_told() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(11.5).comes_back(RIG)
    line.at(3600).expect_nothing()
    assert line.reasons("lost")[-1] == "dismissed: over after 1.5 s, less than the hold of 2 s"


def test_with_hold_0_it_is_told_in_the_same_step() -> None:
    line = Timeline(RIG, hold="0s")
    line.at(10).dies(RIG).expect("CRITICAL: garage/rig1 lost")


def test_a_node_that_comes_and_goes_is_told_as_flapping_once_until_it_is_stable() -> None:
    line = Timeline(RIG)
    for second in (0, 60, 120, 180, 240, 300):
        line.at(second).dies(RIG)
        line.at(second + 30).comes_back(RIG)
    line.expect("CRITICAL: garage/rig1 lost", "OK", "FLAPPING: garage/rig1 lost again and again")
    line.at(330 + 599).expect_nothing()
    line.at(330 + 600).expect("OK: garage/rig1 is stable again")
    line.at(86400).expect_nothing()


def test_a_flapping_node_that_stays_away_is_told_as_still_lost() -> None:
    line = Timeline(RIG)
    for second in (0, 60, 120):
        line.at(second).dies(RIG)
        line.at(second + 30).comes_back(RIG)
    line.at(180).dies(RIG).expect("CRITICAL", "OK", "FLAPPING")
    line.at(779).expect_nothing()
    line.at(780).expect("STABLE: garage/rig1 still lost")
    line.at(780 + 3600).expect("STILL", "STILL")
    line.comes_back(RIG).expect("OK")


def test_what_is_flapping_is_remembered_over_a_restart() -> None:
    line = Timeline(RIG, grace="0s")
    line.at(0).dies(RIG)
    line.at(30).comes_back(RIG).expect("CRITICAL", "OK")
    line.at(40).server_restarts()
    line.at(60).dies(RIG)
    line.at(70).expect("FLAPPING")


def test_a_connected_node_without_reports_is_silent_after_three_intervals() -> None:
    line = Timeline(RIG)
    line.at(60).reports_stop(RIG)
    line.at(240).expect_nothing()
    line.at(241).expect("CRITICAL: garage/rig1 silent")
    line.at(250).report(RIG).expect("OK: garage/rig1 reports again")


def test_a_node_with_a_short_interval_is_not_silent_before_a_hanging_broker_would_be_noticed() -> None:
    line = Timeline(RIG)
    line.at(60).every(RIG, seconds=2).report(RIG).reports_stop(RIG)
    line.at(60 + 25).expect_nothing()
    line.at(60 + 26).expect("CRITICAL: garage/rig1 silent")


def test_after_our_own_absence_a_node_has_time_to_come_back_before_it_is_silent() -> None:
    line = Timeline(RIG, grace="90s")
    line.at(60).every(RIG, seconds=2).report(RIG).reports_stop(RIG)
    line.at(65).broker_goes()
    line.at(67).broker_comes()
    line.at(67 + 90).expect_nothing()
    line.at(67 + 91).expect("CRITICAL: garage/rig1 silent")


def test_a_node_that_reported_to_the_new_broker_and_stopped_is_silent_after_its_own_patience() -> None:
    line = Timeline(RIG, grace="90s")
    line.at(60).every(RIG, seconds=2).report(RIG).reports_stop(RIG)
    line.at(65).broker_goes()
    line.at(67).broker_comes()
    line.at(70).report(RIG).reports_stop(RIG)
    line.at(70 + 25).expect_nothing()
    line.at(70 + 26).expect("CRITICAL: garage/rig1 silent")


def test_a_goodbye_without_maintenance_is_told_after_its_hold() -> None:
    line = Timeline(RIG)
    line.at(10).stops(RIG)
    line.at(69).expect_nothing()
    line.at(70).expect("WARNING: garage/rig1 stopped")
    line.at(86400).expect_nothing()


def test_a_goodbye_within_maintenance_is_not_told() -> None:
    line = Timeline(RIG)
    line.at(0).is_quiet(until=3600, kind=SilenceKind.MAINTENANCE, site="garage")
    line.at(10).stops(RIG)
    line.at(1800).comes_back(RIG)
    line.at(7200).expect_nothing()


def test_a_node_still_stopped_when_its_maintenance_ends_is_told() -> None:
    line = Timeline(RIG)
    line.at(0).is_quiet(until=3600, kind=SilenceKind.MAINTENANCE, site="garage")
    line.at(10).stops(RIG)
    line.at(3599).expect_nothing()
    line.at(3720).expect("WARNING: garage/rig1 stopped")


def test_a_lost_node_and_a_silent_one_are_not_told_twice() -> None:
    line = Timeline(RIG)
    line.at(60).reports_stop(RIG)
    line.at(100).dies(RIG)
    line.at(3000).expect("CRITICAL: garage/rig1 lost", "STILL")


def test_a_node_that_was_revoked_is_not_missed() -> None:
    line = Timeline(RIG)
    line.at(10).leaves(RIG, reason="its key was revoked")
    line.at(3600).expect_nothing()
    assert line.stored == {}


def test_a_node_that_said_goodbye_and_was_revoked_is_not_told_and_the_story_says_why() -> None:
    line = Timeline(RIG)
    line.at(10).stops(RIG)
    line.at(40).leaves(RIG, reason="its key was revoked")
    line.at(3600).expect_nothing()
    assert line.reasons("offline")[-1] == "dismissed: its key was revoked, so nobody misses it"


def test_what_was_open_of_a_revoked_node_is_closed_and_not_called_well() -> None:
    line = Timeline(RIG)
    line.at(60).report(RIG, temperature=95)
    line.at(300).expect("CRITICAL: garage/rig1 is too hot")
    line.at(310).leaves(RIG, reason="its key was revoked")
    line.expect("CLOSED: garage/rig1 is too hot for 4 min 10 s, its key was revoked, so nobody misses it")
    assert "resolved: its key was revoked, so nobody misses it" in line.reasons("hot")
    line.at(86400).expect_nothing()


def test_a_node_without_the_new_key_is_lost_for_that_reason_and_not_silent() -> None:
    line = Timeline(RIG)
    line.at(10).loses_its_key(RIG)
    line.at(12).expect("CRITICAL: garage/rig1 lost")
    assert "its key is no longer accepted: it was rotated" in line.last().body
    assert "'rigwatch enroll rig1 --site garage' prints its new token" in line.last().body
    line.at(100).comes_back(RIG).expect("OK: garage/rig1 back")


def test_a_silent_node_is_told_with_what_is_known_of_its_connection() -> None:
    line = Timeline(RIG)
    line.at(60).reports_stop(RIG)
    line.at(241).expect("CRITICAL: garage/rig1 silent")
    assert "no report for 3 min" in line.last().body
    assert "should be one every 1 min" in line.last().body
    assert "its connection answers the broker all the while" in line.last().body
