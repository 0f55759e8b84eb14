"""Many nodes at once: one message that counts and names them, and children that follow their parent."""

from alerts.incident import NotificationKind
from alerts.route import Route
from tests.unit.alerts.timeline import Timeline

GARAGE = [f"garage/rig{number:02}" for number in range(40)]
ATTIC = ["attic/rig1", "attic/rig2"]


def test_nodes_of_one_site_lost_together_are_one_message_that_counts_and_names_them() -> None:
    line = Timeline(*GARAGE, *ATTIC)
    for number, name in enumerate(GARAGE[:38]):
        line.at(10 + number * 0.05).dies(name)
    line.at(60).expect("CRITICAL: garage: 38 of 40 nodes lost together, uplink or power?")
    assert "garage/rig00, garage/rig01" in line.last().body
    assert "and 26 more" in line.last().body


def test_the_group_is_told_within_five_seconds_of_the_last_will() -> None:
    line = Timeline(*GARAGE)
    for number, name in enumerate(GARAGE):
        line.at(10 + number * 0.1).dies(name)
    line.at(60).expect("garage: 40 nodes lost together")
    last_will = 10 + 39 * 0.1
    assert line.notifications[0][0] <= last_will + 5


def test_nodes_of_one_host_are_named_as_that_host() -> None:
    line = Timeline("garage/gpu0", "garage/gpu1", *ATTIC, host=lambda name: name.split("/")[0] + "-box")
    line.at(10).dies("garage/gpu0", "garage/gpu1")
    line.at(60).expect("CRITICAL: host garage-box at garage: 2 nodes lost together, the machine, or its power?")


def test_nodes_of_several_sites_are_the_fleet() -> None:
    line = Timeline(*GARAGE[:3], *ATTIC)
    line.at(10).dies(*GARAGE[:3], *ATTIC)
    line.at(60).expect(
        "CRITICAL: the fleet: 5 nodes lost together: probably network of the server (all 2 sites went together)"
    )
    assert "garage 3, attic 2" in line.last().body


def test_a_group_that_is_back_is_one_message() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(20).expect("CRITICAL: garage: 40 nodes lost together")
    for number, name in enumerate(GARAGE):
        line.at(70 + number * 0.5).comes_back(name)
    line.at(200).expect("OK: garage: all 40 nodes back, after 1 min 20 s")
    line.at(86400).expect_nothing()


def test_a_group_of_which_some_stay_away_says_how_many_are_back() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(20).expect("CRITICAL")
    line.at(70).comes_back(*GARAGE[:38])
    line.at(131).expect("STILL: garage: 2 of 40 nodes lost, 38 back")
    line.at(5 * 60 + 13).expect("STILL: garage: 2 of 40 nodes lost, 38 back")
    line.at(400).comes_back(*GARAGE[38:]).expect("OK: garage: all 40 nodes back")


def test_two_losses_apart_are_two_messages() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(GARAGE[0])
    line.at(20).dies(GARAGE[1])
    line.at(30).expect("garage/rig00 lost", "garage/rig01 lost")


def test_many_that_flap_together_are_one_message() -> None:
    line = Timeline(*GARAGE)
    for second in (0, 60, 120, 180):
        line.at(second).dies(*GARAGE)
        line.at(second + 30).comes_back(*GARAGE)
    line.at(400).expect("CRITICAL: garage: 40", "OK: garage: all 40 nodes back", "40 nodes: FLAPPING")
    line.at(210 + 605).expect("40 nodes: stable again")


def test_with_hold_0_a_burst_is_at_most_two_messages() -> None:
    line = Timeline(*GARAGE, hold="0s")
    for number, name in enumerate(GARAGE):
        line.at(10 + number * 0.01).dies(name)
    line.at(60).expect("garage/rig00 lost", "garage: 39 of 40 nodes lost together")


def test_a_group_is_one_incident_after_a_restart_too() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(20).expect("CRITICAL: garage: 40")
    line.at(30).server_restarts()
    line.at(31).comes_back(*GARAGE)
    line.at(600).expect("OK: garage: all 40 nodes back")


def test_a_channel_of_one_site_hears_of_a_fleet_that_it_is_part_of() -> None:
    routes = (Route("attic", sites=frozenset({"attic"})), Route("cellar", sites=frozenset({"cellar"})))
    line = Timeline(*GARAGE[:3], *ATTIC, routes=routes)
    line.at(10).dies(*GARAGE[:3], *ATTIC)
    line.at(60).expect("the fleet: 5 nodes lost together")
    assert line.last().channel == "attic"
    assert line.last().kind is NotificationKind.FIRST


def test_the_reason_of_each_child_is_kept() -> None:
    line = Timeline(*ATTIC)
    line.at(10).dies(*ATTIC)
    line.at(60)
    assert any("grouped: into incident" in each for each in line.reasons("lost"))
