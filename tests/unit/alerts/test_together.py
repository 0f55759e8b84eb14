"""Two things at once: groups, silences, acknowledgements, maintenance, flapping and quiet hours, each with another."""

from alerts.route import Route
from alerts.silence import SilenceKind
from tests.unit.alerts.timeline import Timeline

GARAGE = [f"garage/rig{number}" for number in range(4)]
RIG = GARAGE[0]


def test_a_group_of_which_every_node_is_silenced_says_nothing_until_the_silence_ends() -> None:
    line = Timeline(*GARAGE)
    line.at(0).is_quiet(until=900, node="rig*")
    line.at(10).dies(*GARAGE)
    line.at(899).expect_nothing()
    line.at(910).expect("CRITICAL: garage: 4 nodes lost together")


def test_a_group_of_which_some_are_silenced_speaks() -> None:
    line = Timeline(*GARAGE)
    line.at(0).is_quiet(until=900, node="rig0")
    line.at(10).dies(*GARAGE)
    line.at(60).expect("CRITICAL: garage: 3 of 4 nodes lost together")
    line.at(899).expect("STILL: garage: 3 of 3 nodes lost")
    line.at(900).expect("CRITICAL: garage/rig0 lost")


def test_a_group_whose_site_is_in_maintenance_is_not_told() -> None:
    line = Timeline(*GARAGE)
    line.at(0).is_quiet(until=900, kind=SilenceKind.MAINTENANCE, site="garage")
    line.at(10).dies(*GARAGE)
    line.at(600).comes_back(*GARAGE)
    line.at(3600).expect_nothing()


def test_an_acknowledged_group_is_not_told_again_but_its_end_is() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(20).expect("CRITICAL: garage: 4 nodes lost together")
    line.acknowledge("lost")
    line.at(100).comes_back(*GARAGE[:2])
    line.at(4000).expect_nothing()
    line.comes_back(*GARAGE[2:]).expect("OK: garage: all 4 nodes back")


def test_what_flaps_within_a_silence_is_told_once_when_it_ends() -> None:
    line = Timeline(RIG)
    line.at(0).is_quiet(until=900, node="rig0")
    for second in range(10, 610, 60):
        line.at(second).dies(RIG)
        line.at(second + 30).comes_back(RIG)
    line.at(899).expect_nothing()
    line.at(910).expect("FLAPPING: garage/rig0 lost again and again")
    line.at(3600).expect("OK: garage/rig0 is stable again")


def test_what_was_told_before_the_quiet_hours_is_taken_back_after_them() -> None:
    quiet = {"start": "09:00", "end": "10:00", "severities": ["warning"]}
    line = Timeline(RIG, quiet=quiet)
    line.at(10).stops(RIG)
    line.at(100).expect("WARNING: garage/rig0 stopped")
    line.at(1000).comes_back(RIG).expect_nothing()
    line.at(3999).expect_nothing()
    line.at(4000).expect("OK: garage/rig0 back, after 16 min 30 s")


def test_a_node_that_leaves_its_group_by_flapping_speaks_for_itself() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(20).expect("CRITICAL: garage: 4 nodes lost together")
    for second in (30, 60, 90):
        line.at(second).comes_back(RIG)
        line.at(second + 15).dies(RIG)
    line.at(200)
    titles = [notification.title for _, notification in line.notifications[1:]]
    assert [title for title in titles if "rig0" in title] == ["FLAPPING: garage/rig0 lost again and again"]


def test_a_group_of_which_some_were_revoked_says_so_when_the_others_are_back() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(20).expect("CRITICAL: garage: 4 nodes lost together")
    line.leaves(GARAGE[3], reason="its key was revoked")
    line.at(50).comes_back(*GARAGE[:3])
    line.expect("OK: garage: all 4 nodes back, after 40 s (1 not looked at any more)")


def test_a_group_that_was_revoked_whole_is_closed() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(20).expect("CRITICAL: garage: 4 nodes lost together")
    line.at(40).leaves(*GARAGE, reason="its key was revoked")
    line.expect("CLOSED: garage: 4 nodes lost for 30 s, not looked at any more")


def test_what_no_channel_takes_is_in_the_story() -> None:
    for routes, why in (
        ((), "no channel is set up"),
        ((Route("phone", frozenset({"info"})),), "no channel takes critical of garage"),
    ):
        line = Timeline(RIG, routes=routes)
        line.at(10).dies(RIG)
        line.at(20).expect_nothing()
        assert line.reasons("lost")[-1] == f"not told: first: {why}"
